package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

func TestUnreachable(t *testing.T) {
	t.Parallel()
	route := func(pattern string, methods ...string) policy.Route {
		return policy.Route{Upstream: "app", Pattern: pattern, Methods: methods}
	}
	tests := map[string]struct {
		routes []policy.Route
		want   []int
	}{
		"none":                          {nil, nil},
		"all are reached":               {[]policy.Route{route("/"), route("/a"), route("/*"), route("/a/**"), route("/**")}, nil},
		"a star is before two":          {[]policy.Route{route("/**/a"), route("/*/**")}, []int{0}},
		"but not for the empty path":    {[]policy.Route{route("/**"), route("/*/**")}, nil},
		"which another has":             {[]policy.Route{route("/**"), route("/*/**"), route("/")}, []int{0}},
		"one that only methods leave":   {[]policy.Route{route("/**/a", "GET"), route("/*/**", "POST")}, nil},
		"every method of it is covered": {[]policy.Route{route("/**/a", "GET", "HEAD"), route("/*/**", "GET")}, []int{0}},
		"for HEAD there is one for GET": {[]policy.Route{route("/**/a", "HEAD"), route("/*/**", "GET")}, []int{0}},
		"another upstream":              {[]policy.Route{route("/**/a"), {Upstream: "other", Pattern: "/*/**"}}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := compile(t, policy.Rules{Routes: tt.routes}).Unreachable(); !slices.Equal(got, tt.want) {
				t.Errorf("unreachable are %v, want %v", got, tt.want)
			}
		})
	}
}

// A route is unreachable if, and only if, Route gives it for no request: all paths of
// few segments are tried.
func TestUnreachableIsWhatRouteSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var routes []policy.Route
		seen := map[string]bool{}
		for range rapid.IntRange(1, 8).Draw(rt, "routes") {
			segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "**"}), 0, 3).Draw(rt, "segments")
			methods := rapid.SampledFrom([][]string{nil, nil, {"GET"}, {"POST", "HEAD"}}).Draw(rt, "methods")
			pattern := "/" + strings.Join(segments, "/")
			if strings.Contains(pattern, "**/**") || seen[pattern+fmt.Sprint(methods)] {
				continue
			}
			seen[pattern+fmt.Sprint(methods)] = true
			routes = append(routes, policy.Route{Upstream: "app", Pattern: pattern, Methods: methods})
		}
		p, diags := policy.Compile(t.Context(), policy.Rules{Routes: routes})
		if diags.HasErrors() {
			rt.Skip(diags)
		}
		reached := map[int]bool{}
		var try func(path string, more int)
		try = func(path string, more int) {
			for _, m := range []string{"GET", "HEAD", "POST", "PUT"} {
				reached[p.Route("app", m, "/"+strings.TrimPrefix(path, "/")).Index] = true
			}
			if more > 0 {
				for _, s := range []string{"a", "b", "c"} {
					try(path+"/"+s, more-1)
				}
			}
		}
		try("", 5)
		dead := p.Unreachable()
		for i, r := range routes {
			if slices.Contains(dead, i) == reached[i] {
				rt.Fatalf("route %s %v of %+v: unreachable %v, reached %v", r.Pattern, r.Methods, routes, dead, reached[i])
			}
		}
	})
}

// Many routes with "**" do not take long to be looked at.
func TestUnreachableIsBounded(t *testing.T) {
	t.Parallel()
	var routes []policy.Route
	for i := range 60 {
		routes = append(routes, policy.Route{Upstream: "app", Pattern: fmt.Sprintf("/**/a%d/**/b%d", i, i)})
	}
	if dead := compile(t, policy.Rules{Routes: routes}).Unreachable(); len(dead) != 0 {
		t.Errorf("unreachable: %v", dead)
	}
}
