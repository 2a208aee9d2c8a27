// Package canonical writes elements in the form of Exclusive XML Canonicalization
// without comments, and reads that form, and no other: one way to write each element,
// attribute and text (Canonical XML 1.0 §1.1). There is nothing in it that two readers
// could understand differently, so what a signature covers is read from just those
// bytes.
package canonical

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Write returns the canonical form of an element, with the namespaces that a list of
// prefixes asks for besides those that are used (Exclusive XML Canonicalization §3).
// The element brings the namespaces of its ancestors along; it is changed.
func Write(e *etree.Element, prefixes string) ([]byte, error) {
	return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(prefixes).Canonicalize(e)
}

// deepest bounds elements within elements. Whoever has read the message before has
// bounds of its own.
const deepest = 100

// errForm is all that there is to say: whoever writes the form writes it without a
// mistake, and nobody else's bytes come here with a digest that is signed.
var errForm = errors.New("these bytes are not in canonical form")

// Read returns the one element that bytes in canonical form are.
func Read(text []byte) (*etree.Element, error) {
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, errForm
	}
	r := reader{rest: string(text)}
	e, err := r.element(0)
	if err != nil {
		return nil, err
	}
	if r.rest != "" {
		return nil, errForm
	}
	return e, nil
}

type reader struct{ rest string }

func (r *reader) skip(text string) bool {
	rest, ok := strings.CutPrefix(r.rest, text)
	r.rest = rest
	return ok
}

// element reads <name attribute="value">...</name>.
func (r *reader) element(depth int) (*etree.Element, error) {
	if depth >= deepest || !r.skip("<") {
		return nil, errForm
	}
	name, err := r.name()
	if err != nil {
		return nil, err
	}
	e := &etree.Element{}
	e.Space, e.Tag = split(name)
	for r.skip(" ") {
		a, err := r.attribute()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(e.Attr, func(b etree.Attr) bool { return b.Space == a.Space && b.Key == a.Key }) {
			return nil, errForm
		}
		e.Attr = append(e.Attr, a)
	}
	if !r.skip(">") {
		return nil, errForm
	}
	for {
		end := strings.IndexByte(r.rest, '<')
		if end < 0 {
			return nil, errForm
		}
		if end > 0 {
			text, err := value(r.rest[:end], inText)
			if err != nil {
				return nil, err
			}
			r.rest = r.rest[end:]
			e.CreateText(text)
		}
		if r.skip("</") {
			if !r.skip(name) || !r.skip(">") {
				return nil, errForm
			}
			return e, nil
		}
		child, err := r.element(depth + 1)
		if err != nil {
			return nil, err
		}
		e.AddChild(child)
	}
}

// name reads one with a prefix or without. What characters a name may have was seen
// to when the message was read; here it must end where it should.
func (r *reader) name() (string, error) {
	end := strings.IndexAny(r.rest, " \t\r\n=<>/&\"'!?")
	if end <= 0 {
		return "", errForm
	}
	name := r.rest[:end]
	prefix, local, prefixed := strings.Cut(name, ":")
	if prefixed && (prefix == "" || local == "" || strings.Contains(local, ":")) {
		return "", errForm
	}
	r.rest = r.rest[end:]
	return name, nil
}

func split(name string) (space, local string) {
	if prefix, local, prefixed := strings.Cut(name, ":"); prefixed {
		return prefix, local
	}
	return "", name
}

func (r *reader) attribute() (a etree.Attr, err error) {
	name, err := r.name()
	if err != nil || !r.skip(`="`) {
		return a, errForm
	}
	text, rest, ended := strings.Cut(r.rest, `"`)
	if !ended {
		return a, errForm
	}
	r.rest = rest
	a.Space, a.Key = split(name)
	a.Value, err = value(text, inAttribute)
	return a, err
}

// escapes are what the form writes in place of a character (Canonical XML 1.0 §2.3).
type escapes []struct{ written, means string }

var (
	inText      = escapes{{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&#xD;", "\r"}}
	inAttribute = escapes{{"&amp;", "&"}, {"&lt;", "<"}, {"&quot;", `"`}, {"&#x9;", "\t"}, {"&#xA;", "\n"}, {"&#xD;", "\r"}}
)

// value reads a text: each character that is written otherwise must be, and no other
// may.
func value(text string, known escapes) (string, error) {
	for _, e := range known {
		if e.means != "&" && strings.Contains(text, e.means) {
			return "", errForm
		}
	}
	if strings.IndexByte(text, '&') < 0 {
		return text, nil
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexByte(text, '&')
		if i < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		at := slices.IndexFunc(known, func(e struct{ written, means string }) bool { return strings.HasPrefix(text, e.written) })
		if at < 0 {
			return "", errForm
		}
		b.WriteString(known[at].means)
		text = text[len(known[at].written):]
	}
	return b.String(), nil
}
