package response_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// honest is what identity providers send, and what has to be taken.
func honest() map[string]func(m *samltest.Message) {
	return map[string]func(m *samltest.Message){
		"as it is":                      func(*samltest.Message) {},
		"without KeyInfo":               func(m *samltest.Message) { m.Signing.NoKeyInfo = true },
		"several audiences, ours first": said("</saml:Audience>", "</saml:Audience><saml:Audience>https://other.example/</saml:Audience>"),
		"several audiences, ours last":  said("<saml:Audience>", "<saml:Audience>https://other.example/</saml:Audience><saml:Audience>"),
		"an audience with space around": said("<saml:Audience>"+entity, "<saml:Audience>\n  "+entity+"\n"),
		"conditions without an end": func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				i := strings.Index(text, "<saml:Conditions ")
				j := i + strings.Index(text[i:], ">")
				return text[:i] + "<saml:Conditions" + text[j:]
			}
		},
		"OneTimeUse and ProxyRestriction": said("</saml:Conditions>", `<saml:OneTimeUse/><saml:ProxyRestriction Count="0"/></saml:Conditions>`),
		"Okta's list of prefixes": func(m *samltest.Message) {
			m.Signing.Prefixes = "xs"
			m.Attributes = []samltest.Attribute{{Name: "groups", Values: []string{"a", "b"}}}
		},
		"Entra's default namespace": func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				return strings.NewReplacer("xmlns:saml=", "xmlns=", "<saml:", "<", "</saml:", "</").Replace(text)
			}
		},
		"a byte order mark": func(m *samltest.Message) {},
		"fractions of a second": func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				now := samltest.Stamp(m.Now)
				return strings.ReplaceAll(text, now, strings.TrimSuffix(now, "Z")+".123456789Z")
			}
			m.Now = time.Now()
		},
		"a window of 70 minutes": said("<saml:AuthnStatement", "<saml:AuthnStatement"),
		"line breaks": func(m *samltest.Message) {
			m.EditAssertion = func(text string) string { return strings.ReplaceAll(text, "><", ">\n  <") }
		},
		"an IdP whose clock is two minutes ahead":  func(m *samltest.Message) { m.Now = time.Now().Add(2 * time.Minute) },
		"an IdP whose clock is two minutes behind": func(m *samltest.Message) { m.Now = time.Now().Add(-2 * time.Minute) },
		"an attribute for each value": func(m *samltest.Message) {
			m.Attributes = []samltest.Attribute{{Name: "Role", Values: []string{"a"}}, {Name: "Role", Values: []string{"b"}}}
		},
		"a value that is no text": func(m *samltest.Message) {
			m.Attributes = []samltest.Attribute{{Name: "eduPersonTargetedID", Values: []string{"x"}}}
			m.EditAssertion = func(text string) string {
				return replace(text, ">x</saml:AttributeValue>", "><saml:NameID>x</saml:NameID></saml:AttributeValue>")
			}
		},
		"strange characters": func(m *samltest.Message) {
			m.Attributes = []samltest.Attribute{{Name: "a", Values: []string{"<&>\"'\t\r\n é 日本 😀", "", "]]>"}}}
		},
		"strange characters in an attribute": func(m *samltest.Message) {
			m.Attributes = []samltest.Attribute{{Name: "a&\"<>'\té", Values: []string{"x"}}}
			m.EditAssertion = func(text string) string {
				return replace(text, "<saml:Attribute ", `<saml:Attribute FriendlyName="a&#xA;b&#x9;c&#xD;d &amp;&lt;>'&quot;" `)
			}
		},
		"a signature at the end": func(m *samltest.Message) {
			m.Signing.Last = true
			m.Attributes = []samltest.Attribute{{Name: "groups", Values: make([]string, 1500)}}
		},
		"20,000 groups": func(m *samltest.Message) {
			m.Attributes = []samltest.Attribute{{Name: "groups", Values: make([]string, 20_000)}}
		},
		"an encoding that is said": func(m *samltest.Message) {},
	}
}

