package samltest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Signing says how something is signed. The zero value is RSA-SHA256, or
// ECDSA-SHA256 with such a key.
type Signing struct {
	Method    string // of XML Signature
	Prefixes  string // the PrefixList of the canonicalisation
	NoKeyInfo bool
	Last      bool // the signature is the last child, and not where the schema has it
}

// issuerEnd is after what a signature stands, in SAML's schemas.
var issuerEnd = regexp.MustCompile(`</([a-z]+:)?Issuer>`)

// Sign puts an enveloped signature of the root into a message, which stays as it is
// otherwise: SAML Core §5.4.
func Sign(message string, k Key, s Signing) (string, error) {
	root, err := Root(message)
	if err != nil {
		return "", err
	}
	signature, err := s.signature(root, k)
	if err != nil {
		return "", err
	}
	at := strings.LastIndex(message, "</")
	if !s.Last {
		end := issuerEnd.FindStringIndex(message)
		if end == nil {
			return "", errors.New("there is no Issuer to sign behind")
		}
		at = end[1]
	}
	return message[:at] + signature + message[at:], nil
}

func (s Signing) signature(root *etree.Element, k Key) (string, error) {
	hash, digest := crypto.SHA256, "http://www.w3.org/2001/04/xmlenc#sha256"
	switch {
	case s.Method == dsig.RSASHA1SignatureMethod:
		hash, digest = crypto.SHA1, "http://www.w3.org/2000/09/xmldsig#sha1"
	case s.Method == "":
		s.Method = dsig.RSASHA256SignatureMethod
		if _, curve := k.Private.(*ecdsa.PrivateKey); curve {
			s.Method = dsig.ECDSASHA256SignatureMethod
		}
	}
	id := root.SelectAttrValue("ID", "")
	canonical, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(s.Prefixes).Canonicalize(root)
	if err != nil {
		return "", err
	}
	list := ""
	if s.Prefixes != "" {
		list = fmt.Sprintf(`<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="%s"></ec:InclusiveNamespaces>`, s.Prefixes)
	}
	// This text is its own canonical form.
	info := fmt.Sprintf(`<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>`+
		`<ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod><ds:Reference URI="#%s"><ds:Transforms>`+
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>`+
		`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">%s</ds:Transform></ds:Transforms>`+
		`<ds:DigestMethod Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>`,
		s.Method, id, list, digest, base64.StdEncoding.EncodeToString(sum(hash, canonical)))
	value, err := signed(k.Private, hash, []byte(info))
	if err != nil {
		return "", err
	}
	keyInfo := ""
	if !s.NoKeyInfo {
		keyInfo = fmt.Sprintf(`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`, k.Base64())
	}
	info = strings.Replace(info, ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`, "", 1)
	return fmt.Sprintf(`<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">%s<ds:SignatureValue>%s</ds:SignatureValue>%s</ds:Signature>`,
		info, base64.StdEncoding.EncodeToString(value), keyInfo), nil
}

func sum(h crypto.Hash, text []byte) []byte {
	w := h.New()
	_, _ = w.Write(text) // a hash takes everything
	return w.Sum(nil)
}

// signed is a signature as it stands in XML: with a curve the two numbers one after
// the other (XML Signature 1.1 §6.4.3).
func signed(private crypto.Signer, hash crypto.Hash, text []byte) ([]byte, error) {
	value, err := private.Sign(rand.Reader, sum(hash, text), hash)
	k, curve := private.(*ecdsa.PrivateKey)
	if err != nil || !curve {
		return value, err
	}
	var ints struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(value, &ints); err != nil {
		return nil, err
	}
	size := (k.Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	ints.R.FillBytes(out[:size])
	ints.S.FillBytes(out[size:])
	return out, nil
}

// Root reads a message as etree does, for a test that bends it.
func Root(message string) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(message); err != nil {
		return nil, err
	}
	return doc.Root(), nil
}

// Text writes an element.
func Text(e *etree.Element) (string, error) {
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	return doc.WriteToString()
}

func hashOf(algorithm string) crypto.Hash {
	if algorithm == dsig.RSASHA1SignatureMethod {
		return crypto.SHA1
	}
	return crypto.SHA256
}

// Verify verifies the signature of a message's root as an IdP would.
func Verify(message []byte, c *x509.Certificate) error {
	root, err := Root(string(message))
	if err != nil {
		return err
	}
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
	v.IdAttribute = "ID"
	_, err = v.Validate(root)
	return err
}
