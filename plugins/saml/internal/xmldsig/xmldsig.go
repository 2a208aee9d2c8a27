// Package xmldsig verifies the one signature of an element with keys that were
// given beforehand, and returns what the signature covers: nothing else may be
// read then. What goxmldsig does not refuse, this refuses before it.
package xmldsig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

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
// §5.4 has it. The element is changed by it: it is of no use afterwards.
func Verify(e *etree.Element, p Policy) (Verified, error) {
	if len(p.Keys) == 0 {
		return Verified{}, authn.Deny("no_key", "there is no certificate of the IdP to verify anything with")
	}
	s, err := check(e, p)
	if err != nil {
		return Verified{}, err
	}
	keys := preferred(p.Keys, s.keyInfo)
	prepare(e, s)
	for _, key := range keys {
		if !fits(key, s.method) {
			continue
		}
		got, err := verifyPinned(e, key)
		if err != nil {
			continue
		}
		if got.Tag != e.Tag || got.NamespaceURI() != e.NamespaceURI() || tree.Value(got, "ID") != tree.Value(e, "ID") {
			return Verified{}, authn.Deny("signature", "the signature is of another element")
		}
		return Verified{Element: got, Key: key, Weaknesses: s.weaknesses(key)}, nil
	}
	return Verified{}, authn.Deny("signature", "the signature of the %s is not by one of the %d certificates of the IdP, or what it covers was changed", e.Tag, len(p.Keys))
}

// verifyPinned has goxmldsig verify with this one key. KeyInfo was taken away, and
// the clock stands within the certificate's period: the pin alone decides.
func verifyPinned(e *etree.Element, pin *x509.Certificate) (*etree.Element, error) {
	c := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{pin}})
	c.IdAttribute = "ID"
	c.Clock = dsig.NewFakeClockAt(pin.NotBefore.Add(pin.NotAfter.Sub(pin.NotBefore) / 2))
	got, err := c.Validate(e)
	if err == nil && got == nil {
		err = authn.Deny("signature", "nothing is signed")
	}
	return got, err
}

// prepare makes of an element what can be verified by itself: it brings the
// namespaces of its ancestors along, and changes what no signature covers.
func prepare(e *etree.Element, s signature) {
	for p := e.Parent(); p != nil; p = p.Parent() {
		for _, a := range p.Attr {
			if (a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns") && !has(e, a) {
				e.Attr = append(e.Attr, a)
			}
		}
	}
	if s.keyInfo != nil {
		s.element.RemoveChild(s.keyInfo)
	}
	s.value.SetText(base64.StdEncoding.EncodeToString(s.bytes))
	// The search for a signature looks at a thousand elements. That of a schema's
	// place is among the first; one at the end of a long list would not be found.
	// Where it stands does not matter: it is taken out before the digest.
	e.RemoveChild(s.element)
	e.InsertChildAt(0, s.element)
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
