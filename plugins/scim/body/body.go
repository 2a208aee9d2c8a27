// Package body reads the JSON of SCIM messages (RFC 8259). It is for bodies from
// outside: what two readers could understand differently is refused, and size
// and depth have limits. It is about as fast as encoding/json, which cannot be
// told to refuse duplicate names or lone surrogates.
package body

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// Depth is how deep arrays and objects may be nested. SCIM needs six: an
// attribute of an extension in a resource in an operation of Bulk.
const Depth = 32

// Decode reads one JSON value of at most limit bytes: nil, a bool, a string, a
// json.Number, a []any or a map[string]any. Refused are names that an object has
// twice, what follows the value, invalid UTF-8 and escapes of half a character.
// The error is a *scimerr.Error.
func Decode(data []byte, limit int) (any, error) {
	if len(data) > limit {
		return nil, scimerr.Status(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes.", limit)
	}
	if !utf8.Valid(data) {
		return nil, scimerr.New(scimerr.InvalidSyntax, "The body is not valid UTF-8.")
	}
	d := decoder{text: string(data)}
	v, err := d.document()
	if err != nil {
		return nil, err
	}
	return v, nil
}

// DecodeObject reads a body that must be an object, as all of SCIM's are.
func DecodeObject(data []byte, limit int) (map[string]any, error) {
	v, err := Decode(data, limit)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, scimerr.New(scimerr.InvalidSyntax, "The body is not a JSON object.")
	}
	return object, nil
}

// decoder reads a text from left to right. What it gives out are pieces of the
// text where nothing is escaped.
type decoder struct {
	text string
	at   int
}

func (d *decoder) document() (any, error) {
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(d.text) {
		return nil, d.fail("something follows the JSON value")
	}
	return v, nil
}

func (d *decoder) fail(what string) error {
	return scimerr.New(scimerr.InvalidSyntax, "The body is not the JSON that it should be: at byte %d %s.", d.at, what)
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips space and looks at what follows; 0 is the end.
func (d *decoder) next() byte {
	if d.space(); d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	if depth > Depth {
		return nil, d.fail("it is nested too deep")
	}
	switch c := d.next(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '"':
		return d.string()
	case c == '-' || '0' <= c && c <= '9':
		n := number(d.text[d.at:])
		if n == 0 {
			return nil, d.fail("a number is malformed")
		}
		d.at += n
		return json.Number(d.text[d.at-n : d.at]), nil
	case d.word("true"):
		return true, nil
	case d.word("false"):
		return false, nil
	case d.word("null"):
		return nil, nil
	case c == 0 && d.at == len(d.text):
		return nil, d.fail("it ends too early")
	}
	return nil, d.fail("no JSON value begins")
}

func (d *decoder) word(w string) bool {
	if len(d.text)-d.at < len(w) || d.text[d.at:d.at+len(w)] != w {
		return false
	}
	d.at += len(w)
	return true
}

func (d *decoder) string() (string, error) {
	s, next, err := String(d.text, d.at)
	d.at = next
	if err != nil {
		return "", d.fail(err.Error())
	}
	return s, nil
}

func (d *decoder) array(depth int) (any, error) {
	d.at++
	out := []any{}
	if d.next() == ']' {
		d.at++
		return out, nil
	}
	for {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		switch d.next() {
		case ',':
			d.at++
		case ']':
			d.at++
			return out, nil
		default:
			return nil, d.fail("a comma or the end of an array is missing")
		}
	}
}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	out := map[string]any{}
	if d.next() == '}' {
		d.at++
		return out, nil
	}
	for {
		if d.next() != '"' {
			return nil, d.fail("a name is missing in an object")
		}
		name, err := d.string()
		if err != nil {
			return nil, err
		}
		if _, twice := out[name]; twice {
			return nil, d.fail("an object has the name " + scimerr.Quote(name) + " twice")
		}
		if d.next() != ':' {
			return nil, d.fail("a colon is missing after a name")
		}
		d.at++
		if out[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
		switch d.next() {
		case ',':
			d.at++
		case '}':
			d.at++
			return out, nil
		default:
			return nil, d.fail("a comma or the end of an object is missing")
		}
	}
}
