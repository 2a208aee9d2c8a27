package filter

import (
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// Parse reads a filter (RFC 7644 §3.4.2.2, figure 1).
func Parse(text string, r *dialect.Reading) (Expr, error) {
	p := parser{text: text, reading: r, kind: scimerr.InvalidFilter}
	if err := p.check(); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.fail("%s is more than belongs there", scimerr.Quote(text[p.at:]))
	}
	return e, nil
}

// ParsePath reads the path of a PATCH operation (RFC 7644 §3.5.2, figure 7).
func ParsePath(text string, r *dialect.Reading) (Path, error) {
	p := parser{text: text, reading: r, kind: scimerr.InvalidPath}
	if err := p.check(); err != nil {
		return Path{}, err
	}
	path := Path{Attr: p.name()}
	if !wellFormed(path.Attr) {
		return Path{}, p.fail("it does not begin with the name of an attribute")
	}
	if p.at == len(text) {
		return path, nil
	}
	if !p.take('[') {
		return Path{}, p.fail("%s is more than belongs there", scimerr.Quote(text[p.at:]))
	}
	p.kind = scimerr.InvalidFilter
	var err error
	if path.Filter, err = p.brackets(); err != nil {
		return Path{}, err
	}
	p.kind = scimerr.InvalidPath
	if p.take('.') {
		if path.Sub = p.name(); !wellFormed(path.Sub) {
			return Path{}, p.fail("the sub-attribute behind the filter has no name")
		}
	}
	if p.at < len(text) {
		return Path{}, p.fail("%s is more than belongs there", scimerr.Quote(text[p.at:]))
	}
	return path, nil
}

// parser reads a text from left to right.
type parser struct {
	text    string
	at      int
	depth   int
	terms   int
	kind    scimerr.Type
	reading *dialect.Reading
}

func (p *parser) check() error {
	if len(p.text) > LengthLimit {
		return p.fail("it is longer than %d bytes", LengthLimit)
	}
	if !utf8.ValidString(p.text) {
		return p.fail("it is not valid UTF-8")
	}
	return nil
}

func (p *parser) fail(format string, args ...any) error {
	return fail(p.kind, p.text, format, args...)
}

func (p *parser) or() (Expr, error) {
	first, err := p.and()
	if err != nil || !p.word("or") {
		return first, err
	}
	list := Or{first}
	for {
		e, err := p.and()
		if err != nil {
			return nil, err
		}
		if list = append(list, e); !p.word("or") {
			return list, nil
		}
	}
}

func (p *parser) and() (Expr, error) {
	first, err := p.term()
	if err != nil || !p.word("and") {
		return first, err
	}
	list := And{first}
	for {
		e, err := p.term()
		if err != nil {
			return nil, err
		}
		if list = append(list, e); !p.word("and") {
			return list, nil
		}
	}
}

func (p *parser) term() (Expr, error) {
	if p.space(); p.take('(') {
		return p.closed(')')
	}
	begin := p.at
	attr := p.name()
	if schema.Same(attr, "not") {
		if p.space(); p.take('(') {
			e, err := p.closed(')')
			return Not{Of: e}, err
		}
		p.at = begin + len(attr)
	}
	if !wellFormed(attr) {
		return nil, p.fail("at byte %d the name of an attribute is missing", begin)
	}
	if p.take('[') {
		inner, err := p.brackets()
		if err != nil {
			return nil, err
		}
		return p.behind(ValuePath{Attr: attr, Filter: inner})
	}
	return p.compare(attr)
}

// behind reads what may stand after a value path. The grammar has nothing there,
// but emails[type eq "work"].value eq "x" is what several clients send.
func (p *parser) behind(v ValuePath) (Expr, error) {
	if p.at >= len(p.text) || p.text[p.at] != '.' {
		return v, nil
	}
	if !p.reading.Took(dialect.ValuePathCompare, v.Attr) {
		return nil, p.fail("nothing may stand behind the brackets of %s", scimerr.Quote(v.Attr))
	}
	p.at++
	sub := p.name()
	if !wellFormed(sub) {
		return nil, p.fail("the sub-attribute behind the brackets has no name")
	}
	c, err := p.compare(sub)
	if err != nil {
		return nil, err
	}
	v.Filter = And{v.Filter, c}
	return v, nil
}

// brackets reads a filter up to its closing bracket.
func (p *parser) brackets() (Expr, error) { return p.closed(']') }

// closed reads a filter up to the character that closes it.
func (p *parser) closed(end byte) (Expr, error) {
	if p.depth++; p.depth > DepthLimit {
		return nil, p.fail("it is nested deeper than %d", DepthLimit)
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); !p.take(end) {
		return nil, p.fail("at byte %d %q is missing", p.at, end)
	}
	p.depth--
	return e, nil
}
