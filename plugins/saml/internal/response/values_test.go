package response_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// inName changes the person's name in a message that is signed.
func inName(to string) func(string) string {
	return func(m string) string { return replace(m, ">"+person+"<", ">"+to+"<") }
}

// saysName has the IdP itself say another name.
func saysName(to string) func(m *samltest.Message) {
	return said(">"+person+"<", ">"+to+"<")
}

// Names are taken whole or not at all: CVE-2017-11427 and those after it.
func TestNames(t *testing.T) {
	t.Parallel()
	rows := []attack{
		{name: "a comment", reason: "comment", bytes: inName("ada@<!---->example.com")},
		{name: "a comment at the end", reason: "comment", bytes: inName(person + "<!-- x -->.evil.example")},
		{name: "a processing instruction", reason: "processing_instruction", bytes: inName("ada@<?p not-an-?>example.com")},
		{name: "CDATA", reason: "cdata", bytes: inName("ada@<![CDATA[example.com]]>")},
		{name: "CDATA alone", reason: "cdata", bytes: inName("<![CDATA[" + person + "]]>")},
		{name: "an element", reason: "signature", bytes: inName("ada@<x>example.com</x>")},
		{name: "an element that is signed", reason: "name_id", signed: saysName("ada@<saml:x>zz</saml:x>example.com")},
		{name: "nothing", reason: "name_id", signed: saysName("")},
		{name: "space at the end", reason: "name_id", signed: saysName(person + " ")},
		{name: "a line break at the end", reason: "name_id", signed: saysName(person + "\n")},
		{name: "a carriage return", reason: "name_id", signed: saysName(person + "&#xD;x")},
		{name: "space of another kind", reason: "name_id", signed: saysName(person + "&#xA0;")},
		{name: "another direction", reason: "name_id", signed: saysName("ada&#x202E;moc.elpmaxe@")},
		{name: "no width", reason: "name_id", signed: saysName("ada&#x200B;@example.com")},
		{name: "a long one", reason: "name_id", signed: saysName(strings.Repeat("a", 2000))},
		{name: "NUL", reason: "xml", bytes: inName("ada&#0;")},
		{name: "an entity", reason: "xml", bytes: inName("ada&evil;")},
		{name: "two names", reason: "name_id", signed: said("<saml:SubjectConfirmation ", "<saml:NameID>admin</saml:NameID><saml:SubjectConfirmation ")},
		{name: "no name", reason: "name_id", signed: func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				return before(text, "<saml:NameID") + strings.TrimPrefix(from(text, "</saml:NameID>"), "</saml:NameID>")
			}
		}},
		{name: "an encrypted name", reason: "encrypted_id", signed: said("<saml:SubjectConfirmation ", "<saml:EncryptedID/><saml:SubjectConfirmation ")},
		{name: "a comment in the audience", reason: "comment", bytes: func(m string) string {
			return replace(m, entity+"</saml:Audience>", entity+"<!-- -->.evil</saml:Audience>")
		}},
		{name: "an element in the audience", reason: "audience", signed: said(entity+"</saml:Audience>", entity+"<saml:x/></saml:Audience>")},
		{name: "an element in the issuer", reason: "issuer", signed: said(idp+"</saml:Issuer>", idp+"<saml:x/></saml:Issuer>")},
		{name: "an element in the class", reason: "authn_statement", signed: said("</saml:AuthnContextClassRef>", "<saml:x/></saml:AuthnContextClassRef>")},
		{name: "an attribute without a name", reason: "attributes", signed: said("</saml:Assertion>", "<saml:AttributeStatement><saml:Attribute/></saml:AttributeStatement></saml:Assertion>")},
		{name: "a thousand attributes", reason: "attributes", signed: func(m *samltest.Message) {
			for i := range 1000 {
				m.Attributes = append(m.Attributes, samltest.Attribute{Name: "a" + strings.Repeat("x", i%250) + string(rune('a'+i/250)), Values: []string{"v"}})
			}
		}},
	}
	attacks(t, rows)
}

// A name that only looks like another is another.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ada＠example.com", "Ada@example.com", "ada@example.com.evil.example", "аda@example.com"} {
		m := genuine()
		m.NameID = name
		a, err := read(t, validator(), write(t, m), expected())
		if err != nil || a.NameID.Value != name {
			t.Errorf("%q is read as %q, %v", name, a.NameID.Value, err)
		}
	}
}

