// Package assertion takes a SAML message apart: which element stands where, what
// it says, and whether that holds for us, here and now. It trusts nothing; what
// may be trusted is for the caller to hand in, parsed from the bytes that a
// signature covers.
package assertion

import (
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Response is a message whose structure was checked: SAML Core §3.3.3.
type Response struct {
	Element   *etree.Element
	Assertion *etree.Element // it, or Encrypted, or neither where the status says so
	Encrypted *etree.Element
}

// Open checks that a message is a Response with one assertion at most, that what is
// signed stands where signatures belong, and that no ID stands twice. Signature
// wrapping needs one of these to be otherwise.
func Open(root *etree.Element) (Response, error) {
	r := Response{Element: root}
	if !tree.Is(root, tree.Protocol, "Response") {
		return r, authn.Deny("not_a_response", "the message is no Response of SAML 2.0 but a %.100q", root.Tag)
	}
	found, err := scan(root)
	if err != nil {
		return r, err
	}
	r.Assertion, r.Encrypted = tree.Only(root, tree.Assertion, "Assertion"), tree.Only(root, tree.Assertion, "EncryptedAssertion")
	direct := 0
	for _, e := range []*etree.Element{r.Assertion, r.Encrypted} {
		if e != nil {
			direct++
		}
	}
	if found.assertions > 1 || found.assertions != direct {
		return r, authn.Deny("assertions", "there are %d assertions in the message; one is taken, as a child of the Response", found.assertions)
	}
	for _, s := range found.signatures {
		if s.Parent() != root && (r.Assertion == nil || s.Parent() != r.Assertion) {
			return r, authn.Deny("signature_place", "there is a signature in %.100q; they stand in the Response and in its Assertion only", s.Parent().Tag)
		}
	}
	return r, once(root, "Issuer", "Status", "Extensions")
}

// OpenAssertion does the same for an assertion that was encrypted, and stands alone.
func OpenAssertion(root *etree.Element) error {
	if !tree.Is(root, tree.Assertion, "Assertion") {
		return authn.Deny("not_an_assertion", "what was encrypted is no Assertion of SAML 2.0")
	}
	found, err := scan(root)
	if err != nil {
		return err
	}
	if found.assertions != 1 {
		return authn.Deny("assertions", "there is an assertion within the assertion")
	}
	for _, s := range found.signatures {
		if s.Parent() != root {
			return authn.Deny("signature_place", "there is a signature in %.100q of the assertion", s.Parent().Tag)
		}
	}
	return nil
}

// found is what one walk through a message finds.
type found struct {
	assertions int
	signatures []*etree.Element
	ids        map[string]bool
}

func scan(root *etree.Element) (found, error) {
	f := found{ids: map[string]bool{}}
	if err := f.walk(root, false); err != nil {
		return f, err
	}
	for i, s := range f.signatures {
		if slices.ContainsFunc(f.signatures[:i], func(o *etree.Element) bool { return o.Parent() == s.Parent() }) {
			return f, authn.Deny("signature_place", "there are two signatures in one element")
		}
	}
	return f, nil
}

// mostSignatures is as many as there are places for. More need not be looked at.
const mostSignatures = 2

func (f *found) walk(e *etree.Element, signature bool) error {
	switch e.Tag {
	case "Assertion", "EncryptedAssertion":
		if e.NamespaceURI() == tree.Assertion {
			f.assertions++
		}
		if f.assertions > 1 {
			return authn.Deny("assertions", "there is more than one assertion in the message")
		}
	case "Signature":
		if e.NamespaceURI() == tree.Signature {
			f.signatures, signature = append(f.signatures, e), true
		}
		if len(f.signatures) > mostSignatures {
			return authn.Deny("signature_place", "there are more than %d signatures", mostSignatures)
		}
	case "SignedInfo", "SignatureValue", "DigestValue", "Reference":
		// Others have found these first, and verified them: CVE-2024-45409.
		if !signature && e.NamespaceURI() == tree.Signature {
			return authn.Deny("signature_place", "there is a %s outside of a signature", e.Tag)
		}
	}
	for _, a := range e.Attr {
		if a.Space != "" || !strings.EqualFold(a.Key, "ID") {
			continue
		}
		if a.Value == "" || f.ids[a.Value] {
			return authn.Deny("id", "an ID is empty, or stands at two elements")
		}
		f.ids[a.Value] = true
	}
	for _, token := range e.Child {
		if c, is := token.(*etree.Element); is {
			if err := f.walk(c, signature); err != nil {
				return err
			}
		}
	}
	return nil
}

// once refuses that one of these children stands twice.
func once(e *etree.Element, names ...string) error {
	for _, name := range names {
		n := 0
		for _, c := range e.ChildElements() {
			if c.Tag == name {
				n++
			}
		}
		if n > 1 {
			return authn.Deny(reasonOf(name), "there are %d of %s in the %s", n, name, e.Tag)
		}
	}
	return nil
}

// reasonOf is the word for what is wrong with an element.
func reasonOf(name string) string {
	switch name {
	case "Issuer":
		return "issuer"
	case "Status":
		return "status"
	case "Subject":
		return "subject"
	case "Conditions":
		return "conditions"
	case "AuthnStatement":
		return "authn_statement"
	}
	return "structure"
}
