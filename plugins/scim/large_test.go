package scim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestLarge sends what is as large as a request can be, or nested, or entangled.
// Each is answered, in time and memory that grow with it and no faster: the
// slowest of them would take minutes otherwise.
func TestLarge(t *testing.T) {
	t.Parallel()
	many := func(n int, one func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = one(i)
		}
		return strings.Join(parts, ",")
	}
	inBulk := func(n int, one func(i int) string) string {
		return `{"schemas":["` + bulkRequestURN + `"],"Operations":[` + many(n, one) + `]}`
	}
	filter := func(text string) string { return "/Users?filter=" + url.QueryEscape(text) }
	tests := map[string]struct {
		method, target, body string
		status               int
	}{
		"a filter of a megabyte":            {"GET", filter(`userName eq "` + strings.Repeat("x", 1<<20) + `"`), "", http.StatusBadRequest},
		"a filter of thousands of terms":    {"GET", filter(strings.TrimSuffix(strings.Repeat(`title eq "x" or `, 4000), " or ")), "", http.StatusBadRequest},
		"a filter nested thousands deep":    {"GET", filter(strings.Repeat("(", 20000) + "title pr" + strings.Repeat(")", 20000)), "", http.StatusBadRequest},
		"a filter of brackets":              {"GET", filter(strings.Repeat("emails[", 9000)), "", http.StatusBadRequest},
		"thousands of attributes":           {"GET", "/Users?attributes=" + strings.Repeat("emails.value,name.givenName,", 30000), "", http.StatusOK},
		"thousands of keys in the query":    {"GET", "/Users?" + strings.Repeat("x=1&", 20000), "", http.StatusOK},
		"tens of thousands of entity tags":  {"GET", "/Users", "", http.StatusOK},
		"ten thousand operations":           {"PATCH", "/Users/{user}", patchBody("[" + many(10000, func(i int) string { return fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, i) }) + "]"), http.StatusOK},
		"ten thousand elements, each by op": {"PATCH", "/Users/{user}", patchBody("[" + many(10000, func(i int) string { return fmt.Sprintf(`{"op":"add","path":"emails","value":[{"value":"%d@x"}]}`, i) }) + "]"), http.StatusRequestEntityTooLarge},
		"a thousand members removed":        {"PATCH", "/Groups/{group}", patchBody("[" + many(1000, func(i int) string { return fmt.Sprintf(`{"op":"remove","path":"members[value eq \"u-%d\"]"}`, i) }) + "]"), http.StatusNoContent},
		"ten thousand members of nobody":    {"PATCH", "/Groups/{group}", patchBody(`[{"op":"add","path":"members","value":[` + many(10000, func(i int) string { return fmt.Sprintf(`{"value":"u-%d"}`, i) }) + `]}]`), http.StatusNoContent},
		"ten thousand names":                {"POST", "/Users", `{"userName":"x",` + many(10000, func(i int) string { return fmt.Sprintf(`"a%d":1`, i) }) + `}`, http.StatusBadRequest},
		"a megabyte in one value":           {"POST", "/Users", userBody(strings.Repeat("x", 1<<20)), http.StatusBadRequest},
		"a megabyte of brackets":            {"POST", "/Users", strings.Repeat("[", 1<<20), http.StatusBadRequest},
		"a megabyte of quotation marks":     {"POST", "/Users", strings.Repeat(`"`, 1<<20), http.StatusBadRequest},
		"a megabyte of backslashes":         {"POST", "/Users", `{"` + strings.Repeat(`\\`, 1<<19) + `":1}`, http.StatusBadRequest},
		"bulk with too many operations":     {"POST", "/Bulk", inBulk(1001, func(int) string { return "{}" }), http.StatusRequestEntityTooLarge},
		"bulk that is too long":             {"POST", "/Bulk", inBulk(1, func(int) string { return `{"x":"` + strings.Repeat("x", 1<<20) + `"}` }), http.StatusRequestEntityTooLarge},
		"bulk where each refers to itself": {"POST", "/Bulk", inBulk(1000, func(i int) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"%d","data":%s}`, i, groupBody("G", fmt.Sprintf("bulkId:%d", i)))
		}), http.StatusOK},
		"bulk in one circle": {"POST", "/Bulk", inBulk(1000, func(i int) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"%d","data":%s}`, i, groupBody("G", fmt.Sprintf("bulkId:%d", (i+1)%1000)))
		}), http.StatusOK},
		"bulk where all refer to the last": {"POST", "/Bulk", inBulk(1000, func(i int) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"%d","data":%s}`, i, groupBody("G", "bulkId:999"))
		}), http.StatusOK},
		"bulk with nothing in it": {"POST", "/Bulk", inBulk(1000, func(int) string { return "{}" }), http.StatusOK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			user := s.user("mia")
			fill := strings.NewReplacer("{user}", user, "{group}", s.group("Eng", user))
			a := s.do(tt.method, fill.Replace(tt.target), fill.Replace(tt.body), "If-None-Match: "+strings.Repeat(`W/"7",`, 20000))
			if a.status != tt.status {
				t.Errorf("status %d, want %d: %.500s", a.status, tt.status, a.body)
			}
		})
	}
}
