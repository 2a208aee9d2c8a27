package policy

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a route's pattern.
const (
	maxPattern         = 1024 // bytes
	maxPatternSegments = 64
)

// segmentKind orders the kinds of segments: the smaller, the more specific. The
// end of a pattern stands between: "/a" is more specific than "/a/**" for the
// path /a, and "/**/a" more than "/**".
type segmentKind int

const (
	literal segmentKind = iota // itself
	star                       // "*": exactly one segment
	end                        // no more segments
	deep                       // "**": any number of segments, also none
)

// segment is one part of a pattern; text is a literal in the spelling of a
// canonical path.
type segment struct {
	kind segmentKind
	text string
}

// parsePattern reads the pattern of a route: "/" and segments, each of them
// "*", "**" or the characters themselves, not percent-encoded. A trailing slash
// means nothing, as in requests. "/" and "/**" differ: the first is the root
// alone.
func parsePattern(pattern string) ([]segment, error) {
	switch {
	case !strings.HasPrefix(pattern, "/"):
		return nil, fmt.Errorf("a pattern begins with \"/\"")
	case len(pattern) > maxPattern:
		return nil, fmt.Errorf("a pattern has at most %d bytes", maxPattern)
	case !utf8.ValidString(pattern) || !norm.NFC.IsNormalString(pattern):
		return nil, fmt.Errorf("a pattern is UTF-8 in normal form NFC, as the paths that reach it")
	}
	trimmed := strings.TrimSuffix(pattern[1:], "/")
	if trimmed == "" {
		return nil, nil
	}
	var segments []segment
	for text := range strings.SplitSeq(trimmed, "/") {
		next, err := parseSegment(text)
		if err != nil {
			return nil, err
		}
		if n := len(segments); n > 0 && next.kind == deep && segments[n-1].kind == deep {
			return nil, fmt.Errorf("\"**/**\" means the same as \"**\"")
		}
		segments = append(segments, next)
	}
	if len(segments) > maxPatternSegments {
		return nil, fmt.Errorf("a pattern has at most %d segments", maxPatternSegments)
	}
	return segments, nil
}

func parseSegment(text string) (segment, error) {
	switch {
	case text == "*":
		return segment{kind: star}, nil
	case text == "**":
		return segment{kind: deep}, nil
	case text == "":
		return segment{}, fmt.Errorf("a pattern has no empty segments")
	case text == "." || text == "..":
		return segment{}, fmt.Errorf("no request reaches a pattern with dot segments")
	case strings.Contains(text, "*"):
		return segment{}, fmt.Errorf("\"*\" and \"**\" stand for whole segments: %q is neither", text)
	case strings.Contains(text, "%"):
		return segment{}, fmt.Errorf("a pattern holds the characters themselves, not percent-encoded: %q", text)
	case strings.ContainsAny(text, `;\?#`) || strings.ContainsFunc(text, unicode.IsControl):
		return segment{}, fmt.Errorf("no request reaches %q: paths with such characters are refused", text)
	}
	return segment{kind: literal, text: escapeSegment(text)}, nil
}

// escapeSegment spells a literal as canonical paths do: what a segment may hold
// as it is (pchar, RFC 3986 §3.3) stays, the rest is percent-encoded.
func escapeSegment(text string) string {
	var out strings.Builder
	for i := range len(text) {
		b := text[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9',
			strings.IndexByte("-._~!$&'()*+,=:@", b) >= 0:
			out.WriteByte(b)
		default:
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

// compareSegments orders patterns, the most specific first: by the kinds of
// their segments, left to right. Two patterns of the same kinds that match one
// path differ only if they have more than one "**"; then their texts decide, so
// that the order is total.
func compareSegments(a, b []segment) int {
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(kindAt(a, i), kindAt(b, i)); c != 0 {
			return c
		}
	}
	for i := range a {
		if c := cmp.Compare(a[i].text, b[i].text); c != 0 {
			return c
		}
	}
	return 0
}

func kindAt(segments []segment, i int) segmentKind {
	if i < len(segments) {
		return segments[i].kind
	}
	return end
}
