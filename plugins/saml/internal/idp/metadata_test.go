package idp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

const (
	entity = "https://idp.example.com/metadata"
	sso    = "https://idp.example.com/sso"
	slo    = "https://idp.example.com/slo"
)

func key(t testing.TB) samltest.Key {
	t.Helper()
	k, err := samltest.NewKey("idp")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParse(t *testing.T) {
	t.Parallel()
	one, two := key(t), key(t)
	text := samltest.Metadata(entity, sso, slo, one, two)
	p, err := idp.Parse([]byte(text), "", nil, time.Now())
	if err != nil || p.EntityID != entity || len(p.Certificates) != 2 || len(p.SSO) != 2 || len(p.SLO) != 2 || p.SSO[0].Binding != idp.Redirect {
		t.Fatalf("%+v, %v", p, err)
	}
	change := func(from, to string) string {
		t.Helper()
		if !strings.Contains(text, from) {
			t.Fatal(from)
		}
		return strings.Replace(text, from, to, 1)
	}
	several := func(list ...string) string {
		var out strings.Builder
		out.WriteString(`<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">`)
		for _, one := range list {
			_, entity, _ := strings.Cut(one, "<md:EntityDescriptor")
			out.WriteString("<md:EntityDescriptor" + entity)
		}
		return out.String() + `</md:EntitiesDescriptor>`
	}
	other := samltest.Metadata("https://other.example/", sso, slo, two)
	for name, c := range map[string]struct {
		text, entity string
		fine         bool
	}{
		"a comment":                       {change("<md:IDPSSODescriptor", "<!-- ours --><md:IDPSSODescriptor"), "", true},
		"keys without a use":              {strings.ReplaceAll(text, ` use="signing"`, ""), "", true},
		"no key":                          {strings.ReplaceAll(text, ` use="signing"`, ` use="encryption"`), "", false},
		"a key that is none":              {change(one.Base64(), "AAAA"), "", false},
		"the right entity":                {text, entity, true},
		"another entity":                  {text, "https://other.example/", false},
		"one of two":                      {several(text, other), entity, true},
		"one of two, unsaid":              {several(text, other), "", false},
		"one of one":                      {several(text), "", true},
		"one that stands twice":           {several(text, text), entity, false},
		"valid for an hour":               {change(" entityID=", ` validUntil="`+samltest.Stamp(time.Now().Add(time.Hour))+`" entityID=`), "", true},
		"over":                            {change(" entityID=", ` validUntil="`+samltest.Stamp(time.Now().Add(-time.Hour))+`" entityID=`), "", false},
		"over at no time":                 {change(" entityID=", ` validUntil="tomorrow" entityID=`), "", false},
		"a script (CVE-2023-45683)":       {strings.ReplaceAll(text, sso, "javascript:alert(1)"), "", false},
		"a script to log out":             {strings.ReplaceAll(text, slo, "javascript:alert(1)"), "", false},
		"an address with a user":          {strings.ReplaceAll(text, sso, "https://a@idp.example.com/"), "", false},
		"a path":                          {strings.ReplaceAll(text, sso, "/sso"), "", false},
		"another binding only":            {strings.ReplaceAll(strings.ReplaceAll(text, "HTTP-Redirect", "SOAP"), "HTTP-POST", "PAOS"), "", false},
		"another protocol":                {change("SAML:2.0:protocol", "SAML:1.1:protocol"), "", false},
		"no role":                         {strings.ReplaceAll(text, "IDPSSODescriptor", "SPSSODescriptor"), "", false},
		"no name":                         {change(entity, ""), "", false},
		"a document type":                 {change("<md:EntityDescriptor", "<!DOCTYPE a><md:EntityDescriptor"), "", false},
		"another document":                {"<html/>", "", false},
		"nothing":                         {"", "", false},
		"much":                            {text + strings.Repeat(" ", idp.Limit), "", false},
		"a name in another namespace too": {change(" entityID=", ` xmlns:x="urn:x" x:entityID="https://other.example/" entityID=`), entity, true},
	} {
		if _, err := idp.Parse([]byte(c.text), c.entity, nil, time.Now()); (err == nil) != c.fine {
			t.Errorf("%s: %v, want it to be taken: %v", name, err, c.fine)
		}
	}
	timed, err := idp.Parse([]byte(change(" entityID=", ` cacheDuration="P1DT2H3M4.5S" entityID=`)), "", nil, time.Now())
	if err != nil || timed.CacheDuration != 26*time.Hour+3*time.Minute+4*time.Second {
		t.Errorf("%s, %v", timed.CacheDuration, err)
	}
}

// FuzzParse: nothing panics, and what is taken has a certificate and plain addresses.
func FuzzParse(f *testing.F) {
	text := samltest.Metadata(entity, sso, slo, key(f))
	f.Add([]byte(text), "")
	f.Add([]byte(text), entity)
	f.Add([]byte("<a/>"), "")
	f.Add([]byte(`<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"/>`), entity)
	f.Fuzz(func(t *testing.T, document []byte, id string) {
		p, err := idp.Parse(document, id, nil, time.Now())
		if err != nil {
			if strings.Contains(err.Error(), "reading it failed") {
				t.Error("something panicked")
			}
			return
		}
		if len(p.Certificates) == 0 || len(p.SSO) == 0 || id != "" && p.EntityID != id {
			t.Errorf("it is %+v", p)
		}
		for _, e := range append(p.SSO, p.SLO...) {
			if err := idp.CheckURL(e.URL); err != nil {
				t.Error(err)
			}
		}
	})
}
