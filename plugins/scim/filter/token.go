package filter

import (
	"net/url"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

// space skips spaces, and reports whether there were any. The grammar has one;
// nobody means anything by more.
func (p *parser) space() bool {
	begin := p.at
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
	return p.at > begin
}

func (p *parser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// word takes a logical operator, which is a word of its own: space before it,
// and space or a parenthesis behind.
func (p *parser) word(w string) bool {
	at := p.at
	p.space()
	rest := p.text[p.at:]
	if len(rest) > len(w) && schema.Same(rest[:len(w)], w) && strings.IndexByte(" \t(", rest[len(w)]) >= 0 &&
		(p.at > at || at > 0 && strings.IndexByte(")]", p.text[at-1]) >= 0) {
		p.at += len(w)
		return true
	}
	p.at = at
	return false
}

// name takes the name of an attribute or operator, with all that a URN may have
// and no bracket, parenthesis, quotation mark or space.
func (p *parser) name() string {
	begin := p.at
	for p.at < len(p.text) && inName(p.text[p.at]) {
		p.at++
	}
	return p.text[begin:p.at]
}

func inName(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-_.:$/+~#@", c) >= 0
}

// wellFormed reports whether a name can be that of an attribute: with a letter
// first ($ref is the exception of RFC 7643 §2.4), and nothing empty in it.
func wellFormed(name string) bool {
	if name == "" || name[len(name)-1] == '.' || name[len(name)-1] == ':' || strings.Contains(name, "..") {
		return false
	}
	c := name[0]
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '$' && len(name) > 1
}

// token takes a value without quotation marks.
func (p *parser) token() string {
	begin := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t()[]\"'\\", p.text[p.at]) < 0 {
		p.at++
	}
	return p.text[begin:p.at]
}

// unescapeText decodes percent escapes, if all of them are some.
func unescapeText(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, false
	}
	plain, err := url.PathUnescape(s)
	if err != nil || strings.ToValidUTF8(plain, "") != plain {
		return s, false
	}
	return plain, true
}
