package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// depthLimit is how deep attributes may be nested. SCIM's own are at most four
// deep (an extension, its attribute, an element, a sub-attribute).
const depthLimit = 32

// apart are the names of what stands beside the attributes.
var apart = []string{"id", "externalId", "meta", "schemas", "password", "members", "groups"}

// CheckAttributes says what is wrong with the attributes of a resource: they are
// one JSON object (RFC 8259) in UTF-8 of at most AttributesLimit bytes, in which
// no name stands twice, no text has a NUL or half a surrogate pair, and which has
// what the type asks for. An error is a Problem (Invalid), and names no
// values.
func CheckAttributes(t Type, attributes json.RawMessage) error {
	switch {
	case len(attributes) > AttributesLimit:
		return problem.New(problem.Invalid, "the attributes are %d bytes, %d are allowed", len(attributes), AttributesLimit)
	case !utf8.Valid(attributes):
		return problem.New(problem.Invalid, "the attributes are not in UTF-8")
	case !json.Valid(attributes) || !bytes.HasPrefix(bytes.TrimLeft(attributes, " \t\r\n"), []byte("{")):
		return problem.New(problem.Invalid, "the attributes are not a JSON object")
	}
	var w walker
	if err := w.walk(attributes); err != nil {
		return err
	}
	return w.top.check(t)
}

// top is what the host reads of attributes itself.
type top struct {
	userName, displayName, active []byte // as JSON; nil where it is not there
	misplaced                     string
}

func (o top) check(t Type) error {
	switch {
	case o.misplaced != "":
		return problem.New(problem.Invalid, "%q stands beside the attributes, not among them", o.misplaced)
	case t == User && !isText(o.userName):
		return problem.New(problem.Invalid, "a user has no userName")
	case t == Group && !isText(o.displayName):
		return problem.New(problem.Invalid, "a group has no displayName")
	case t == User && o.active != nil && o.active[0] != 't' && o.active[0] != 'f':
		return problem.New(problem.Invalid, "a user's active is neither true nor false")
	}
	return nil
}

// isText reports whether a JSON value is a text that is not empty.
func isText(value []byte) bool { return len(value) > 2 && value[0] == '"' }

func (o *top) take(name string, value []byte) {
	switch name {
	case "userName":
		o.userName = value
	case "displayName":
		o.displayName = value
	case "active":
		o.active = value
	default:
		if slices.Contains(apart, name) {
			o.misplaced = name
		}
	}
}

// walker goes once over text that is valid JSON.
type walker struct {
	top   top
	open  []map[string]struct{} // the names of each open object; nil for an array
	named bool                  // a name may come next
	name  string                // the last of the outermost object
}

func (w *walker) walk(text []byte) error {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[':
			if len(w.open) == depthLimit {
				return problem.New(problem.Invalid, "the attributes are nested more than %d deep", depthLimit)
			}
			w.value(text[i : i+1])
			var names map[string]struct{}
			if c == '{' {
				names = map[string]struct{}{}
			}
			w.open = append(w.open, names)
			w.named = c == '{'
		case '}', ']':
			w.open = w.open[:len(w.open)-1]
			w.named = false
		case ',':
			w.named = w.open[len(w.open)-1] != nil
		case '"':
			end := i + textLength(text[i:])
			if err := w.text(text[i:end]); err != nil {
				return err
			}
			i = end - 1
		case 't', 'f', 'n', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			w.value(text[i : i+1])
			for i+1 < len(text) && bytes.IndexByte([]byte(",]} \t\r\n"), text[i+1]) < 0 {
				i++
			}
		}
	}
	return nil
}

// textLength is how many bytes a text has that is JSON, with its quotes.
func textLength(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// text takes a name or a value.
func (w *walker) text(quoted []byte) error {
	plain := string(quoted[1 : len(quoted)-1])
	if bytes.IndexByte(quoted, '\\') >= 0 {
		if !wholeEscapes(quoted) {
			return problem.New(problem.Invalid, "a text of the attributes has a NUL or half a surrogate pair")
		}
		if err := json.Unmarshal(quoted, &plain); err != nil {
			return fmt.Errorf("reading a text that was valid: %w", err)
		}
	}
	if !w.named {
		w.value(quoted)
		return nil
	}
	w.named = false
	names := w.open[len(w.open)-1]
	if _, twice := names[plain]; twice {
		return problem.New(problem.Invalid, "a name stands twice in one object of the attributes")
	}
	names[plain] = struct{}{}
	if len(w.open) == 1 {
		w.name = plain
		w.top.take(plain, nil)
	}
	return nil
}

// value takes a value, of which the first byte says enough.
func (w *walker) value(value []byte) {
	if len(w.open) == 1 {
		w.top.take(w.name, value)
	}
}
