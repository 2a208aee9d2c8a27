package reqpath

import "strings"

// Normal reports whether a path is in the normal form of RFC 3986 §6.2.2: no
// unreserved character is encoded, and digits of escapes are upper case. A
// reserved character may stand either way, since clients that encode each
// segment (encodeURIComponent) write %40 for @.
//
// Who cannot change the path that the application gets, as with forward-auth,
// accepts such paths only.
func Normal(rawPath string) bool {
	canonical, err := Normalize(rawPath)
	if err != nil {
		return false
	}
	for rawPath != "" {
		switch {
		case canonical == "":
			return false
		case rawPath[0] == canonical[0]:
			rawPath, canonical = rawPath[1:], canonical[1:]
		case encodesReserved(rawPath, canonical[0]):
			rawPath, canonical = rawPath[3:], canonical[1:]
		default:
			return false
		}
	}
	return canonical == ""
}

// encodesReserved reports whether s begins with the escape of a reserved
// character that may stand for itself in a segment.
func encodesReserved(s string, c byte) bool {
	const digits = "0123456789ABCDEF"
	return strings.IndexByte("!$&'()*+,=:@", c) >= 0 &&
		len(s) >= 3 && s[0] == '%' && s[1] == digits[c>>4] && s[2] == digits[c&15]
}
