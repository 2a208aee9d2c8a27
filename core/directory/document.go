package directory

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	depthLimit  = 32   // objects and arrays within one another in a document
	nameLimit   = 1024 // bytes of a folded userName or displayName, and of an external id: an index has room for no more
	emailsLimit = 1000 // of one user
)

// elsewhere are the attributes that are kept elsewhere, or not at all.
var elsewhere = []string{"id", "externalid", "meta", "schemas", "password", "members", "groups"}

// compact checks a document (RFC 8259: an object in valid UTF-8, no name twice
// in one object; no NUL in texts, which not every database takes) and returns it
// without the space between its parts.
func compact(attributes json.RawMessage) ([]byte, error) {
	if len(attributes) > sdk.AttributesLimit {
		return nil, problem.New(problem.Invalid, "the attributes of one resource are over %d bytes", sdk.AttributesLimit)
	}
	if !utf8.Valid(attributes) {
		return nil, problem.New(problem.Invalid, "the attributes are not valid UTF-8")
	}
	var b bytes.Buffer
	b.Grow(len(attributes))
	if err := json.Compact(&b, attributes); err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the attributes are not valid JSON")
	}
	doc := b.Bytes()
	if len(doc) == 0 || doc[0] != '{' {
		return nil, problem.New(problem.Invalid, "the attributes are not a JSON object")
	}
	if err := checkValue(doc, 1); err != nil {
		return nil, err
	}
	for name := range fields(doc) {
		if slices.Contains(elsewhere, fold(name)) {
			return nil, problem.New(problem.Invalid, "%s does not belong among the attributes", strconv.Quote(cut(name, 64)))
		}
	}
	return doc, nil
}

func checkValue(raw []byte, depth int) error {
	switch raw[0] {
	case '"':
		return checkText(raw)
	case '[', '{':
	default:
		return nil
	}
	if depth > depthLimit {
		return problem.New(problem.Invalid, "the attributes are nested more than %d deep", depthLimit)
	}
	for element := range elements(raw) {
		if err := checkValue(element, depth+1); err != nil {
			return err
		}
	}
	var seen names
	for name, value := range fields(raw) {
		if !seen.add(name) {
			return problem.New(problem.Invalid, "the attribute %s is there twice", strconv.Quote(cut(name, 64)))
		}
		if err := checkValue(value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses escapes that stand for no character: a NUL, and half of a
// surrogate pair.
func checkText(raw []byte) error {
	if !bytes.Contains(raw, []byte(`\u`)) {
		return nil
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' {
			continue
		}
		unit := escaped(raw[i+1:])
		i += 4
		switch {
		case unit == 0:
			return problem.New(problem.Invalid, "a text has a NUL in it")
		case unit >= 0xDC00 && unit < 0xE000:
			return problem.New(problem.Invalid, "a text has half of a surrogate pair in it")
		case unit >= 0xD800 && unit < 0xDC00:
			if i+7 > len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' || escaped(raw[i+3:])&0xFC00 != 0xDC00 {
				return problem.New(problem.Invalid, "a text has half of a surrogate pair in it")
			}
			i += 6
		}
	}
	return nil
}

// escaped reads the four hexadecimal digits of an escape.
func escaped(raw []byte) uint64 {
	unit, _ := strconv.ParseUint(string(raw[:min(4, len(raw))]), 16, 32) // valid, as the document is
	return unit
}

// cleanText reports whether a text is one that every database takes.
func cleanText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// names is a set that is small nearly always.
type names struct {
	few  []string
	many map[string]bool
}

// add reports whether the name was not there yet.
func (n *names) add(name string) bool {
	if n.many != nil {
		if n.many[name] {
			return false
		}
		n.many[name] = true
		return true
	}
	if slices.Contains(n.few, name) {
		return false
	}
	if n.few = append(n.few, name); len(n.few) > 16 {
		n.many = make(map[string]bool, 2*len(n.few))
		for _, f := range n.few {
			n.many[f] = true
		}
	}
	return true
}
