package scim

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestNotes: names from outside that stand in notes are cut and made legible, so
// that the host takes them. The site checks each.
func TestNotes(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	id := s.user("mia")
	long := strings.Repeat("é", 5000)
	tests := map[string]struct{ method, target, body string }{
		"a long attribute":           {"PATCH", "/Users/" + id, patchBody(`[{"op":"add","path":"` + strings.Repeat("a", 5000) + `","value":1}]`)},
		"a long key":                 {"PATCH", "/Users/" + id, patchBody(`[{"op":"add","value":{"` + long + `":1}}]`)},
		"a key with a bell":          {"PATCH", "/Users/" + id, patchBody(`[{"op":"add","value":{"a\u0007\u0085b":1}}]`)},
		"a schema with a line end":   {"POST", "/Users", strings.Replace(userBody("leo"), `["urn`, `["urn:x\ny","`+long+`","urn`, 1)},
		"a long attribute, unquoted": {"GET", "/Users?filter=" + strings.Repeat("a", 5000) + "+eq+b", ""},
		"a long null":                {"PATCH", "/Users/" + id, patchBody(`[{"op":"add","path":"emails[type eq \"` + long + `\"]","value":null}]`)},
		"a key of Bulk":              {"POST", "/Users/.search", `{"schemas":["` + long + `"],"` + long + `":1}`},
		"a value, encoded twice":     {"GET", "/Users?filter=" + url.QueryEscape(`userName eq "%6eobody"`), ""},
	}
	for name, tt := range tests {
		if a := s.do(tt.method, tt.target, tt.body); a.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", name, a.status)
		}
		if len(s.notes) == 0 {
			t.Errorf("%s: nothing was noted", name)
		}
	}
	for detail, want := range map[string]string{
		"": "", "plain": "plain", "a\x00b\nc\u0085": "a?b?c?", "\xff": "\uFFFD",
		strings.Repeat("x", 300): strings.Repeat("x", 256), "x" + strings.Repeat("é", 200): "x" + strings.Repeat("é", 127) + "\uFFFD",
	} {
		if got := legible(detail); got != want {
			t.Errorf("%q is shown as %q, want %q", detail, got, want)
		}
	}
}
