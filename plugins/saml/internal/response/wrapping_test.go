package response_test

import (
	"testing"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

var (
	assertionSigned = []samltest.Shape{samltest.SignAssertion, samltest.SignBoth}
	responseSigned  = []samltest.Shape{samltest.SignResponse, samltest.SignBoth}
)

// evil is a copy of a Response's assertion about somebody else, with another ID and
// without a signature.
func evil(r *etree.Element) *etree.Element {
	e := unsigned(rename(child(r, "Assertion").Copy()))
	e.CreateAttr("ID", "_evil")
	return e
}

// The wrapping attacks of Somorovsky and others, "On Breaking SAML" (USENIX Security
// 2012), and what was found after it.
func TestSignatureWrapping(t *testing.T) {
	t.Parallel()
	attacks(t, []attack{
		{name: "XSW1, the signed response inside its signature", reason: "assertions|id", shapes: responseSigned, elements: func(_ testing.TB, r *etree.Element) {
			c := unsigned(r.Copy())
			child(rename(r), "Signature").AddChild(c)
			r.CreateAttr("ID", "_evil")
		}},
		{name: "XSW2, the signed response before its signature", reason: "assertions|id", shapes: responseSigned, elements: func(_ testing.TB, r *etree.Element) {
			c := unsigned(r.Copy())
			rename(r).InsertChildAt(child(r, "Signature").Index(), c)
			r.CreateAttr("ID", "_evil")
		}},
		{name: "XSW3, an assertion before the signed one", reason: "assertions", elements: func(_ testing.TB, r *etree.Element) {
			r.InsertChildAt(child(r, "Assertion").Index(), evil(r))
		}},
		{name: "XSW4, the signed assertion within another", reason: "assertions", elements: func(_ testing.TB, r *etree.Element) {
			e := evil(r)
			a := child(r, "Assertion")
			r.AddChild(e)
			e.AddChild(a)
		}},
		{name: "XSW5, the signature in another assertion, that after it", reason: "assertions", shapes: assertionSigned, elements: func(_ testing.TB, r *etree.Element) {
			e := child(r, "Assertion")
			r.AddChild(unsigned(e.Copy()))
			rename(e).CreateAttr("ID", "_evil")
		}},
		{name: "XSW6, that in the signature", reason: "assertions", shapes: assertionSigned, elements: func(_ testing.TB, r *etree.Element) {
			e := child(r, "Assertion")
			a := unsigned(e.Copy())
			child(rename(e), "Signature").AddChild(a)
			e.CreateAttr("ID", "_evil")
		}},
		{name: "XSW7, an assertion in Extensions", reason: "assertions", elements: func(_ testing.TB, r *etree.Element) {
			x := r.CreateElement("Extensions")
			x.AddChild(evil(r))
			r.InsertChildAt(child(r, "Assertion").Index(), x)
		}},
		{name: "XSW8, the signed assertion in an Object", reason: "assertions", shapes: assertionSigned, elements: func(_ testing.TB, r *etree.Element) {
			e := child(r, "Assertion")
			a := unsigned(e.Copy())
			child(rename(e), "Signature").CreateElement("ds:Object").AddChild(a)
			e.CreateAttr("ID", "_evil")
		}},
		{name: "an assertion of the same ID", reason: "assertions|id", elements: func(_ testing.TB, r *etree.Element) {
			e := evil(r)
			e.CreateAttr("ID", child(r, "Assertion").SelectAttrValue("ID", ""))
			r.InsertChildAt(child(r, "Assertion").Index(), e)
		}},
		{name: "an assertion with a copy of the signature", reason: "assertions|id", shapes: assertionSigned, elements: func(_ testing.TB, r *etree.Element) {
			e := rename(child(r, "Assertion").Copy())
			e.CreateAttr("ID", "_evil")
			r.InsertChildAt(child(r, "Assertion").Index(), e)
		}},
		{name: "CVE-2022-41912, an assertion before and after", reason: "assertions|id", elements: func(_ testing.TB, r *etree.Element) {
			e := evil(r)
			r.InsertChildAt(child(r, "Assertion").Index(), e)
			r.AddChild(e.Copy())
		}},
		{name: "CVE-2022-41912, an assertion after", reason: "assertions", elements: func(_ testing.TB, r *etree.Element) { r.AddChild(evil(r)) }},
		{name: "the signed assertion in Extensions, its signature in the other", reason: "assertions|id", shapes: assertionSigned, elements: func(_ testing.TB, r *etree.Element) {
			a := child(r, "Assertion")
			e := rename(a.Copy())
			x := etree.NewElement("samlp:Extensions")
			r.InsertChildAt(2, x)
			x.AddChild(a)
			r.AddChild(e)
		}},
		{name: "only Extensions have an assertion", reason: "assertions|signature", elements: func(_ testing.TB, r *etree.Element) {
			x := etree.NewElement("samlp:Extensions")
			a := child(r, "Assertion")
			r.InsertChildAt(1, x)
			x.AddChild(a)
		}},
		{name: "two assertions that the IdP has signed", reason: "assertions", shapes: []samltest.Shape{samltest.SignAssertion}, bytes: func(message string) string {
			m := genuine()
			m.NameID = "admin@example.com"
			other, err := m.XML()
			if err != nil {
				panic(err)
			}
			return replace(message, "</samlp:Response>", from(other, "<saml:Assertion"))
		}},
		{name: "an encrypted assertion beside the signed one", reason: "assertions", bytes: func(message string) string {
			return replace(message, "</samlp:Response>", `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/></samlp:Response>`)
		}},
		{name: "an assertion within a value", reason: "assertions", bytes: func(message string) string {
			return replace(message, "</saml:AuthnContext>", `<saml:Assertion ID="_evil" Version="2.0"/></saml:AuthnContext>`)
		}},
	})
}

// A signed error is easily had. With an assertion in it, it is no sign-on.
func TestAnAssertionInASignedError(t *testing.T) {
	t.Parallel()
	m := genuine()
	m.Shape = samltest.SignResponse
	m.EditResponse = func(text string) string {
		text = replace(text, samltest.Success, "urn:oasis:names:tc:SAML:2.0:status:Responder")
		return before(text, "<saml:Assertion") + "</samlp:Response>"
	}
	failure := write(t, m)
	refused(t, "the error itself", validator(), failure, expected(), "status")
	one := genuine()
	one.Shape = samltest.SignNothing
	unsigned := write(t, one)
	injected := from(unsigned, "<saml:Assertion")
	refused(t, "with an assertion", validator(), replace(failure, "</samlp:Response>", injected), expected(), "status")
	flipped := replace(replace(failure, "</samlp:Response>", injected), "status:Responder", "status:Success")
	refused(t, "that says Success", validator(), flipped, expected(), "signature")
	one.Key, one.Shape = keys()[2], samltest.SignAssertion
	signed := write(t, one)
	other := replace(flipped, injected, from(signed, "<saml:Assertion"))
	refused(t, "with a second signature", validator(), other, expected(), "signature")
}
