package response_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// each changes every signature of a message.
func each(change func(t testing.TB, s *etree.Element)) func(testing.TB, *etree.Element) {
	return func(t testing.TB, r *etree.Element) {
		for _, s := range r.FindElements("//Signature") {
			change(t, s)
		}
	}
}

// algorithm sets that of an element within every signature.
func algorithm(path, uri string) func(testing.TB, *etree.Element) {
	return each(func(_ testing.TB, s *etree.Element) {
		for _, e := range s.FindElements(path) {
			e.CreateAttr("Algorithm", uri)
		}
	})
}

// within puts something into every signature, at a path.
func within(path, tag string, at int) func(testing.TB, *etree.Element) {
	return each(func(_ testing.TB, s *etree.Element) {
		e := s
		if path != "" {
			e = s.FindElement(path)
		}
		e.InsertChildAt(at, etree.NewElement(tag))
	})
}

func digestOf(t testing.TB, e *etree.Element) string {
	t.Helper()
	c, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(unsigned(e.Copy()))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(c)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	other := keys()[2]
	attacks(t, []attack{
		{name: "no signature", reason: "unsigned", elements: each(func(_ testing.TB, s *etree.Element) { s.Parent().RemoveChild(s) })},
		{name: "no value of it", reason: "signature", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement("./SignatureValue").SetText("") })},
		{name: "an empty one", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) { s.Child = nil })},
		{name: "in another namespace", reason: "unsigned", elements: each(func(_ testing.TB, s *etree.Element) { s.CreateAttr("xmlns:ds", "https://example.com/") })},
		{name: "in a value", reason: "signature_place", elements: each(func(_ testing.TB, s *etree.Element) {
			s.Parent().FindElement(".//AuthnContext").AddChild(s)
		})},
		{name: "two", reason: "signature_place|id", elements: each(func(_ testing.TB, s *etree.Element) { s.Parent().AddChild(s.Copy()) })},
		{name: "by somebody, with their certificate", reason: "signature", signed: func(m *samltest.Message) { m.Key = other }},
		{name: "by somebody, with the IdP's certificate", reason: "signature", elements: func(t testing.TB, r *etree.Element) {
			// The other's signature stands in the IdP's message.
			m := genuine()
			m.Key, m.Shape = other, samltest.SignBoth
			o, err := samltest.Root(write(t, m))
			if err != nil {
				t.Fatal(err)
			}
			each(func(_ testing.TB, s *etree.Element) {
				from := o
				if s.Parent().Tag == "Assertion" {
					from = child(o, "Assertion")
				}
				s.FindElement("./SignatureValue").SetText(from.FindElement("./Signature/SignatureValue").Text())
			})(t, r)
		}},
		{name: "a KeyValue", reason: "signature", elements: func(t testing.TB, r *etree.Element) {
			each(func(_ testing.TB, s *etree.Element) {
				s.FindElement("./SignatureValue").SetText("AAAA")
				k := s.FindElement("./KeyInfo")
				k.Child = nil
				k.CreateElement("ds:KeyValue").CreateElement("ds:RSAKeyValue")
			})(t, r)
		}},
		{name: "a KeyInfo by reference", reason: "signature", elements: each(func(_ testing.TB, s *etree.Element) {
			s.FindElement("./SignatureValue").SetText("AAAA")
			k := s.FindElement("./KeyInfo")
			k.Child = nil
			k.CreateElement("ds:RetrievalMethod").CreateAttr("URI", "https://evil.example/")
		})},
		{name: "HMAC with the certificate", reason: "signature_method", elements: each(func(_ testing.TB, s *etree.Element) {
			s.FindElement(".//SignatureMethod").CreateAttr("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
			m := hmac.New(sha256.New, keys()[0].Certificate.Raw)
			s.FindElement("./SignatureValue").SetText(base64.StdEncoding.EncodeToString(m.Sum(nil)))
		})},
		{name: "HMAC with SHA-1", reason: "signature_method", elements: algorithm(".//SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1")},
		{name: "RSA with MD5", reason: "signature_method", elements: algorithm(".//SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5")},
		{name: "RSA with SHA-1", reason: "sha1", signed: func(m *samltest.Message) { m.Signing.Method = dsig.RSASHA1SignatureMethod }},
		{name: "a method that nobody knows", reason: "signature_method", elements: algorithm(".//SignatureMethod", "https://example.com/")},
		{name: "no method", reason: "signature_method", elements: algorithm(".//SignatureMethod", "")},
		{name: "ECDSA with an RSA key", reason: "signature", elements: algorithm(".//SignatureMethod", dsig.ECDSASHA256SignatureMethod)},
		{name: "another hash", reason: "signature", elements: algorithm(".//SignatureMethod", dsig.RSASHA512SignatureMethod)},
		{name: "HMACOutputLength", reason: "signature_structure", elements: within(".//SignatureMethod", "ds:HMACOutputLength", 0)},
		{name: "a digest with SHA-1", reason: "sha1", elements: algorithm(".//DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1")},
		{name: "a digest with MD5", reason: "digest_method", elements: algorithm(".//DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5")},
		{name: "CVE-2025-29774, two SignedInfo", reason: "assertions|signature_structure", elements: func(t testing.TB, r *etree.Element) {
			e := evil(r)
			each(func(t testing.TB, s *etree.Element) {
				second := s.FindElement("./SignedInfo").Copy()
				second.FindElement(".//Reference").CreateAttr("URI", "#_evil")
				second.FindElement(".//DigestValue").SetText(digestOf(t, e))
				s.AddChild(second)
			})(t, r)
			r.InsertChildAt(child(r, "Assertion").Index(), e)
		}},
		{name: "two SignedInfo and nothing else", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) { s.AddChild(s.FindElement("./SignedInfo").Copy()) })},
		{name: "a forged SignedInfo first", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) { s.InsertChildAt(0, s.FindElement("./SignedInfo").Copy()) })},
		{name: "a SignedInfo in an Object", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) {
			s.CreateElement("ds:Object").AddChild(s.FindElement("./SignedInfo").Copy())
		})},
		{name: "an Object", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) { s.CreateElement("ds:Object").SetText("x") })},
		{name: "CVE-2025-29775, a comment in the digest", reason: "comment", elements: func(t testing.TB, r *etree.Element) {
			rename(r)
			each(func(t testing.TB, s *etree.Element) {
				d := s.FindElement(".//DigestValue")
				genuine := d.Text()
				d.Child = nil
				d.CreateComment(digestOf(t, s.Parent()))
				d.CreateText(genuine)
			})(t, r)
		}},
		{name: "a comment after the digest", reason: "comment", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//DigestValue").CreateComment("x") })},
		{name: "a comment in the signature", reason: "comment", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement("./SignatureValue").CreateComment("x") })},
		{name: "CDATA in the digest", reason: "cdata", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//DigestValue").CreateCData("x") })},
		{name: "an instruction in the digest", reason: "processing_instruction", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//DigestValue").CreateProcInst("x", "y") })},
		{name: "text in the structure", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement("./SignedInfo").CreateText("x") })},
		{name: "a prefix that is bound anew", reason: "signature|name_id", elements: func(_ testing.TB, r *etree.Element) {
			r.FindElement(".//NameID").CreateAttr("xmlns:saml", "https://example.com/")
		}},
		{name: "an element without its namespace", reason: "signature", elements: func(_ testing.TB, r *etree.Element) { r.FindElement(".//NameID").Space = "" }},
		{name: "a digest of two elements", reason: "signature_structure", elements: func(t testing.TB, r *etree.Element) {
			each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//DigestValue").CreateElement("x") })(t, r)
		}},
		{name: "CVE-2024-45409, a digest in the status", reason: "signature_place", elements: func(t testing.TB, r *etree.Element) {
			d := child(r, "Status").CreateElement("samlp:StatusDetail").CreateElement("ds:DigestValue")
			d.CreateAttr("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#")
			d.SetText(digestOf(t, r))
		}},
		{name: "a signature in the status", reason: "signature_place", elements: func(t testing.TB, r *etree.Element) {
			child(r, "Status").CreateElement("samlp:StatusDetail").AddChild(r.FindElement("//Signature").Copy())
		}},
		{name: "another reference first", reason: "signature_structure|reference", elements: func(t testing.TB, r *etree.Element) {
			each(func(_ testing.TB, s *etree.Element) {
				reference := s.FindElement(".//Reference")
				more := reference.Copy()
				more.CreateAttr("URI", "#_evil")
				reference.Parent().InsertChildAt(reference.Index(), more)
			})(t, r)
		}},
		{name: "another reference last", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) {
			s.FindElement("./SignedInfo").AddChild(s.FindElement(".//Reference").Copy())
		})},
		{name: "a reference to everything", reason: "reference", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//Reference").CreateAttr("URI", "") })},
		{name: "a reference to nothing", reason: "reference", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//Reference").RemoveAttr("URI") })},
		{name: "a pointer", reason: "reference", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//Reference").CreateAttr("URI", "#xpointer(/)") })},
		{name: "a reference to another", reason: "reference", elements: each(func(_ testing.TB, s *etree.Element) { s.FindElement(".//Reference").CreateAttr("URI", "#_other") })},
		{name: "no transforms", reason: "signature_structure", elements: each(func(_ testing.TB, s *etree.Element) {
			ts := s.FindElement(".//Transforms")
			ts.Parent().RemoveChild(ts)
		})},
		{name: "no enveloped signature", reason: "transform", elements: each(func(_ testing.TB, s *etree.Element) {
			ts := s.FindElement(".//Transforms")
			ts.RemoveChild(ts.ChildElements()[0])
		})},
		{name: "the enveloped signature twice", reason: "transform", elements: each(func(_ testing.TB, s *etree.Element) {
			ts := s.FindElement(".//Transforms")
			ts.InsertChildAt(0, ts.ChildElements()[0].Copy())
		})},
		{name: "the enveloped signature last", reason: "transform", elements: each(func(_ testing.TB, s *etree.Element) {
			ts := s.FindElement(".//Transforms")
			ts.AddChild(ts.ChildElements()[0])
		})},
		{name: "a strange list of prefixes", reason: "transform", elements: each(func(_ testing.TB, s *etree.Element) {
			l := s.FindElement(".//Transforms").ChildElements()[1].CreateElement("ec:InclusiveNamespaces")
			l.CreateAttr("xmlns:ec", "http://www.w3.org/2001/10/xml-exc-c14n#")
			l.CreateAttr("PrefixList", "a:b <")
		})},
		{name: "an inclusive canonicalisation", reason: "transform", elements: algorithm(".//CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")},
		{name: "CVE-2025-66568, nothing is what is signed", reason: "namespace", bytes: func(m string) string {
			m = regexp.MustCompile(`<ds:DigestValue>[^<]*`).ReplaceAllString(m, "<ds:DigestValue>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
			return replace(m, "<samlp:Response ", `<samlp:Response xmlns:ns="1" `)
		}},
		{name: "the digest of nothing", reason: "signature", bytes: func(m string) string {
			return regexp.MustCompile(`<ds:DigestValue>[^<]*`).ReplaceAllString(m, "<ds:DigestValue>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
		}},
		{name: "the name is changed", reason: "signature", bytes: func(m string) string { return replace(m, ">"+person+"<", ">admin@example.com<") }},
	})
	for _, uri := range []string{
		"http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/2002/06/xmldsig-filter2", "http://www.w3.org/TR/1999/REC-xslt-19991116",
		"http://www.w3.org/2000/09/xmldsig#base64", "http://www.w3.org/2002/07/decrypt#XML", "https://example.com/", "",
		"http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
	} {
		attacks(t, []attack{{name: "the transform " + uri, reason: "transform", elements: each(func(_ testing.TB, s *etree.Element) {
			s.FindElement(".//Transforms").ChildElements()[1].CreateAttr("Algorithm", uri)
		})}})
	}
}

// What stands in KeyInfo beside the IdP's certificate proves nothing.
func TestTwoCertificates(t *testing.T) {
	t.Parallel()
	for _, shape := range samltest.Shapes() {
		m := genuine()
		m.Shape, m.Key = shape, keys()[2]
		message := strings.ReplaceAll(write(t, m), "<ds:X509Certificate>", "<ds:X509Certificate>"+keys()[0].Base64()+"</ds:X509Certificate><ds:X509Certificate>")
		refused(t, "the IdP's first, "+shape.String(), validator(), message, expected(), "signature|signature_structure")
		message = strings.ReplaceAll(write(t, m), m.Key.Base64(), keys()[0].Base64())
		refused(t, "the IdP's instead, "+shape.String(), validator(), message, expected(), "signature")
	}
}

// Without a certificate the door is closed, and not open (CVE-2026-28323).
func TestNoCertificate(t *testing.T) {
	t.Parallel()
	v := validator()
	v.Policy = xmldsig.Policy{}
	for _, shape := range samltest.Shapes() {
		m := genuine()
		m.Shape = shape
		refused(t, shape.String(), v, write(t, m), expected(), "no_key")
	}
	m := genuine()
	m.Shape = samltest.SignNothing
	refused(t, "unsigned", v, write(t, m), expected(), "no_key|unsigned")
}

// What is read is what was signed: the bytes of which it was parsed have the digest
// that the signature is over. So there is one parser, and no second reading of it.
func TestWhatIsReadIsWhatIsSigned(t *testing.T) {
	t.Parallel()
	for _, shape := range samltest.Shapes() {
		for name, edit := range honest() {
			m := genuine()
			m.Shape = shape
			edit(&m)
			root, err := samltest.Root(strings.TrimPrefix(write(t, m), "\ufeff"))
			if err != nil {
				t.Fatal(err)
			}
			e := root
			if shape == samltest.SignAssertion {
				e = child(root, "Assertion")
			}
			want := e.FindElement("./Signature/SignedInfo/Reference/DigestValue").Text()
			got, err := xmldsig.Verify(e, xmldsig.Policy{Keys: certificates(keys()[0]), SHA1: true})
			if err != nil {
				t.Errorf("%s, %s: %v", shape, name, err)
				continue
			}
			doc := etree.NewDocument()
			doc.SetRoot(got.Element)
			doc.WriteSettings = etree.WriteSettings{CanonicalAttrVal: true, CanonicalEndTags: true, CanonicalText: true}
			text, err := doc.WriteToBytes()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(text)
			if digest := base64.StdEncoding.EncodeToString(sum[:]); digest != want {
				t.Errorf("%s, %s: what is read has the digest %s, and %s is signed", shape, name, digest, want)
			}
		}
	}
}
