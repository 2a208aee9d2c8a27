package canonical_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/canonical"
)

// shown writes all of a tree down, without anything that a serializer might mend.
func shown(e *etree.Element) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q:%q(", e.Space, e.Tag)
	for _, a := range e.Attr {
		fmt.Fprintf(&b, "%q:%q=%q ", a.Space, a.Key, a.Value)
	}
	b.WriteString(")[")
	text := "" // of neighbours: parsers may divide it
	for _, token := range e.Child {
		switch c := token.(type) {
		case *etree.CharData:
			text += c.Data
		case *etree.Element:
			fmt.Fprintf(&b, "%q", text)
			text = ""
			b.WriteString(shown(c))
		default:
			fmt.Fprintf(&b, "%T", c)
		}
	}
	fmt.Fprintf(&b, "%q]", text)
	return b.String()
}

// others is what etree, which is encoding/xml, reads.
func others(text []byte) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil || doc.Root() == nil {
		return nil, fmt.Errorf("no root: %w", err)
	}
	return doc.Root(), nil
}

func element(t *rapid.T, depth int) *etree.Element {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab \t\n\r<>&\"'é€😀]-:")), 0, 8, -1)
	name := rapid.SampledFrom([]string{"a", "b", "Assertion", "x.y-z"})
	prefix := rapid.SampledFrom([]string{"", "p", "q"})
	e := &etree.Element{Space: prefix.Draw(t, "prefix"), Tag: name.Draw(t, "name")}
	e.Attr = append(e.Attr, etree.Attr{Key: "xmlns", Value: "urn:d"}, etree.Attr{Space: "xmlns", Key: "p", Value: "urn:p"}, etree.Attr{Space: "xmlns", Key: "q", Value: rapid.SampledFrom([]string{"urn:q", "urn:other"}).Draw(t, "q")})
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "ID"}), 0, 3, rapid.ID).Draw(t, "attributes") {
		e.Attr = append(e.Attr, etree.Attr{Space: rapid.SampledFrom([]string{"", "p"}).Draw(t, "space"), Key: key, Value: text.Draw(t, "value")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "children") {
		if depth > 0 && rapid.Bool().Draw(t, "an element") {
			e.AddChild(element(t, depth-1))
		} else {
			e.CreateText(text.Draw(t, "text"))
		}
	}
	return e
}

// What is written is read as others read it.
func TestReadIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := element(t, 3)
		prefixes := rapid.SampledFrom([]string{"", "p", "p q"}).Draw(t, "prefixes")
		text, err := canonical.Write(e, prefixes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := canonical.Read(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want, err := others(text)
		if err != nil {
			t.Fatalf("%q: others: %v", text, err)
		}
		if shown(got) != shown(want) {
			t.Fatalf("%q is read as\n%s, others read\n%s", text, shown(got), shown(want))
		}
		again, err := canonical.Write(got, prefixes)
		if err != nil || string(again) != string(text) {
			t.Fatalf("written again %q is %q, %v", text, again, err)
		}
	})
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a", "<", "<a", "<a>", "<a/>", "<a></a", "<a></b>", "<a></a >", "<a ></a>", "<a></a> ", " <a></a>", "<a></a><b></b>", "< a></ a>", "<></>",
		"<a b></a>", "<a b='c'></a>", `<a b=c></a>`, `<a b="c></a>`, `<a b="c"d="e"></a>`, `<a  b="c"></a>`, "<a\nb=\"c\"></a>", `<a b="c" b="d"></a>`, `<a p:b="c" p:b="d"></a>`,
		"<a>&</a>", "<a>&amp</a>", "<a>&quot;</a>", "<a>&apos;</a>", "<a>&#x41;</a>", "<a>&#xd;</a>", "<a>&#13;</a>", "<a>></a>", "<a>\r</a>", "<a>\x00</a>", "<a>\xff</a>", "<a>&nbsp;</a>",
		`<a b="<"></a>`, "<a b=\"\n\"></a>", "<a b=\"\t\"></a>", "<a b=\"\r\"></a>", `<a b="&gt;"></a>`, `<a b="&apos;"></a>`, `<a b="&"></a>`,
		"<a><!-- --></a>", "<!-- --><a></a>", "<a><![CDATA[b]]></a>", "<a><?b?></a>", "<?xml version=\"1.0\"?><a></a>", "<!DOCTYPE a><a></a>", "\ufeff<a></a>",
		"<:a></:a>", "<a:></a:>", "<a:b:c></a:b:c>", `<a :b="c"></a>`, strings.Repeat("<a>", 101) + strings.Repeat("</a>", 101),
	} {
		if e, err := canonical.Read([]byte(text)); err == nil {
			t.Errorf("%.60q is read as %.100s", text, shown(e))
		}
	}
}

// Where both read bytes, they read the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`<a xmlns="urn:a" b="c">d<e>&amp;&lt;&gt;&#xD;</e></a>`, `<p:a xmlns:p="urn:p" p:b="&quot;&#x9;&#xA;&#xD;" ID="x">é</p:a>`, "<a>]]&gt;</a>", "<a></a>", "<a>\n</a>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := canonical.Read(text)
		if err != nil {
			return
		}
		want, err := others(text)
		if err != nil {
			return // it has other names than a message may have, which was refused before
		}
		if shown(got) != shown(want) {
			t.Errorf("%q is read as\n%s, others read\n%s", text, shown(got), shown(want))
		}
	})
}
