package saml_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

const (
	idpID = "https://idp.example.com/metadata"
	sso   = "https://idp.example.com/sso?tenant=7"
	slo   = "https://idp.example.com/slo"
	name  = "acme/saml"
	ada   = "ada@example.com"
)

// keys are two of the IdP's, and somebody's. Making them takes longer than the tests.
var keys = sync.OnceValue(func() (k [3]samltest.Key) {
	for i := range k {
		var err error
		if k[i], err = samltest.NewKey("idp"); err != nil {
			panic(err)
		}
	}
	return k
})

type doc = map[string]any

// config is a block, as the host hands it over: with all defaults.
func config(change doc) doc {
	c := doc{
		"metadata": samltest.Metadata(idpID, sso, slo, keys()[0]), "metadata_refresh": "1h", "new_certificates": "overlap", "sign_requests": true,
		"require_encryption": false, "allow_sha1": false, "allow_cbc": false, "clock_skew": "3m", "max_size": 2 << 20, "logout": true,
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == nil })
	return c
}

// byHand is a block without metadata.
func byHand(change doc) doc {
	c := doc{"metadata": nil, "entity_id": idpID, "sso_url": sso, "slo_url": slo, "certificates": []string{keys()[0].PEM()}}
	maps.Copy(c, change)
	return config(c)
}

