package xmldsig_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/canonical"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// validated is what goxmldsig says of the element at the top, with one key. What it
// cannot deal with is put right for it: KeyInfo, line breaks in base64, and a place
// behind a thousand others.
func validated(text string, key *x509.Certificate) (*etree.Element, error) {
	root, err := parsed(text)
	if err != nil {
		return nil, err
	}
	if s := tree.Only(root, tree.Signature, "Signature"); s != nil {
		if k := tree.Only(s, tree.Signature, "KeyInfo"); k != nil {
			s.RemoveChild(k)
		}
		if v := tree.Only(s, tree.Signature, "SignatureValue"); v != nil {
			v.SetText(strings.Join(strings.Fields(v.Text()), ""))
		}
		root.RemoveChild(s)
		root.InsertChildAt(0, s)
	}
	c := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{key}})
	c.IdAttribute = "ID"
	c.Clock = dsig.NewFakeClockAt(key.NotBefore.Add(key.NotAfter.Sub(key.NotBefore) / 2))
	return c.Validate(root)
}

func parsed(text string) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil || doc.Root() == nil {
		return nil, fmt.Errorf("no XML: %w", err)
	}
	return doc.Root(), nil
}

func written(e *etree.Element) string {
	text, err := canonical.Write(e.Copy(), "")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Whatever becomes of a signed message, what we take goxmldsig takes, and it covers
// the same: we know less than it does, never more.
func TestWhatIsTakenGoxmldsigTakes(t *testing.T) {
	t.Parallel()
	key, err := samltest.NewKey("idp")
	if err != nil {
		t.Fatal(err)
	}
	other, err := samltest.NewKey("another")
	if err != nil {
		t.Fatal(err)
	}
	pin := key.Certificate
	pieces := []string{"<ds:Object></ds:Object>", "<a></a>", " ", "&amp;", "x", `<ds:Reference URI=""></ds:Reference>`, "ID", "_", "ds:", "saml:", "=", "<!-- -->", "\n"}
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		m := samltest.Message{
			Issuer: "https://idp.example", Recipient: "https://app.example/acs", Audience: "https://app.example", NameID: "ada@acme.example", Key: key, Shape: samltest.SignResponse,
			Attributes: []samltest.Attribute{{Name: "groups", Values: []string{"Data", rapid.StringMatching(`[a-z<>&"\n ]{0,6}`).Draw(t, "group")}}},
		}
		if rapid.IntRange(0, 9).Draw(t, "of another key") == 0 {
			m.Key = other
		}
		text, err := m.XML()
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			till := min(len(text), at+rapid.SampledFrom([]int{0, 0, 1, 2, 20}).Draw(t, "cut"))
			text = text[:at] + rapid.SampledFrom(append(slices.Clone(pieces), "")).Draw(t, "piece") + text[till:]
		}
		root, err := parsed(text)
		if err != nil {
			return
		}
		ours, err := xmldsig.Verify(root, xmldsig.Policy{Keys: []*x509.Certificate{pin}})
		if err != nil {
			return
		}
		theirs, err := validated(text, pin)
		if err != nil {
			t.Fatalf("goxmldsig refuses what was taken: %v\n%s", err, text)
		}
		if written(ours.Element) != written(theirs) {
			t.Fatalf("we say that this is covered:\n%s\nand goxmldsig this:\n%s", written(ours.Element), written(theirs))
		}
		taken++
	})
	if taken == 0 {
		t.Error("nothing was taken")
	}
}

// A SignedInfo whose canonicalisation keeps prefixes is signed in just that form
// (XML Signature §4.3.1, Exclusive XML Canonicalization §4), which goxmldsig overlooks.
func TestPrefixesOfTheSignedInfo(t *testing.T) {
	t.Parallel()
	key, err := samltest.NewKey("idp")
	if err != nil {
		t.Fatal(err)
	}
	const c14n = "http://www.w3.org/2001/10/xml-exc-c14n#"
	digestOf := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	covered := `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a"><saml:Issuer>https://idp.example</saml:Issuer></saml:Assertion>`
	info := func(xs string) string {
		return `<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"` + xs + `><ds:CanonicalizationMethod Algorithm="` + c14n + `"><ec:InclusiveNamespaces xmlns:ec="` + c14n + `" PrefixList="xs"></ec:InclusiveNamespaces></ds:CanonicalizationMethod>` +
			`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI="#_a"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>` +
			`<ds:Transform Algorithm="` + c14n + `"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>` + digestOf(covered) + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	}
	const declared = ` xmlns:xs="http://www.w3.org/2001/XMLSchema"`
	for name, tt := range map[string]struct {
		signed string
		taken  bool
	}{"with the prefix that it keeps": {info(declared), true}, "without it": {info(""), false}} {
		sum := sha256.Sum256([]byte(tt.signed))
		raw, err := key.Private.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		value := base64.StdEncoding.EncodeToString(raw)
		text := strings.Replace(covered, "<saml:Assertion ", "<saml:Assertion"+declared+" ", 1)
		text = strings.Replace(text, "</saml:Issuer>", "</saml:Issuer>"+`<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">`+
			strings.Replace(info(""), ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`, "", 1)+"<ds:SignatureValue>"+value+"</ds:SignatureValue></ds:Signature>", 1)
		root, err := parsed(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := xmldsig.Verify(root, xmldsig.Policy{Keys: []*x509.Certificate{key.Certificate}}); (err == nil) != tt.taken {
			t.Errorf("%s: %v", name, err)
		}
	}
}