// What no parser should have to look at.
func TestDocuments(t *testing.T) {
	t.Parallel()
	prepend := func(text string) func(string) string { return func(m string) string { return text + m } }
	after := func(text string) func(string) string { return func(m string) string { return m + text } }
	at := func(text string) func(string) string {
		return func(m string) string { return replace(m, "<samlp:Response ", "<samlp:Response "+text+" ") }
	}
	attacks(t, []attack{
		{name: "a document type", reason: "doctype", bytes: prepend("<!DOCTYPE x>")},
		{name: "one of a file", reason: "doctype", bytes: prepend(`<!DOCTYPE x SYSTEM "file:///etc/passwd">`)},
		{name: "CVE-2025-25291, two documents in one", reason: "doctype", bytes: func(m string) string {
			evil := replace(m, ">"+person+"<", ">admin@example.com<")
			cut := func(text string) string { return strings.TrimSuffix(text, "</samlp:Response>") }
			return `<!DOCTYPE response SYSTEM 'x"><!--'>` + cut(evil) + "<![CDATA[-->" + cut(m) + "<!--]]>-->" + "</samlp:Response>"
		}},
		{name: "CVE-2025-25292, an attribute by default", reason: "doctype", bytes: prepend(`<!DOCTYPE r [<!ATTLIST Signature xmlns CDATA #FIXED "http://www.w3.org/2000/09/xmldsig#">]>`)},
		{name: "CVE-2025-23369, an entity", reason: "doctype", bytes: prepend(`<!DOCTYPE r [<!ENTITY id "_x">]>`)},
		{name: "entities of entities", reason: "doctype", bytes: prepend(`<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>`)},
		{name: "CVE-2020-29509, a name with a colon before it", reason: "xml", bytes: at(`:x="1"`)},
		{name: "CVE-2020-29511, a name with two", reason: "xml", bytes: at(`a:b:c="1"`)},
		{name: "a prefix that is not declared", reason: "namespace", bytes: at(`a:b="1"`)},
		{name: "a prefix that is declared to be nothing", reason: "namespace", bytes: at(`xmlns:a=""`)},
		{name: "XML's own prefix", reason: "namespace", bytes: at(`xmlns:xml="https://example.com/"`)},
		{name: "the prefix of declarations", reason: "namespace", bytes: at(`xmlns:xmlns="https://example.com/"`)},
		{name: "a relative namespace", reason: "namespace", bytes: at(`xmlns:a="b"`)},
		{name: "a namespace with odd characters", reason: "namespace", bytes: at("xmlns:a=\"\u0080\"")},
		{name: "an ID of another namespace first", reason: "id", bytes: at(`xmlns:q="https://example.com/" q:ID="_x"`)},
		{name: "an ID of another namespace last", reason: "id", bytes: func(m string) string {
			return replace(m, ` Version="2.0"`, ` Version="2.0" xmlns:q="https://example.com/" q:ID="_x"`)
		}},
		{name: "an ID twice", reason: "duplicate_attribute", bytes: at(`ID="_x"`)},
		{name: "an ID of other letters", reason: "id", bytes: func(m string) string {
			root, err := samltest.Root(m)
			if err != nil {
				panic(err)
			}
			return at(`id="` + child(root, "Assertion").SelectAttrValue("ID", "") + `"`)(m)
		}},
		{name: "a namespace twice", reason: "duplicate_attribute", bytes: at(`xmlns:samlp="https://example.com/"`)},
		{name: "an attribute by two prefixes", reason: "duplicate_attribute", bytes: at(`xmlns:a="https://example.com/" xmlns:b="https://example.com/" a:x="1" b:x="2"`)},
		{name: "another namespace for the prefix", reason: "not_a_response", bytes: func(m string) string { return strings.ReplaceAll(m, "SAML:2.0:protocol", "SAML:2.1:protocol") }},
		{name: "a second root", reason: "xml", bytes: after("<x/>")},
		{name: "text after the root", reason: "xml", bytes: after("x")},
		{name: "text before the root", reason: "xml", bytes: prepend("x")},
		{name: "no end", reason: "xml", bytes: func(m string) string { return strings.TrimSuffix(m, "</samlp:Response>") }},
		{name: "another end", reason: "xml", bytes: func(m string) string { return strings.TrimSuffix(m, "</samlp:Response>") + "</saml:Response>" }},
		{name: "an end too many", reason: "xml", bytes: after("</samlp:Response>")},
		{name: "a comment after the root", reason: "comment", bytes: after("<!-- -->")},
		{name: "an instruction before the root", reason: "processing_instruction", bytes: prepend("<?x y?>")},
		{name: "a declaration after a space", reason: "processing_instruction|xml", bytes: prepend(` <?xml version="1.0"?>`)},
		{name: "two declarations", reason: "processing_instruction", bytes: prepend(`<?xml version="1.0"?><?xml version="1.0"?>`)},
		{name: "XML 1.1", reason: "encoding", bytes: prepend(`<?xml version="1.1"?>`)},
		{name: "another encoding", reason: "encoding", bytes: prepend(`<?xml version="1.0" encoding="ISO-8859-1"?>`)},
		{name: "UTF-7", reason: "encoding", bytes: prepend(`<?xml version="1.0" encoding="UTF-7"?>`)},
		{name: "UTF-16", reason: "encoding", bytes: prepend("\xff\xfe")},
		{name: "UTF-8 that is too long", reason: "encoding", bytes: func(m string) string { return replace(m, ">"+person+"<", ">ada\xc0\x80<") }},
		{name: "depth", reason: "too_deep|too_large", bytes: func(m string) string {
			return replace(m, "</samlp:Status>", strings.Repeat("<x>", 100_000)+strings.Repeat("</x>", 100_000)+"</samlp:Status>")
		}},
		{name: "width", reason: "too_large", bytes: func(m string) string {
			return replace(m, "</samlp:Status>", strings.Repeat("<x/>", 100_000)+"</samlp:Status>")
		}},
		{name: "attributes", reason: "too_large", bytes: at(strings.Repeat(`a="" `, 200_000))},
		{name: "a name of a megabyte", reason: "too_large", bytes: at(strings.Repeat("a", 1<<20) + `=""`)},
		{name: "size", reason: "too_large", bytes: after(strings.Repeat(" ", 3<<20))},
	})
	for _, message := range []string{"", " ", "text", "<!-- -->", "<?xml version=\"1.0\"?>", "<a/>", "\x00", "<a", "<a b=>", "&amp;"} {
		refused(t, message, validator(), message, expected(), "xml|comment|not_a_response|encoding")
	}
}