// asked reads the request that a browser is sent with.
func asked(t testing.TB, b authn.Begun) samltest.Sent {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Fields) > 0 {
		s, err := samltest.ReadPOST(field(b.Fields, "SAMLRequest"), field(b.Fields, "RelayState"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, err := samltest.ReadRedirect(u.RawQuery, "SAMLRequest")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func field(list []authn.Field, name string) string {
	for _, f := range list {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// answers plays the IdP, about Ada.
func answers(change func(m *samltest.Message)) plugintest.Answer {
	return func(t testing.TB, r authn.BeginRequest, b authn.Begun) authn.Incoming {
		t.Helper()
		request := asked(t, b)
		m := samltest.Message{
			Issuer: idpID, Recipient: r.Endpoints.CompleteURL, Audience: request.Text("./Issuer"), InResponseTo: request.Value("ID"), NameID: ada, Key: keys()[0],
			Attributes: []samltest.Attribute{{Name: "groups", Values: []string{"Data", "Platform Admins"}}, {Name: "email", Values: []string{ada}}, {Name: "firstName", Values: []string{"Ada"}}},
		}
		if change != nil {
			change(&m)
		}
		text, err := m.XML()
		if err != nil {
			t.Fatal(err)
		}
		return posted(text, request.RelayState)
	}
}

func posted(response, relay string) authn.Incoming {
	return authn.Incoming{Method: "POST", ContentType: "application/x-www-form-urlencoded", Form: []authn.Field{
		{Name: "SAMLResponse", Value: base64.StdEncoding.EncodeToString([]byte(response))}, {Name: "RelayState", Value: relay},
	}}
}

// fixture tells the conformance suite what is right and wrong for this plugin.
func fixture() plugintest.PeopleFixture {
	bad := func(values doc, path string) plugintest.BadConfig {
		return plugintest.BadConfig{Values: values, Path: diag.Path{path}}
	}
	denied := func(reason string, change func(m *samltest.Message)) plugintest.DeniedAnswer {
		return plugintest.DeniedAnswer{Answer: answers(change), Reason: reason}
	}
	return plugintest.PeopleFixture{
		Kind: "saml", Config: config(nil), Answer: answers(nil),
		BadConfigs: map[string]plugintest.BadConfig{
			"nothing":                     {Values: config(doc{"metadata": nil}), Path: nil},
			"no entity":                   bad(byHand(doc{"entity_id": nil}), "entity_id"),
			"no address":                  bad(byHand(doc{"sso_url": nil}), "sso_url"),
			"no certificate":              bad(byHand(doc{"certificates": nil}), "certificates"),
			"a certificate that is none":  bad(byHand(doc{"certificates": []string{"x"}}), "certificates"),
			"a script":                    bad(byHand(doc{"sso_url": "javascript:alert(1)"}), "sso_url"),
			"an address with a user":      bad(byHand(doc{"slo_url": "https://a@idp.example.com/"}), "slo_url"),
			"metadata and an address":     bad(config(doc{"sso_url": sso}), "sso_url"),
			"metadata twice":              bad(config(doc{"metadata_url": "https://idp.example.com/"}), "metadata"),
			"a path as address":           bad(config(doc{"metadata": nil, "metadata_url": "/metadata"}), "metadata_url"),
			"metadata that is none":       bad(config(doc{"metadata": "<a/>"}), "metadata"),
			"metadata of another":         bad(config(doc{"entity_id": "https://other.example/"}), "metadata"),
			"metadata that nobody signed": bad(config(doc{"metadata_certificate": keys()[1].PEM()}), "metadata"),
			"a signer that is none":       bad(config(doc{"metadata_certificate": "x"}), "metadata_certificate"),
			"a rule that is none":         bad(config(doc{"new_certificates": "sometimes"}), "new_certificates"),
			"a binding that is none":      bad(config(doc{"binding": "artifact"}), "binding"),
			"a format that is none":       bad(config(doc{"name_id_format": "name"}), "name_id_format"),
			"much skew":                   bad(config(doc{"clock_skew": "1h"}), "clock_skew"),
			"often":                       bad(config(doc{"metadata_refresh": "1s"}), "metadata_refresh"),
			"a huge size":                 bad(config(doc{"max_size": 1 << 30}), "max_size"),
			"half a byte":                 bad(config(doc{"max_size": 20000.5}), "max_size"),
			"a class that is none":        bad(config(doc{"authn_context": []string{"mfa"}}), "authn_context"),
			"an MFA class that is none":   bad(config(doc{"mfa_contexts": []string{"mfa"}}), "mfa_contexts"),
			"values of no attribute":      bad(config(doc{"mfa_values": []string{"mfa"}}), "mfa_values"),
			"an attribute without values": bad(config(doc{"mfa_attribute": "amr"}), "mfa_values"),
		},
		Denied: map[string]plugintest.DeniedAnswer{
			"by somebody":        denied("signature", func(m *samltest.Message) { m.Key = keys()[2] }),
			"by nobody":          denied("unsigned", func(m *samltest.Message) { m.Shape = samltest.SignNothing }),
			"for another":        denied("audience", func(m *samltest.Message) { m.Audience = "https://other.example/" }),
			"of another":         denied("issuer", func(m *samltest.Message) { m.Issuer = "https://other.example/" }),
			"to another request": denied("in_response_to", func(m *samltest.Message) { m.InResponseTo = "_other" }),
			"to no request":      denied("in_response_to", func(m *samltest.Message) { m.InResponseTo = "" }),
			"of yesterday":       denied("issue_instant", func(m *samltest.Message) { m.Now = time.Now().Add(-24 * time.Hour) }),
			"with two addresses": denied("attribute", func(m *samltest.Message) {
				m.Attributes = append(m.Attributes, samltest.Attribute{Name: "email", Values: []string{"eve@example.com"}})
			}),
			"encrypted to nobody": denied("decryption", func(m *samltest.Message) {
				m.Encryption = &samltest.Encryption{To: keys()[0].Public()}
			}),
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, saml.Plugin()) }, fixture())
}

// The same with metadata that is fetched.
func TestConformanceWithMetadata(t *testing.T) {
	t.Parallel()
	f := fixture()
	f.Config = config(doc{"metadata": nil, "metadata_url": "https://idp.example.com/metadata.xml"})
	f.Web = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(samltest.Metadata(idpID, sso, slo, keys()[0])))
	})
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, saml.Plugin()) }, f)
}

func TestConformanceOfTheBinary(t *testing.T) {
	t.Parallel()
	binary := plugintest.Build(t, "internal/binary")
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, binary) }, fixture())
}
