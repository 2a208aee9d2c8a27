package policy_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	patterns := []string{ // the index is what the cases name
		0: "/", 1: "/admin", 2: "/admin/*", 3: "/admin/**", 4: "/admin/*/keys", 5: "/**/health", 6: "/files/**/raw",
		7: "/files/**", 8: "/*/x", 9: "/größe/a b", 10: "/v1/p:search", 11: "/trailing/", 12: "/m/**",
	}
	var rules policy.Rules
	for i, p := range patterns {
		rules.Routes = append(rules.Routes, policy.Route{Upstream: "app", Pattern: p, Where: "gatehouse.hcl:" + strconv.Itoa(i)})
	}
	rules.Routes = append(rules.Routes, // 13 to 16
		policy.Route{Upstream: "app", Pattern: "/m/a", Methods: []string{"POST"}},
		policy.Route{Upstream: "app", Pattern: "/m/b", Methods: []string{"GET"}},
		policy.Route{Upstream: "app", Pattern: "/m/b"},
		policy.Route{Upstream: "app", Pattern: "/m/b", Methods: []string{"HEAD"}},
	)
	rules.Closed = []string{"closed"}
	p := compile(t, rules)
	for request, want := range map[string]int{
		"GET /":                      0,
		"GET /admin":                 1,
		"GET /admin/":                1, // a trailing slash does not escape a rule
		"GET /admin/x":               2, // not 8: the first segment decides
		"GET /admin/y":               2,
		"GET /admin/y/":              2,
		"GET /admin/y/z":             3,
		"GET /admin/y/keys":          4,
		"GET /health":                5,
		"GET /a/b/health":            5,
		"GET /admin/health":          2,
		"GET /files":                 7,
		"GET /files/a/b":             7,
		"GET /files/raw":             6,
		"GET /files/raw/raw":         6,
		"GET /files/raw/x":           7,
		"GET /other/x":               8,
		"GET /gr%C3%B6%C3%9Fe/a%20b": 9,
		"GET /v1/p:search":           10,
		"GET /trailing":              11,
		"GET /Admin":                 policy.NoRule, // paths tell capitals apart
		"GET /*":                     policy.NoRule, // a star in a request is a character
		"GET /a/b/c":                 policy.NoRule,
		"POST /m/a":                  13,
		"GET /m/a":                   12,
		"GET /m/b":                   14,
		"HEAD /m/b":                  16,
		"PUT /m/b":                   15,
	} {
		method, path, _ := strings.Cut(request, " ")
		got := p.Route("app", method, path)
		if got.Index != want || want >= 0 && (got.Pattern != rules.Routes[want].Pattern || got.Where != rules.Routes[want].Where) {
			t.Errorf("%s: %+v, want rule %d", request, got, want)
		}
		if got.Upstream != "app" || got.Deny {
			t.Errorf("%s: %+v", request, got)
		}
	}
}

// HEAD is what GET is: a rule for GET cannot be got around by it.
func TestRouteForGetCoversHead(t *testing.T) {
	t.Parallel()
	p := compile(t, policy.Rules{Routes: []policy.Route{
		{Upstream: "app", Pattern: "/a", Methods: []string{"GET"}, Permission: "a:b"}, {Upstream: "app", Pattern: "/a"},
	}})
	if r := p.Route("app", "HEAD", "/a"); r.Permission != "a:b" {
		t.Errorf("%+v", r)
	}
}

