// Package xmldsig verifies the one signature of an element with keys that were
// given beforehand, and returns what the signature covers: nothing else may be
// read then. The canonical form is goxmldsig's; its search for signatures and keys,
// which knows more than SAML allows, is left out.
package xmldsig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/canonical"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Policy says by what something may be signed.
type Policy struct {
	// Keys are trusted as they are: neither a chain nor a period counts, since an
	// operator, or metadata that they trust, has named them.
	Keys []*x509.Certificate
	SHA1 bool // signatures and digests with SHA-1 are taken
}

// Verified is what a signature covers.
type Verified struct {
	// Element was parsed from the canonical bytes whose digest is signed, without
	// the signature itself.
	Element    *etree.Element
	Key        *x509.Certificate
	Weaknesses []string
}

// Signed reports whether a signature is a direct child of an element.
func Signed(e *etree.Element) bool { return len(tree.Children(e, tree.Signature, "Signature")) > 0 }

// Verify verifies the signature that is a direct child of an element, as SAML Core
// §5.4 has it, in the order that XML Signature §3.2 leaves open: first whether one of
// the keys has signed the SignedInfo, then, by what that says and nothing else, whether
// it covers the element. The element is changed by it: it is of no use afterwards.
func Verify(e *etree.Element, p Policy) (Verified, error) {
	if len(p.Keys) == 0 {
		return Verified{}, authn.Deny("no_key", "there is no certificate of the IdP to verify anything with")
	}
	s, err := check(e, p)
	if err != nil {
		return Verified{}, err
	}
	signed, err := s.signedInfo()
	if err != nil {
		return Verified{}, unsigned(e, p)
	}
	keys := preferred(p.Keys, s.keyInfo)
	at := slices.IndexFunc(keys, func(key *x509.Certificate) bool {
		// The pin alone decides: neither the certificate's period nor a chain counts.
		return fits(key, s.method) && key.CheckSignature(s.method.x509, signed, s.bytes) == nil
	})
	if at < 0 {
		return Verified{}, unsigned(e, p)
	}
	got, err := s.covered(e, signed, p)
	if err != nil {
		return Verified{}, unsigned(e, p)
	}
	if got.Tag != e.Tag || got.NamespaceURI() != e.NamespaceURI() || tree.Value(got, "ID") != tree.Value(e, "ID") {
		return Verified{}, authn.Deny("signature", "the signature is of another element")
	}
	return Verified{Element: got, Key: keys[at], Weaknesses: s.weaknesses(keys[at])}, nil
}

func unsigned(e *etree.Element, p Policy) error {
	return authn.Deny("signature", "the signature of the %s is not by one of the %d certificates of the IdP, or what it covers was changed", e.Tag, len(p.Keys))
}

// signedInfo is what the signature is over: XML Signature §4.3.1.
func (s signature) signedInfo() ([]byte, error) {
	info := tree.Only(s.element, tree.Signature, "SignedInfo").Copy()
	inherit(info, s.element)
	return canonical.Write(info, prefixesOf(tree.Only(info, tree.Signature, "CanonicalizationMethod")))
}

// covered is the element, read from the bytes whose digest is in the SignedInfo. The
// signed bytes of that are read anew: it has the same structure as what was checked.
func (s signature) covered(e *etree.Element, signed []byte, p Policy) (*etree.Element, error) {
	info, err := canonical.Read(signed)
	if err != nil {
		return nil, err
	}
	reference := tree.Only(info, tree.Signature, "Reference")
	if reference == nil {
		return nil, errors.New("nothing is referred to")
	}
	var again signature
	if err := again.reference(reference, tree.Value(e, "ID"), p); err != nil {
		return nil, err
	}
	inherit(e, e.Parent())
	e.RemoveChild(s.element) // the enveloped-signature transform: XML Signature §6.6.4
	text, err := canonical.Write(e, again.prefixes)
	if err != nil {
		return nil, err
	}
	sum := again.digest.New()
	_, _ = sum.Write(text) // it never fails
	if subtle.ConstantTimeCompare(sum.Sum(nil), again.expected) != 1 {
		return nil, errors.New("it is not what was signed")
	}
	return canonical.Read(text)
}

// inherit brings the namespaces of an element's ancestors along, so that it can be
// canonicalised by itself.
func inherit(e, parent *etree.Element) {
	for p := parent; p != nil; p = p.Parent() {
		for _, a := range p.Attr {
			if (a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns") && !has(e, a) {
				e.Attr = append(e.Attr, a)
			}
		}
	}
}

func has(e *etree.Element, a etree.Attr) bool {
	return slices.ContainsFunc(e.Attr, func(b etree.Attr) bool { return b.Space == a.Space && b.Key == a.Key })
}

// preferred are the keys in the order in which they are tried: KeyInfo is a hint,
// and nothing more.
func preferred(keys []*x509.Certificate, keyInfo *etree.Element) []*x509.Certificate {
	if keyInfo == nil || len(keys) < 2 {
		return keys
	}
	var hint []byte
	if data := tree.Only(keyInfo, tree.Signature, "X509Data"); data != nil {
		if c := tree.Only(data, tree.Signature, "X509Certificate"); c != nil {
			text, _ := tree.Text(c)
			hint, _ = decode(text) // one that is none is no hint
		}
	}
	out := slices.Clone(keys)
	slices.SortStableFunc(out, func(a, b *x509.Certificate) int {
		return rank(a, hint) - rank(b, hint)
	})
	return out
}

func rank(c *x509.Certificate, hint []byte) int {
	if bytes.Equal(c.Raw, hint) {
		return 0
	}
	return 1
}

// fits reports whether a key can have made a signature by a method: an RSA key
// verifies nothing that says ECDSA.
func fits(c *x509.Certificate, m method) bool {
	switch c.PublicKey.(type) {
	case *rsa.PublicKey:
		return m.family == familyRSA
	case *ecdsa.PublicKey:
		return m.family == familyECDSA
	}
	return false
}

// shortRSA is where an RSA key begins to be long enough (NIST SP 800-131A), in bits.
const shortRSA = 2048

func (m method) weaknesses(key *x509.Certificate) (out []string) {
	if m.sha1 {
		out = append(out, m.name)
	}
	if k, ok := key.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < shortRSA {
		out = append(out, "short-rsa-key")
	}
	return out
}

func (s signature) weaknesses(key *x509.Certificate) []string {
	out := s.method.weaknesses(key)
	if s.digestSHA1 {
		out = append(out, "sha1-digest")
	}
	return out
}

// decode reads base64 with white space in it, as XML Schema 2 §3.2.16 allows.
func decode(text string) ([]byte, error) {
	return base64.StdEncoding.Strict().DecodeString(strings.Map(func(r rune) rune {
		if strings.ContainsRune(tree.Space, r) {
			return -1
		}
		return r
	}, text))
}

// asASN1 is a signature of ECDSA as crypto/x509 wants it. XML Signature 1.1
// §6.4.3 has the two numbers one after the other, each as long as the curve's
// order; some IdPs send ASN.1 all the same, which is left alone.
func asASN1(raw []byte) []byte {
	var ints struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(raw, &ints); err == nil && len(rest) == 0 {
		return raw
	}
	half := len(raw) / 2
	ints.R, ints.S = new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])
	out, err := asn1.Marshal(ints)
	if err != nil {
		return raw
	}
	return out
}
