package samlidp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// Fault is something that an IdP can do wrong, or that is unusual.
type Fault struct {
	Name   string
	Doc    string // a sentence
	Counts bool   // it signs people on all the same

	edit func(*samltest.Message)
}

// Faults are what the IdP can do wrong, by name.
func Faults() []Fault {
	list := []Fault{
		{Name: "another audience", Doc: "The assertion is for another service.", edit: func(m *samltest.Message) { m.Audience = "https://other.example/" }},
		{Name: "another recipient", Doc: "The assertion is to be brought to another address.", edit: func(m *samltest.Message) { m.Recipient += "/other" }},
		{Name: "another issuer", Doc: "The assertion is of another IdP.", edit: func(m *samltest.Message) { m.Issuer = "https://other.example/" }},
		{Name: "another request", Doc: "The answer is to a request that nobody made.", edit: func(m *samltest.Message) { m.InResponseTo = "_other" }},
		{Name: "another key", Doc: "A stranger's key has signed.", edit: func(m *samltest.Message) {
			if k, err := samltest.NewKey("another"); err == nil {
				m.Key = k
			}
		}},
		{Name: "no signature", Doc: "Nothing is signed.", edit: func(m *samltest.Message) { m.Shape = samltest.SignNothing }},
		{Name: "SHA-1", Doc: "The signature is by SHA-1.", edit: func(m *samltest.Message) { m.Signing.Method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1" }},
		{Name: "an hour ahead", Doc: "The clock of the IdP is an hour fast.", edit: func(m *samltest.Message) { m.Now = m.Now.Add(time.Hour) }},
		{Name: "an hour behind", Doc: "The clock of the IdP is an hour slow.", edit: func(m *samltest.Message) { m.Now = m.Now.Add(-time.Hour) }},
		{Name: "a minute ahead", Doc: "The clock of the IdP is a minute fast.", Counts: true, edit: func(m *samltest.Message) { m.Now = m.Now.Add(time.Minute) }},
		{Name: "an old sign-on", Doc: "The person signed on at the IdP a day ago.", Counts: true, edit: func(m *samltest.Message) { m.AuthnInstant = m.Now.Add(-24 * time.Hour) }},
		{Name: "the same ID", Doc: "Each assertion has the same ID: the second is a repetition.", Counts: true, edit: func(m *samltest.Message) { m.ID = "_always-the-same" }},
		{Name: "no groups", Doc: "No groups are sent.", Counts: true, edit: func(m *samltest.Message) { m.Attributes = without(m.Attributes, "groups") }},
		{Name: "a second factor", Doc: "The person has used a second factor.", Counts: true, edit: func(m *samltest.Message) { m.Context = mfaContext }},
		{Name: "many groups", Doc: "The person is in 20000 groups.", edit: func(m *samltest.Message) {
			m.Attributes = without(m.Attributes, "groups")
			var list []string
			for n := range 20_000 {
				list = append(list, fmt.Sprintf("group-%d", n))
			}
			m.Attributes = append(m.Attributes, samltest.Attribute{Name: "groups", Values: list})
		}},
		{Name: "a failure", Doc: "The IdP answers with a failure.", edit: func(m *samltest.Message) {
			m.EditResponse = func(text string) string {
				return strings.Replace(text, samltest.Success, "urn:oasis:names:tc:SAML:2.0:status:Responder", 1)
			}
		}},
		{Name: "a comment", Doc: "The name of the person has a comment in it, which hides a part from careless readers.", edit: func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				return strings.Replace(text, "</saml:NameID>", "<!-- -->.evil.example</saml:NameID>", 1)
			}
		}},
	}
	slices.SortFunc(list, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func without(list []samltest.Attribute, name string) []samltest.Attribute {
	return slices.DeleteFunc(slices.Clone(list), func(a samltest.Attribute) bool { return a.Name == name })
}

// Mischief are the names of what the IdP can do wrong.
func Mischief() (names []string) {
	for _, f := range Faults() {
		names = append(names, f.Name)
	}
	return names
}

// Misbehave has the IdP do something wrong from now on; "" and what is not known has
// it behave.
func (i *Provider) Misbehave(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mischief, i.edit = "", nil
	for _, f := range Faults() {
		if f.Name == name {
			i.mischief, i.edit = name, f.edit
		}
	}
}

// Misbehaves is what it does wrong now; "" is nothing.
func (i *Provider) Misbehaves() string {
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
