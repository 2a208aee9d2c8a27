package directory

import (
	"encoding/hex"
	"unicode"
	"unicode/utf16"
)

// wholeEscapes reports whether each \u of a JSON text is a character other than
// NUL, or one half of a pair whose other half stands beside it (RFC 8259 §7).
// Go, SQLite and PostgreSQL each make something else of the rest.
func wholeEscapes(quoted []byte) bool {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		r := unit(quoted[i+1:])
		i += 4
		if r == 0 {
			return false
		}
		if !utf16.IsSurrogate(r) {
			continue
		}
		if len(quoted) < i+7 || quoted[i+1] != '\\' || quoted[i+2] != 'u' ||
			utf16.DecodeRune(r, unit(quoted[i+3:])) == unicode.ReplacementChar {
			return false
		}
		i += 6
	}
	return true
}

// unit reads the four hexadecimal digits of an escape.
func unit(digits []byte) rune {
	var two [2]byte
	_, _ = hex.Decode(two[:], digits[:4]) // it is valid JSON
	return rune(two[0])<<8 | rune(two[1])
}
