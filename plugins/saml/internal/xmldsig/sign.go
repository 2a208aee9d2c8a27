package xmldsig

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/canonical"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Sign puts a signature by RSA-SHA256 behind the Issuer of a message of ours, which
// is its first child: SAML Core §5.4. The private key is not here: sign signs a
// digest.
func Sign(e *etree.Element, certificate *x509.Certificate, sign func(digest []byte) ([]byte, error)) error {
	children := e.ChildElements()
	if len(children) == 0 || !tree.Is(children[0], tree.Assertion, "Issuer") {
		return errors.New("a message of ours does not begin with its Issuer")
	}
	canonical, err := canonical.Write(e.Copy(), "")
	if err != nil {
		return err
	}
	digest := sha256.Sum256(canonical)
	// This text is its own canonical form.
	const declaration = ` xmlns:ds="` + tree.Signature + `"`
	info := fmt.Sprintf(`<ds:SignedInfo%s><ds:CanonicalizationMethod Algorithm="%s"></ds:CanonicalizationMethod>`+
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>`+
		`<ds:Reference URI="#%s"><ds:Transforms><ds:Transform Algorithm="%s"></ds:Transform><ds:Transform Algorithm="%s"></ds:Transform></ds:Transforms>`+
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>`,
		declaration, exclusive, tree.Value(e, "ID"), enveloped, exclusive, base64.StdEncoding.EncodeToString(digest[:]))
	signed := sha256.Sum256([]byte(info))
	value, err := sign(signed[:])
	if err != nil {
		return err
	}
	doc := etree.NewDocument()
	err = doc.ReadFromString(fmt.Sprintf(`<ds:Signature%s>%s<ds:SignatureValue>%s</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>`,
		declaration, strings.Replace(info, declaration, "", 1), base64.StdEncoding.EncodeToString(value), base64.StdEncoding.EncodeToString(certificate.Raw)))
	if err != nil {
		return err
	}
	e.InsertChildAt(children[0].Index()+1, doc.Root())
	return nil
}

// VerifyOctets verifies a signature over octets, as the redirect binding has it:
// SAML Bindings §3.4.4.1.
func VerifyOctets(octets, value []byte, algorithm string, p Policy) (weaknesses []string, err error) {
	m, known := methods(algorithm)
	switch {
	case len(p.Keys) == 0:
		return nil, authn.Deny("no_key", "there is no certificate of the IdP to verify anything with")
	case !known:
		return nil, authn.Deny("signature_method", "it is signed by %.100q, which is not taken", algorithm)
	case m.sha1 && !p.SHA1:
		return nil, authn.Deny("sha1", "it is signed with SHA-1, which allow_sha1 does not allow")
	}
	if m.family == familyECDSA {
		value = asASN1(value)
	}
	for _, key := range p.Keys {
		if fits(key, m) && key.CheckSignature(m.x509, octets, value) == nil {
			return m.weaknesses(key), nil
		}
	}
	return nil, authn.Deny("signature", "the signature of the query is not by one of the %d certificates of the IdP, or what it covers was changed", len(p.Keys))
}
