package samlidp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// mischief is what an IdP can do wrong, by name.
func mischief() map[string]func(*samltest.Message) {
	return map[string]func(*samltest.Message){
		"another audience":  func(m *samltest.Message) { m.Audience = "https://other.example/" },
		"another recipient": func(m *samltest.Message) { m.Recipient += "/other" },
		"another issuer":    func(m *samltest.Message) { m.Issuer = "https://other.example/" },
		"another request":   func(m *samltest.Message) { m.InResponseTo = "_other" },
		"another key": func(m *samltest.Message) {
			if k, err := samltest.NewKey("another"); err == nil {
				m.Key = k
			}
		},
		"no signature":    func(m *samltest.Message) { m.Shape = samltest.SignNothing },
		"SHA-1":           func(m *samltest.Message) { m.Signing.Method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1" },
		"an hour ahead":   func(m *samltest.Message) { m.Now = m.Now.Add(time.Hour) },
		"an hour behind":  func(m *samltest.Message) { m.Now = m.Now.Add(-time.Hour) },
		"a minute ahead":  func(m *samltest.Message) { m.Now = m.Now.Add(time.Minute) },
		"an old sign-on":  func(m *samltest.Message) { m.AuthnInstant = m.Now.Add(-24 * time.Hour) },
		"the same ID":     func(m *samltest.Message) { m.ID = "_always-the-same" },
		"no groups":       func(m *samltest.Message) { m.Attributes = without(m.Attributes, "groups") },
		"a second factor": func(m *samltest.Message) { m.Context = mfaContext },
		"many groups": func(m *samltest.Message) {
			m.Attributes = without(m.Attributes, "groups")
			var list []string
			for n := range 20_000 {
				list = append(list, fmt.Sprintf("group-%d", n))
			}
			m.Attributes = append(m.Attributes, samltest.Attribute{Name: "groups", Values: list})
		},
		"a failure": func(m *samltest.Message) {
			m.EditResponse = func(text string) string {
				return strings.Replace(text, samltest.Success, "urn:oasis:names:tc:SAML:2.0:status:Responder", 1)
			}
		},
		"a comment": func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				return strings.Replace(text, "</saml:NameID>", "<!-- -->.evil.example</saml:NameID>", 1)
			}
		},
	}
}

func without(list []samltest.Attribute, name string) []samltest.Attribute {
	return slices.DeleteFunc(slices.Clone(list), func(a samltest.Attribute) bool { return a.Name == name })
}

// Mischief are the names of what the IdP can do wrong.
func Mischief() []string { return slices.Sorted(maps.Keys(mischief())) }

// Misbehave has the IdP do something wrong from now on; "" and what is not known has
// it behave.
func (i *Provider) Misbehave(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mischief, i.edit = name, mischief()[name]
}

// misbehaves is what it does wrong now.
func (i *Provider) misbehaves() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.mischief
}

// Edit has the IdP change its messages as a test likes; nil has it behave.
func (i *Provider) Edit(by func(*samltest.Message)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mischief, i.edit = "", by
}
