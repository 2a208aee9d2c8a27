package scim

import (
	"bytes"
	"errors"
)

var errObject = errors.New("the directory has attributes that are no JSON object")

// fields calls each with the names and the values of a JSON object, as they are
// written and in their order. The directory keeps compact, valid JSON with
// canonical names: so nothing is decoded here, and a row of a list costs little
// more than its copy. What is no object after all is an error, never a panic.
func fields(object []byte, each func(name, value []byte)) error {
	at := space(object, 0)
	if at >= len(object) || object[at] != '{' {
		return errObject
	}
	at = space(object, at+1)
	if at < len(object) && object[at] == '}' {
		return nil
	}
	for {
		end := value(object, at)
		if at >= len(object) || object[at] != '"' || end-at < 2 {
			return errObject
		}
		name := object[at+1 : end-1]
		if at = space(object, end); at >= len(object) || object[at] != ':' {
			return errObject
		}
		at = space(object, at+1)
		if end = value(object, at); end <= at {
			return errObject
		}
		each(name, object[at:end])
		if at = space(object, end); at >= len(object) {
			return errObject
		}
		switch object[at] {
		case ',':
			at = space(object, at+1)
		case '}':
			return nil
		default:
			return errObject
		}
	}
}

// elements calls each with the elements of a JSON array.
func elements(array []byte, each func(value []byte)) error {
	at := space(array, 0)
	if at >= len(array) || array[at] != '[' {
		return errObject
	}
	at = space(array, at+1)
	if at < len(array) && array[at] == ']' {
		return nil
	}
	for {
		end := value(array, at)
		if end <= at {
			return errObject
		}
		each(array[at:end])
		if at = space(array, end); at >= len(array) {
			return errObject
		}
		switch array[at] {
		case ',':
			at = space(array, at+1)
		case ']':
			return nil
		default:
			return errObject
		}
	}
}

func space(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// value is where the value that begins at at ends; at itself if there is none.
func value(text []byte, at int) int {
	depth := 0
	for i := at; i < len(text); {
		switch text[i] {
		case '"':
			end := quoted(text, i)
			if end < 0 {
				return at
			}
			i = end
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i // of a number or a word
			}
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	if depth == 0 {
		return len(text)
	}
	return at
}

// quoted is where the string that begins at at ends, or -1.
func quoted(text []byte, at int) int {
	for i := at + 1; i < len(text); {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		backslashes := 0
		for text[i-1-backslashes] == '\\' {
			backslashes++
		}
		i++
		if backslashes%2 == 0 {
			return i
		}
	}
	return -1
}
