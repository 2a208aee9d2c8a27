// Package reqpath brings the path of a request into one spelling, once, before
// any rule is matched: what the rule is matched against is what the application
// receives. A path that some server could read in two ways is refused, never
// mended, because the mended form would be a guess about the application.
//
// It knows nothing of hosts, queries or routes.
package reqpath

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Limit is the longest path that is looked at, in bytes as they were sent.
const Limit = 8 << 10

// Normalize returns the canonical form of an escaped path (the request target
// before "?", RFC 9112 §3.2.1): characters that a path segment may hold as they
// are (pchar, RFC 3986 §3.3) stand decoded, every other byte is percent-encoded
// with upper case digits. Two paths that an application decodes to the same
// segments have the same canonical form, and the canonical form of a canonical
// path is itself. A trailing slash stays, because applications tell the two
// apart; rules do not.
//
// Refused, with problem.Invalid and a detail that says which:
//   - longer than Limit, or not beginning with "/"
//   - an escape that is cut short or not hexadecimal (RFC 3986 §2.1)
//   - control characters (C0, DEL, C1) and invalid UTF-8, raw or encoded
//   - a backslash, raw or encoded, and an encoded slash
//   - a segment "." or "..", raw or encoded, and an empty segment
//   - ";", raw or encoded: servlet containers cut a segment there before they
//     match it, others do not
//   - an encoded percent sign that begins another escape once decoded: an
//     application that decodes twice reads another path
//   - "?" and "#", which end a path
//   - text that is not in Unicode's normal form NFC: two spellings of one name,
//     which some file systems and databases take for the same
func Normalize(rawPath string) (string, error) {
	if len(rawPath) > Limit {
		return "", refuse("it is longer than 8 KiB")
	}
	if !strings.HasPrefix(rawPath, "/") {
		return "", refuse(`it does not begin with "/"`)
	}
	if plain(rawPath) {
		return rawPath, nil
	}
	return spell(rawPath)
}

// spell brings a path into its one spelling, segment by segment.
func spell(rawPath string) (string, error) {
	var out strings.Builder
	out.Grow(len(rawPath))
	rest := rawPath[1:]
	for {
		raw, more, found := strings.Cut(rest, "/")
		text, err := decode(raw)
		if err != nil {
			return "", err
		}
		if text == "" && found {
			return "", refuse("it has an empty segment")
		}
		if err := check(text); err != nil {
			return "", err
		}
		out.WriteByte('/')
		encode(&out, text)
		if !found {
			return out.String(), nil
		}
		rest = more
	}
}

// plain reports whether a path is so plain that nothing in it can be read in
// two ways: unreserved ASCII characters (RFC 3986 §2.3) between single slashes,
// and no segment that begins with a dot. Most paths are, and each request has
// two of them to look at.
func plain(path string) bool {
	before := byte(0)
	for i := range len(path) {
		b := path[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '~':
		case b == '/' || b == '.':
			if before == '/' {
				return false
			}
		default:
			return false
		}
		before = b
	}
	return true
}

// decode resolves the escapes of one segment, each of them once.
func decode(raw string) (string, error) {
	if strings.ContainsAny(raw, "?#") {
		return "", refuse(`it holds "?" or "#", which end a path`)
	}
	if !strings.Contains(raw, "%") {
		return raw, nil
	}
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' {
			text = append(text, raw[i])
			continue
		}
		if !escapeAt(raw, i) {
			return "", refuse("it has a percent sign that begins no escape")
		}
		text = append(text, unhex(raw[i+1])<<4|unhex(raw[i+2]))
		i += 2
	}
	return string(text), nil
}

// check refuses a decoded segment that could be read in two ways.
func check(text string) error {
	if text == "." || text == ".." {
		return refuse("it has a dot segment")
	}
	if !utf8.ValidString(text) {
		return refuse("it is not valid UTF-8")
	}
	for i, r := range text {
		switch {
		case unicode.IsControl(r):
			return refuse("it holds a control character")
		case r == '/':
			return refuse("it holds an encoded slash")
		case r == '\\':
			return refuse("it holds a backslash")
		case r == ';':
			return refuse(`it holds ";", which some servers take for the end of the segment`)
		case r == '%' && (escapeAt(text, i) || wideEscapeAt(text, i)):
			return refuse("it is percent-encoded twice")
		}
	}
	if !norm.NFC.IsNormalString(text) {
		return refuse("it is not in Unicode normal form NFC")
	}
	return nil
}

// encode writes a decoded segment in its one spelling.
func encode(out *strings.Builder, text string) {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		b := text[i]
		if pchar(b) {
			out.WriteByte(b)
			continue
		}
		out.WriteByte('%')
		out.WriteByte(digits[b>>4])
		out.WriteByte(digits[b&15])
	}
}

// pchar reports whether b stands for itself in a segment: unreserved,
// sub-delims, ":" and "@" (RFC 3986 §3.3).
func pchar(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*+,=:@", b) >= 0
}

// escapeAt reports whether "%" and two hexadecimal digits stand at i.
func escapeAt(s string, i int) bool {
	return i+2 < len(s) && s[i] == '%' && ishex(s[i+1]) && ishex(s[i+2])
}

// wideEscapeAt reports whether "%uXXXX" stands at i, which classic ASP and old
// JavaScript functions decode.
func wideEscapeAt(s string, i int) bool {
	return i+5 < len(s) && (s[i+1] == 'u' || s[i+1] == 'U') &&
		ishex(s[i+2]) && ishex(s[i+3]) && ishex(s[i+4]) && ishex(s[i+5])
}

func ishex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

// unhex is the value of a hexadecimal digit.
func unhex(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return (b | 0x20) - 'a' + 10
}

func refuse(reason string) error {
	return problem.New(problem.Invalid, "the path of the request is refused: %s", reason).
		WithHint("Send the path in its plain form, each character encoded at most once.")
}
