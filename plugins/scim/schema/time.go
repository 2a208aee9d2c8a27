package schema

import "time"

// ParseTime reads a dateTime (RFC 7643 §2.3.5: xsd:dateTime). One without a zone
// is taken for UTC, as XML Schema allows a reader to.
func ParseTime(s string) (time.Time, bool) {
	if len(s) > 64 {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