// Where no rule stands, the upstream decides; what no rule can be read against
// is closed everywhere.
func TestRouteWithoutARule(t *testing.T) {
	t.Parallel()
	p := compile(t, policy.Rules{
		Routes: []policy.Route{{Upstream: "closed", Pattern: "/a"}, {Upstream: "open", Pattern: "/**", Methods: []string{"GET"}, Public: true}},
		Closed: []string{"closed", "empty"},
	})
	for name, c := range map[string]struct {
		upstream, method, path string
		index                  int
		deny                   bool
	}{
		"a rule of a closed upstream": {"closed", "GET", "/a", 0, false},
		"none of a closed upstream":   {"closed", "GET", "/b", policy.NoRule, true},
		"a closed one without rules":  {"empty", "GET", "/b", policy.NoRule, true},
		"one that is not known":       {"new", "GET", "/b", policy.NoRule, false},
		"another method":              {"open", "POST", "/b", policy.NoRule, false},
		"a method in small letters":   {"open", "get", "/b", policy.NoRule, true},
		"no method":                   {"open", "", "/b", policy.NoRule, true},
		"no path":                     {"open", "GET", "", policy.NoRule, true},
		"a path without slash":        {"open", "GET", "b", policy.NoRule, true},
		"an empty segment":            {"open", "GET", "/a//b", policy.NoRule, true},
		"an empty segment in the end": {"open", "GET", "/a//", policy.NoRule, true},
		"an empty segment in front":   {"open", "GET", "//a", policy.NoRule, true},
	} {
		got := p.Route(c.upstream, c.method, c.path)
		if got.Index != c.index || got.Deny != c.deny || got.Upstream != c.upstream {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// matches is what a pattern means, by trying everything.
func matches(pattern, path []string) bool {
	if len(pattern) == 0 {
		return len(path) == 0
	}
	if pattern[0] == "**" {
		return matches(pattern[1:], path) || len(path) > 0 && matches(pattern, path[1:])
	}
	return len(path) > 0 && (pattern[0] == "*" || pattern[0] == path[0]) && matches(pattern[1:], path[1:])
}

// weight spells out how specific a pattern is, so that texts compare as
// patterns do: literal, "*", end, "**"; then the literals themselves.
func weight(pattern []string) string {
	var kinds strings.Builder
	for _, s := range pattern {
		switch s {
		case "*":
			kinds.WriteByte('1')
		case "**":
			kinds.WriteByte('3')
		default:
			kinds.WriteByte('0')
		}
	}
	return kinds.String() + "2 " + strings.Join(pattern, "/")
}

func split(path string) []string {
	if path = strings.Trim(path, "/"); path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// slowRoute tries every rule and keeps the most specific one.
func slowRoute(routes []policy.Route, method, path string) int {
	best, found := "", policy.NoRule
	for i, r := range routes {
		methods := "2"
		switch {
		case slices.Contains(r.Methods, method):
			methods = "0"
		case method == "HEAD" && slices.Contains(r.Methods, "GET"):
			methods = "1"
		case len(r.Methods) > 0:
			continue
		}
		if w := weight(split(r.Pattern)) + " " + methods; matches(split(r.Pattern), split(path)) && (found < 0 || w < best) {
			best, found = w, i
		}
	}
	return found
}

func TestRouteIsTheSlowMatcher(t *testing.T) {
	t.Parallel()
	hits := 0
	rapid.Check(t, func(rt *rapid.T) {
		var routes []policy.Route
		seen := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "rules") {
			segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "*", "**"}), 0, 5).Draw(rt, "pattern")
			pattern := "/" + strings.Join(slices.CompactFunc(segments, func(a, b string) bool { return a == "**" && b == "**" }), "/")
			method := rapid.SampledFrom([]string{"", "GET", "HEAD", "POST"}).Draw(rt, "method")
			if seen[method+pattern] {
				continue
			}
			seen[method+pattern] = true
			r := policy.Route{Upstream: "app", Pattern: pattern}
			if method != "" {
				r.Methods = []string{method}
			}
			routes = append(routes, r)
		}
		p := compile(t, policy.Rules{Routes: routes})
		for range 20 {
			path := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "*"}), 0, 6).Draw(rt, "path"), "/")
			method := rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT"}).Draw(rt, "request")
			want := slowRoute(routes, method, path)
			for _, sent := range []string{path, strings.TrimSuffix(path, "/") + "/"} {
				if got := p.Route("app", method, sent).Index; got != want {
					rt.Fatalf("%s %s: rule %d, want %d of %v", method, sent, got, want, routes)
				}
			}
			if want >= 0 {
				hits++
			}
		}
	})
	if hits == 0 {
		t.Error("no request ever matched: the test compares nothing")
	}
}

func TestRouteAllocatesNothing(t *testing.T) {
	p := compile(t, policy.Rules{Routes: []policy.Route{
		{Upstream: "app", Pattern: "/**/a/**/b"}, {Upstream: "app", Pattern: "/*/a/**"}, {Upstream: "app", Pattern: "/a/b/*", Methods: []string{"GET"}},
	}})
	for _, path := range []string{"/", "/a/b/c", "/x/a/y/b", "/" + strings.Repeat("a/", 2000)} {
		if n := testing.AllocsPerRun(100, func() { p.Route("app", "HEAD", path) }); n != 0 {
			t.Errorf("%.20s: %v allocations", path, n)
		}
	}
}
