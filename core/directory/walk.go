package directory

import (
	"bytes"
	"encoding/json"
	"iter"
)

// The functions below read JSON in place, because a filter that no index serves
// looks at one or two attributes of each document. They lean on the text being
// valid, which checkDocument has seen to; of another they may say anything, but
// they end.

// fields are the members of an object, in their order.
func fields(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for name, value := range pairs(raw) {
			if !yield(decodeText(name), value) {
				return
			}
		}
	}
}

// pairs are fields with their names as they stand, in quotation marks.
func pairs(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		i := space(raw, 0)
		if i >= len(raw) || raw[i] != '{' {
			return
		}
		for i++; ; i++ { // behind the brace or a comma
			i = space(raw, i)
			end := skip(raw, i)
			if end < i+2 || raw[i] != '"' {
				return
			}
			name := raw[i:end]
			i = space(raw, end)
			if i >= len(raw) || raw[i] != ':' {
				return
			}
			i = space(raw, i+1)
			end = skip(raw, i)
			if end == i || !yield(name, raw[i:end]) {
				return
			}
			if i = space(raw, end); i >= len(raw) || raw[i] != ',' {
				return
			}
		}
	}
}

// elements are those of an array.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := space(raw, 0)
		if i >= len(raw) || raw[i] != '[' {
			return
		}
		for i++; ; i++ {
			i = space(raw, i)
			end := skip(raw, i)
			if end == i || !yield(raw[i:end]) {
				return
			}
			if i = space(raw, end); i >= len(raw) || raw[i] != ',' {
				return
			}
		}
	}
}

// field is the member of an object with this name; nil is none.
func field(raw []byte, name string) []byte {
	for quoted, value := range pairs(raw) {
		if string(quoted[1:len(quoted)-1]) == name || bytes.IndexByte(quoted, '\\') >= 0 && decodeText(quoted) == name {
			return value
		}
	}
	return nil
}

// at are the values that a path leads to: all elements of an array, whatever
// stands behind it in the path. Null is no value (RFC 7643 §2.5). What is no
// object has one attribute, its value.
func at(raw []byte, path []string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { walk(raw, path, yield) }
}

func walk(raw []byte, path []string, yield func([]byte) bool) bool {
	switch {
	case len(raw) == 0 || raw[0] == 'n':
		return true
	case raw[0] == '[':
		for element := range elements(raw) {
			if !walk(element, path, yield) {
				return false
			}
		}
		return true
	case len(path) == 0:
		return yield(raw)
	case raw[0] != '{':
		return len(path) != 1 || path[0] != "value" || yield(raw)
	}
	return walk(field(raw, path[0]), path[1:], yield)
}

// textOf is a JSON text's string; ok is false where the value is not a text.
func textOf(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	return decodeText(raw), true
}

// decodeText decodes a JSON text with its quotation marks.
func decodeText(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid, as the document is
	return s
}

func space(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends; i itself where there is
// none.
func skip(raw []byte, i int) int {
	if i >= len(raw) {
		return i
	}
	switch raw[i] {
	case '"':
		return skipText(raw, i)
	case '{', '[':
		for depth := 0; i < len(raw); i++ {
			switch raw[i] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			case '"':
				i = skipText(raw, i) - 1
			}
		}
		return i
	}
	for i < len(raw) {
		switch raw[i] {
		case ',', '}', ']', ':', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}

func skipText(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}