func TestHonestResponses(t *testing.T) {
	t.Parallel()
	for name, edit := range honest() {
		for _, shape := range samltest.Shapes() {
			m := genuine()
			m.Shape = shape
			edit(&m)
			message := write(t, m)
			switch name {
			case "a byte order mark":
				message = "\ufeff" + message
			case "an encoding that is said":
				message = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + "\n" + message + "\n"
			}
			a := accepted(t, name+", "+shape.String(), validator(), message, expected())
			if name == "strange characters" && (len(a.Attributes) != 1 || a.Attributes[0].Values[0] != m.Attributes[0].Values[0]) {
				t.Errorf("it says %+v", a.Attributes)
			}
			if name == "20,000 groups" && len(a.Attributes[0].Values) != 20_000 {
				t.Errorf("%d groups arrived", len(a.Attributes[0].Values))
			}
		}
	}
}

// Which key it is by is all that counts of a certificate.
func TestKeys(t *testing.T) {
	t.Parallel()
	one, two, stranger := keys()[0], keys()[1], keys()[2]
	expired, err := one.Renew(time.Now().AddDate(-3, 0, 0), time.Now().AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := one.Renew(time.Now(), time.Now().AddDate(10, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	curve, err := samltest.NewECKey("curve")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pins   []samltest.Key
		signer samltest.Key
		hidden bool
	}{
		"the second of two":                   {[]samltest.Key{one, two}, two, false},
		"the second of two, without KeyInfo":  {[]samltest.Key{one, two}, two, true},
		"an expired certificate":              {[]samltest.Key{expired}, expired, false},
		"a renewed certificate over one key":  {[]samltest.Key{one}, renewed, false},
		"two certificates over one key":       {[]samltest.Key{expired, renewed}, one, false},
		"a curve":                             {[]samltest.Key{one, curve}, curve, false},
		"a curve, without KeyInfo":            {[]samltest.Key{one, curve}, curve, true},
		"a certificate that is yet to begin":  {[]samltest.Key{renewed}, renewed, false},
		"in the other order, without KeyInfo": {[]samltest.Key{two, one}, one, true},
	} {
		for _, shape := range samltest.Shapes() {
			m := genuine()
			m.Shape, m.Key, m.Signing.NoKeyInfo = shape, c.signer, c.hidden
			v := validator()
			v.Policy = xmldsig.Policy{Keys: certificates(c.pins...)}
			accepted(t, name+", "+shape.String(), v, write(t, m), expected())
			m.Key = stranger
			refused(t, name+", a stranger, "+shape.String(), v, write(t, m), expected(), "signature")
		}
	}
}

// SHA-1 counts where the connection says so, and is written down then.
func TestSHA1(t *testing.T) {
	t.Parallel()
	v := validator()
	v.Policy.SHA1 = true
	m := genuine()
	m.Signing.Method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
	_, weak, err := v.Read(t.Context(), []byte(write(t, m)), expected())
	if err != nil || strings.Join(weak, " ") != "rsa-sha1 sha1-digest" {
		t.Errorf("%q, %v", weak, err)
	}
}

// What a signed message looks like may change as long as it says the same: line
// breaks between attributes and in their values, and references.
func TestTheSameInOtherBytes(t *testing.T) {
	t.Parallel()
	for _, shape := range samltest.Shapes() {
		m := genuine()
		m.Shape = shape
		m.EditAssertion = func(text string) string {
			return replace(text, "<saml:NameID ", `<saml:NameID SPProvidedID="a b" `)
		}
		message := write(t, m)
		for from, to := range map[string]string{
			` SPProvidedID="a b"`: "\n\tSPProvidedID='a\r\nb'\n", ">" + person + "<": ">&#97;da@example.com<", `<samlp:StatusCode `: "<samlp:StatusCode\n ", " Recipient=": "\nRecipient=",
		} {
			accepted(t, shape.String()+", "+to, validator(), replace(message, from, to), expected())
		}
	}
}
