package response_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/response"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

const (
	idp     = "https://idp.example.com/metadata"
	entity  = "https://app.example.com/sso/acme/metadata"
	acs     = "https://app.example.com/sso/acme/acs"
	request = "_request-1"
	person  = "ada@example.com"
)

// keys of the tests: the IdP's, another of the IdP's, and somebody's. Making them
// takes longer than all the tests.
var keys = sync.OnceValue(func() (k [3]samltest.Key) {
	for i := range k {
		var err error
		if k[i], err = samltest.NewKey("idp"); err != nil { // the same subject: it proves nothing
			panic(err)
		}
	}
	return k
})

func genuine() samltest.Message {
	return samltest.Message{Issuer: idp, Recipient: acs, Audience: entity, InResponseTo: request, NameID: person, Key: keys()[0]}
}

func expected() assertion.Expected {
	return assertion.Expected{Issuer: idp, Audience: entity, Recipient: acs, InResponseTo: request, Now: time.Now(), Skew: 3 * time.Minute}
}

func validator() response.Validator {
	return response.Validator{Limits: wellformed.Messages(), Policy: xmldsig.Policy{Keys: certificates(keys()[0])}}
}

func write(t testing.TB, m samltest.Message) string {
	t.Helper()
	text, err := m.XML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// read is what the validator says.
func read(t testing.TB, v response.Validator, message string, x assertion.Expected) (assertion.Assertion, error) {
	t.Helper()
	a, _, err := v.Read(context.Background(), []byte(message), x)
	return a, err
}

// accepted: the message signs the person on.
func accepted(t testing.TB, what string, v response.Validator, message string, x assertion.Expected) assertion.Assertion {
	t.Helper()
	a, err := read(t, v, message, x)
	if err != nil || a.NameID.Value != person {
		t.Errorf("%s: %q, %v; want %q", what, a.NameID.Value, err, person)
	}
	return a
}

// refused: the message signs nobody on, for one of these reasons.
func refused(t testing.TB, what string, v response.Validator, message string, x assertion.Expected, reasons string) {
	t.Helper()
	a, err := read(t, v, message, x)
	denied := (*authn.Denied)(nil)
	switch {
	case err == nil:
		t.Errorf("%s: it signed %q on", what, a.NameID.Value)
	case !errors.As(err, &denied):
		t.Errorf("%s: %v, want a *authn.Denied", what, err)
	case !strings.Contains("|"+reasons+"|", "|"+denied.Reason+"|"):
		t.Errorf("%s: refused as %q (%s), want %q", what, denied.Reason, denied.Detail, reasons)
	}
}

// attack is one message that has to be refused. Exactly one of the ways to build it
// is set.
type attack struct {
	name   string
	reason string           // or several, with | between: what is found first depends on the shape
	shapes []samltest.Shape // those that it can be built in; nil is all

	signed   func(m *samltest.Message)                   // the IdP says and signs it
	bytes    func(message string) string                 // changed after it was signed
	elements func(t testing.TB, response *etree.Element) // the same, on the tree
}

// attacks runs a table: each row in each shape, after the message that it was made
// from has counted.
func attacks(t *testing.T, rows []attack) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			tried.note(t, row)
			shapes := row.shapes
			if shapes == nil {
				shapes = samltest.Shapes()
			}
			for _, shape := range shapes {
				m := genuine()
				m.Shape = shape
				message := write(t, m)
				accepted(t, shape.String()+", before", validator(), message, expected())
				switch {
				case row.signed != nil:
					row.signed(&m)
					message = write(t, m)
				case row.bytes != nil:
					before := message
					if message = row.bytes(message); message == before {
						t.Errorf("%s: the attack changes nothing", shape)
					}
				default:
					root, err := samltest.Root(message)
					if err != nil {
						t.Fatal(err)
					}
					row.elements(t, root)
					if message, err = samltest.Text(root); err != nil {
						t.Fatal(err)
					}
				}
				refused(t, shape.String(), validator(), message, expected(), row.reason)
				if shape == samltest.SignAssertion {
					show(t, row.name, message)
				}
			}
		})
	}
}

// show writes an attack of another library's past into the folder that
// $GATEHOUSE_ATTACKS names, for that library to be tried with.
func show(t testing.TB, name, message string) {
	t.Helper()
	folder := os.Getenv("GATEHOUSE_ATTACKS")
	if folder == "" || !strings.HasPrefix(name, "CVE-") {
		return
	}
	id, _, _ := strings.Cut(strings.ToLower(name), ",")
	m := genuine()
	m.Shape = samltest.SignAssertion
	for file, text := range map[string]string{id + ".xml": message, "genuine.xml": write(t, m), "idp.crt": keys()[0].PEM()} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// said makes a row's signed from a change of the assertion's text, which has to
// change it.
func said(from, to string) func(m *samltest.Message) {
	return func(m *samltest.Message) {
		m.EditAssertion = func(text string) string { return replace(text, from, to) }
	}
}

// saidByResponse is the same for the Response.
func saidByResponse(from, to string) func(m *samltest.Message) {
	return func(m *samltest.Message) {
		m.EditResponse = func(text string) string { return replace(text, from, to) }
	}
}

func replace(text, from, to string) string {
	if !strings.Contains(text, from) {
		panic("the attack does not fit the message: " + from)
	}
	return strings.Replace(text, from, to, 1)
}

// from is the part of a text that begins with a mark, and before the part until it.
func from(text, mark string) string {
	_, after, found := strings.Cut(text, mark)
	if !found {
		panic("the attack does not fit the message: " + mark)
	}
	return mark + after
}

func before(text, mark string) string { return strings.TrimSuffix(text, from(text, mark)) }

func child(e *etree.Element, tag string) *etree.Element {
	for _, c := range e.ChildElements() {
		if c.Tag == tag {
			return c
		}
	}
	return nil
}

// rename makes an element, a Response or an Assertion, about the administrator.
func rename(e *etree.Element) *etree.Element {
	for _, name := range e.FindElements(".//NameID") {
		name.SetText("admin@example.com")
	}
	return e
}

// unsigned takes the signature of an element away.
func unsigned(e *etree.Element) *etree.Element {
	if s := child(e, "Signature"); s != nil {
		e.RemoveChild(s)
	}
	return e
}

func certificates(list ...samltest.Key) (out []*x509.Certificate) {
	for _, k := range list {
		out = append(out, k.Certificate)
	}
	return out
}