// Two of anything that has to be one are refused, also where the IdP signs them.
func TestTwoOfEverything(t *testing.T) {
	t.Parallel()
	twice := func(tag string) func(m *samltest.Message) {
		return func(m *samltest.Message) {
			m.EditAssertion = func(text string) string {
				root, err := samltest.Root(text)
				if err != nil {
					panic(err)
				}
				e := root.FindElement(".//" + tag)
				e.Parent().InsertChildAt(e.Index(), e.Copy())
				text, err = samltest.Text(root)
				if err != nil {
					panic(err)
				}
				return text
			}
		}
	}
	var rows []attack
	for tag, reason := range map[string]string{
		"Subject": "subject", "NameID": "name_id", "Conditions": "conditions", "Issuer": "issuer", "AuthnStatement": "authn_statement",
		"AuthnContext": "authn_statement", "AuthnContextClassRef": "authn_statement", "SubjectConfirmation": "confirmation", "SubjectConfirmationData": "confirmation",
	} {
		rows = append(rows, attack{name: tag, reason: reason, signed: twice(tag)})
	}
	rows = append(rows,
		attack{name: "the Response's Status", reason: "status", shapes: []samltest.Shape{samltest.SignAssertion}, elements: func(_ testing.TB, r *etree.Element) { r.AddChild(child(r, "Status").Copy()) }},
		attack{name: "the Response's Issuer", reason: "issuer", shapes: []samltest.Shape{samltest.SignAssertion}, elements: func(_ testing.TB, r *etree.Element) { r.AddChild(child(r, "Issuer").Copy()) }})
	attacks(t, rows)
}
