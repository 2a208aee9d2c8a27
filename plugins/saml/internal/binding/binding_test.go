package binding_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/binding"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

const limit = 1000

// What is written is read again, whatever the relay is.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	for _, relay := range []string{"", "r", "a&SAMLRequest=x", "ü +/=%&#"} {
		query, err := binding.Query(binding.Request, []byte("<a/>"), relay)
		if err != nil {
			t.Fatal(err)
		}
		signed := binding.WithAlgorithm(query)
		m, err := binding.Read(authn.Incoming{Method: "GET", RawQuery: binding.WithSignature(signed, []byte("signature"))}, limit)
		if err != nil || !m.Request || string(m.XML) != "<a/>" || m.RelayState != relay || m.Signed != signed || string(m.Signature) != "signature" || m.SigAlg != binding.RSASHA256 {
			t.Errorf("%q: %+v, %v", relay, m, err)
		}
		m, err = binding.Read(authn.Incoming{Method: "POST", Form: binding.Form(binding.Response, []byte("<a/>"), relay)}, limit)
		if err != nil || m.Request || string(m.XML) != "<a/>" || m.RelayState != relay || m.Signature != nil {
			t.Errorf("%q: %+v, %v", relay, m, err)
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	full := encode(strings.Repeat("a", limit))
	for name, c := range map[string]struct {
		form []authn.Field
		fine bool
	}{
		"one":                  {[]authn.Field{{Name: "SAMLResponse", Value: encode("<a/>")}}, true},
		"with line breaks":     {[]authn.Field{{Name: "SAMLResponse", Value: full[:76] + "\r\n" + full[76:] + "\n"}}, true},
		"beside other fields":  {[]authn.Field{{Name: "x", Value: "1"}, {Name: "x", Value: "2"}, {Name: "SAMLResponse", Value: full}}, true},
		"none":                 {nil, false},
		"two":                  {[]authn.Field{{Name: "SAMLResponse", Value: full}, {Name: "SAMLResponse", Value: full}}, false},
		"one of each":          {[]authn.Field{{Name: "SAMLResponse", Value: full}, {Name: "SAMLRequest", Value: full}}, false},
		"two relays":           {[]authn.Field{{Name: "SAMLResponse", Value: full}, {Name: "RelayState"}, {Name: "RelayState"}}, false},
		"a long relay":         {[]authn.Field{{Name: "SAMLResponse", Value: full}, {Name: "RelayState", Value: strings.Repeat("a", 2000)}}, false},
		"a relay with NUL":     {[]authn.Field{{Name: "SAMLResponse", Value: full}, {Name: "RelayState", Value: "\x00"}}, false},
		"no base64":            {[]authn.Field{{Name: "SAMLResponse", Value: "<a/>"}}, false},
		"base64 for addresses": {[]authn.Field{{Name: "SAMLResponse", Value: "-_-_"}}, false},
		"base64 with a rest":   {[]authn.Field{{Name: "SAMLResponse", Value: "QQ=="}, {Name: "x"}}, true},
		"base64 that is loose": {[]authn.Field{{Name: "SAMLResponse", Value: "QR=="}}, false},
		"nothing":              {[]authn.Field{{Name: "SAMLResponse"}}, false},
		"much":                 {[]authn.Field{{Name: "SAMLResponse", Value: strings.Repeat("A", 4*limit)}}, false},
	} {
		_, err := binding.Read(authn.Incoming{Method: "POST", Form: c.form}, limit)
		if denied := (*authn.Denied)(nil); (err == nil) != c.fine || err != nil && !errors.As(err, &denied) {
			t.Errorf("%s: %v, want it to be taken: %v", name, err, c.fine)
		}
	}
}

// FuzzRead: a query is denied or read, and what is signed stands in it as it is.
func FuzzRead(f *testing.F) {
	good, err := binding.Query(binding.Request, []byte("<a/>"), "relay")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(binding.WithSignature(binding.WithAlgorithm(good), []byte("x")))
	f.Add("SAMLResponse=%&&&=")
	f.Add("SAMLRequest=QQ%3D%3D&SigAlg&Signature=0000") // without a sign of equality, which would be signed too
	f.Fuzz(func(t *testing.T, query string) {
		m, err := binding.Read(authn.Incoming{Method: "GET", RawQuery: query}, limit)
		if err != nil {
			if denied := (*authn.Denied)(nil); !errors.As(err, &denied) {
				t.Error(err)
			}
			return
		}
		if len(m.XML) > limit || bytes.Count([]byte(query), []byte("SAMLRe")) == 0 {
			t.Errorf("%d bytes of XML", len(m.XML))
		}
		for part := range strings.SplitSeq(m.Signed, "&") {
			if !strings.Contains("&"+query+"&", "&"+part+"&") && part != "" {
				t.Errorf("%q is said to be signed, and does not stand in %q", part, query)
			}
		}
		if _, err := url.QueryUnescape(m.Signed); err != nil {
			t.Error(err)
		}
	})
}
