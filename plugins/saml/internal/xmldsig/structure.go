package xmldsig

import (
	"crypto"
	_ "crypto/sha1" //nolint:gosec // refused unless the operator says otherwise
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// family is that of a key.
type family int

const (
	familyRSA family = iota + 1
	familyECDSA
)

// method is how something is signed.
type method struct {
	name   string
	family family
	x509   x509.SignatureAlgorithm
	sha1   bool
}

// methods are those that are taken: XML Signature 1.1 §6.4. Whatever is missing,
// HMAC with a public key above all, is refused before any of it is computed.
func methods(algorithm string) (method, bool) {
	const more = "http://www.w3.org/2001/04/xmldsig-more#"
	switch algorithm {
	case more + "rsa-sha256":
		return method{family: familyRSA, x509: x509.SHA256WithRSA}, true
	case more + "rsa-sha384":
		return method{family: familyRSA, x509: x509.SHA384WithRSA}, true
	case more + "rsa-sha512":
		return method{family: familyRSA, x509: x509.SHA512WithRSA}, true
	case more + "ecdsa-sha256":
		return method{family: familyECDSA, x509: x509.ECDSAWithSHA256}, true
	case more + "ecdsa-sha384":
		return method{family: familyECDSA, x509: x509.ECDSAWithSHA384}, true
	case more + "ecdsa-sha512":
		return method{family: familyECDSA, x509: x509.ECDSAWithSHA512}, true
	case "http://www.w3.org/2000/09/xmldsig#rsa-sha1":
		return method{name: "rsa-sha1", family: familyRSA, x509: x509.SHA1WithRSA, sha1: true}, true
	}
	return method{}, false
}

// digests are those that are taken: XML Encryption §5.7, XML Signature 1.1 §6.2.
func digests(algorithm string) (hash crypto.Hash, taken bool) {
	switch algorithm {
	case "http://www.w3.org/2001/04/xmlenc#sha256":
		return crypto.SHA256, true
	case "http://www.w3.org/2001/04/xmldsig-more#sha384":
		return crypto.SHA384, true
	case "http://www.w3.org/2001/04/xmlenc#sha512":
		return crypto.SHA512, true
	case "http://www.w3.org/2000/09/xmldsig#sha1":
		return crypto.SHA1, true
	}
	return 0, false
}

const (
	enveloped     = "http://www.w3.org/2000/09/xmldsig#enveloped-signature" // XML Signature §6.6.4
	exclusive     = "http://www.w3.org/2001/10/xml-exc-c14n#"               // Exclusive XML Canonicalization §4
	withComments  = exclusive + "WithComments"
	longestPrefix = 64 // prefixes in a list
)

// signature is one whose structure was checked.
type signature struct {
	element, value, keyInfo *etree.Element // keyInfo is nil where there is none
	bytes                   []byte
	method                  method

	// Of the reference:
	prefixes   string // that the canonicalisation keeps
	digest     crypto.Hash
	expected   []byte
	digestSHA1 bool
}

// check refuses every structure but the one that SAML Core §5.4 describes: one
// SignedInfo, one Reference to the element itself by its ID, the enveloped-signature
// transform and then an exclusive canonicalisation, and no Object.
func check(e *etree.Element, p Policy) (s signature, err error) {
	s.element = tree.Only(e, tree.Signature, "Signature")
	if s.element == nil {
		return s, authn.Deny("unsigned", "the %s has no signature of its own, or more than one", e.Tag)
	}
	parts, err := exactly(s.element, "SignedInfo", "SignatureValue", "KeyInfo?")
	if err != nil {
		return s, err
	}
	s.value, s.keyInfo = parts[1], parts[2]
	info, err := exactly(parts[0], "CanonicalizationMethod", "SignatureMethod", "Reference")
	if err != nil {
		return s, err
	}
	if err := canonicalization(info[0]); err != nil {
		return s, err
	}
	if err := s.signed(info[1], p); err != nil {
		return s, err
	}
	return s, s.reference(info[2], tree.Value(e, "ID"), p)
}

// signed reads by what the SignedInfo is signed.
func (s *signature) signed(by *etree.Element, p Policy) (err error) {
	var known bool
	if s.method, known = methods(tree.Value(by, "Algorithm")); !known {
		return authn.Deny("signature_method", "it is signed by %.100q, which is not taken", tree.Value(by, "Algorithm"))
	}
	if s.method.sha1 && !p.SHA1 {
		return authn.Deny("sha1", "it is signed with SHA-1, which allow_sha1 does not allow")
	}
	if _, err := exactly(by); err != nil { // an HMACOutputLength, say
		return err
	}
	text, ok := tree.Text(s.value)
	if s.bytes, err = decode(text); !ok || err != nil || len(s.bytes) == 0 {
		return authn.Deny("signature", "the value of the signature is no base64, or empty")
	}
	if s.method.family == familyECDSA {
		s.bytes = asASN1(s.bytes)
	}
	return nil
}

// reference checks what is signed.
func (s *signature) reference(r *etree.Element, id string, p Policy) error {
	if uri, _ := tree.Attr(r, "URI"); id == "" || uri != "#"+id {
		return authn.Deny("reference", "the signature refers to %.100q, and stands in the element %.100q", uri, id)
	}
	parts, err := exactly(r, "Transforms", "DigestMethod", "DigestValue")
	if err != nil {
		return err
	}
	transforms, err := exactly(parts[0], "Transform", "Transform")
	if err != nil {
		return authn.Deny("transform", "there are not two transforms: the enveloped signature, and an exclusive canonicalisation")
	}
	if tree.Value(transforms[0], "Algorithm") != enveloped {
		return authn.Deny("transform", "the first transform is %.100q, not the enveloped signature", tree.Value(transforms[0], "Algorithm"))
	}
	if _, err := exactly(transforms[0]); err != nil {
		return err
	}
	if err := canonicalization(transforms[1]); err != nil {
		return err
	}
	algorithm := tree.Value(parts[1], "Algorithm")
	var known bool
	if s.digest, known = digests(algorithm); !known {
		return authn.Deny("digest_method", "the digest is by %.100q, which is not taken", algorithm)
	}
	s.digestSHA1 = s.digest == crypto.SHA1
	if s.digestSHA1 && !p.SHA1 {
		return authn.Deny("sha1", "the digest is SHA-1, which allow_sha1 does not allow")
	}
	if _, err := exactly(parts[1]); err != nil {
		return err
	}
	text, ok := tree.Text(parts[2])
	if !ok || strings.Trim(text, tree.Space) == "" {
		return authn.Deny("signature_structure", "the value of the digest is no text")
	}
	if s.expected, err = decode(text); err != nil {
		return authn.Deny("signature", "the value of the digest is no base64")
	}
	s.prefixes = prefixesOf(transforms[1])
	return nil
}

// prefixesOf is the list of prefixes of a canonicalisation that was checked.
func prefixesOf(by *etree.Element) string {
	for _, c := range by.ChildElements() {
		return tree.Value(c, "PrefixList")
	}
	return ""
}

// canonicalization checks that it is an exclusive one, and its list of prefixes.
func canonicalization(by *etree.Element) error {
	if a := tree.Value(by, "Algorithm"); a != exclusive && a != withComments {
		return authn.Deny("transform", "it is canonicalised by %.100q, not by an exclusive canonicalisation", a)
	}
	for _, c := range by.ChildElements() {
		if !tree.Is(c, exclusive, "InclusiveNamespaces") || len(by.ChildElements()) > 1 || len(c.Child) > 0 {
			return authn.Deny("transform", "a canonicalisation has something else within than one list of prefixes")
		}
		prefixes := strings.Fields(tree.Value(c, "PrefixList"))
		if len(prefixes) > longestPrefix || slices.ContainsFunc(prefixes, func(p string) bool { return strings.ContainsAny(p, ":<>&'\"/") }) {
			return authn.Deny("transform", "the list of prefixes of a canonicalisation is none")
		}
	}
	if !tree.Blank(by) {
		return authn.Deny("transform", "there is text in a canonicalisation")
	}
	return nil
}

// exactly are the children of an element of the signature if they are these, in
// this order, and no others; one with a ? may be missing, and is nil then.
func exactly(e *etree.Element, names ...string) ([]*etree.Element, error) {
	children, out := e.ChildElements(), make([]*etree.Element, 0, len(names))
	if !tree.Blank(e) {
		return nil, authn.Deny("signature_structure", "there is text in %s of the signature", e.Tag)
	}
	for _, name := range names {
		bare, optional := strings.CutSuffix(name, "?")
		switch {
		case len(children) > 0 && tree.Is(children[0], tree.Signature, bare):
			out, children = append(out, children[0]), children[1:]
		case optional:
			out = append(out, nil)
		default:
			return nil, authn.Deny("signature_structure", "%s of the signature has no %s where it belongs", e.Tag, bare)
		}
	}
	if len(children) > 0 {
		return nil, authn.Deny("signature_structure", "%s of the signature has a %.50q too many", e.Tag, children[0].Tag)
	}
	return out, nil
}
