package wellformed_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// What is large in one way is refused before it costs much in another.
func TestBounds(t *testing.T) {
	t.Parallel()
	wide := func(n int, one string) string { return "<a>" + strings.Repeat(one, n) + "</a>" }
	var prefixes, same strings.Builder
	for i := range 60 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		prefixes.WriteString(" xmlns:" + name + `="urn:` + name + `"`)
		same.WriteString(" " + name + `:x=""`)
	}
	for name, c := range map[string]struct{ text, reason string }{
		"depth that is fine":   {strings.Repeat("<a>", 48) + strings.Repeat("</a>", 48), ""},
		"depth":                {strings.Repeat("<a>", 49) + strings.Repeat("</a>", 49), "too_deep"},
		"width that is fine":   {wide(59_999, "<b/>"), ""},
		"width":                {wide(60_000, "<b/>"), "too_large"},
		"prefixes":             {"<a" + prefixes.String() + "><a" + prefixes.String() + "><a" + prefixes.String() + "/></a></a>", "too_large"},
		"one name by prefixes": {"<a" + prefixes.String() + ">" + strings.Repeat("<b"+same.String()+"/>", 4000) + "</a>", ""},
		"size":                 {strings.Repeat(" ", 3<<20), "too_large"},
	} {
		root, err := wellformed.Parse([]byte(c.text), wellformed.Messages())
		denied := (*authn.Denied)(nil)
		switch {
		case c.reason == "" && (err != nil || root == nil):
			t.Errorf("%s: %v", name, err)
		case c.reason != "" && (!errors.As(err, &denied) || denied.Reason != c.reason):
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
}

// Comments are left out where people write, and what stands around them is one text.
func TestComments(t *testing.T) {
	t.Parallel()
	l := wellformed.Messages()
	l.Comments = true
	root, err := wellformed.Parse([]byte("<!-- a --><a>b<!-- c -->d</a><!-- e -->"), l)
	if err != nil || root.Tag != "a" || len(root.Child) != 2 {
		t.Errorf("%v, %v", root, err)
	}
}

// White space in a value is a space, unless it is written as a reference.
func TestWhiteSpaceInValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<a b='x\ny'/>": "x y", "<a b='x\r\ny\t'/>": "x y ", "<a\n b='x\ry'\n/>": "x y", "<a b='x&#xA;&#x9;y'\n/>": "x\n\ty", "<a\n b='&#xD;\n&lt;\"'/>": "\r <\"",
		"<a c=\"'\" b='x\ny'/>": "x y", "<a c='\"=\n' b=\"'\n'\"/>": "' '",
	} {
		root, err := wellformed.Parse([]byte(text), wellformed.Messages())
		if err != nil || root.SelectAttrValue("b", "") != want {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
