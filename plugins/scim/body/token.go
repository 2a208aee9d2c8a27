package body

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// String reads a JSON string that begins at text[at], which is its quotation
// mark, and says where it ends. The text is valid UTF-8.
func String(text string, at int) (value string, next int, err error) {
	at++
	for i := at; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[at:i], i + 1, nil
		case c == '\\':
			return escaped(text, at, i)
		case c < ' ':
			return "", i, errors.New("a string has a control character")
		}
	}
	return "", len(text), errors.New("a string has no end")
}

// escaped goes on with a string from its first escape.
func escaped(text string, begin, at int) (string, int, error) {
	var b strings.Builder
	for at < len(text) {
		switch c := text[at]; {
		case c == '"':
			b.WriteString(text[begin:at])
			return b.String(), at + 1, nil
		case c < ' ':
			return "", at, errors.New("a string has a control character")
		case c != '\\':
			at++
		default:
			b.WriteString(text[begin:at])
			r, n := escape(text[at:])
			if n == 0 {
				return "", at, errors.New("a string has an escape that is malformed or half a character")
			}
			b.WriteRune(r)
			at += n
			begin = at
		}
	}
	return "", len(text), errors.New("a string has no end")
}

// escape reads one escape, and says how long it is; 0 is none.
func escape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r := hex4(s)
		if r >= 0 && !utf16.IsSurrogate(r) {
			return r, 6
		}
		if r >= 0 && len(s) >= 12 {
			if pair := utf16.DecodeRune(r, hex4(s[6:])); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return 0, 0
}

// hex4 reads \uXXXX; -1 is none.
func hex4(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// IsNumber reports whether the text is a JSON number (RFC 8259 §6).
func IsNumber(s string) bool { return s != "" && number(s) == len(s) }

// number says how long the number is with which s begins; 0 is none.
func number(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch n := digits(s[i:]); {
	case n == 0, n > 1 && s[i] == '0':
		return 0
	default:
		i += n
	}
	if i < len(s) && s[i] == '.' {
		n := digits(s[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n := digits(s[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
