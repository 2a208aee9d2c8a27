package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// at is a range of one line, as a configuration gives it.
func at(line int) hcl.Range {
	return hcl.Range{Filename: "gatehouse.hcl", Start: hcl.Pos{Line: line, Column: 1}, End: hcl.Pos{Line: line, Column: 9}}
}

// All mistakes of a configuration are reported at once, each at its place.
func TestRuleDiagnostics(t *testing.T) {
	t.Parallel()
	route := func(line int, r policy.Route) policy.Route {
		r.Upstream, r.Where, r.Range = "app", fmt.Sprintf("gatehouse.hcl:%d", line), at(line)
		return r
	}
	mapping := func(line int, m policy.Mapping) policy.Mapping {
		m.Where, m.Range = fmt.Sprintf("gatehouse.hcl:%d", line), at(line)
		return m
	}
	rules := policy.Rules{
		Roles: []policy.Role{
			{Name: "admin", Permissions: []string{"*"}, Range: at(1)},
			{Name: "admin", Range: at(2)},
			{Name: "", Range: at(3)},
			{Name: "odd", Permissions: []string{"a:b", "a:**", "A:b", "a::b", "", "a:b*", "1:2:3:4:5:6:7:8:9"}, Range: at(4)},
			{Name: "free", Exclusive: "plan", Range: at(5)},
			{Name: "pro", Exclusive: "plan", Priority: 10, Range: at(6)},
			{Name: "team", Exclusive: "plan", Priority: 10, Range: at(7)},
			{Name: "desk", Exclusive: "seat", Priority: 10, Range: at(8)}, // of another word: no mistake
			{Name: "first", Priority: 10, Range: at(9)},
			{Name: "loud", Exclusive: "Plan B", Range: at(9)},
		},
		Mappings: []policy.Mapping{
			mapping(10, policy.Mapping{Name: "m", Roles: []string{"admn"}}),
			mapping(11, policy.Mapping{Name: "m", Roles: []string{"admin"}}),
			mapping(12, policy.Mapping{Name: "n", Client: "a", Roles: []string{"admin"}}),
			mapping(13, policy.Mapping{Name: "n", Client: "b", Roles: []string{"admin"}}), // another client's: no mistake
			mapping(14, policy.Mapping{Name: "n", Roles: []string{"admin"}}),
			mapping(15, policy.Mapping{Name: "m", Client: "a", Roles: []string{"admin"}}),
			mapping(16, policy.Mapping{Name: "none"}),
		},
		Routes: []policy.Route{
			route(20, policy.Route{Pattern: "/a/*/b"}),
			route(21, policy.Route{Pattern: "/a/*/b/"}),
			route(22, policy.Route{Pattern: "/c", Methods: []string{"GET", "POST"}}),
			route(23, policy.Route{Pattern: "/c", Methods: []string{"PUT", "POST"}}),
			route(24, policy.Route{Pattern: "/c"}), // the same without a method: no mistake
			route(25, policy.Route{Pattern: "/d", Methods: []string{"get", ""}}),
			route(26, policy.Route{Pattern: "/e", Public: true, Permission: "a:b"}),
			route(27, policy.Route{Pattern: "/f", Permission: "a:*"}),
			route(30, policy.Route{Pattern: ""}),
			route(31, policy.Route{Pattern: "a"}),
			route(32, policy.Route{Pattern: "/a//b"}),
			route(33, policy.Route{Pattern: "/a/../b"}),
			route(34, policy.Route{Pattern: "/a/x*"}),
			route(35, policy.Route{Pattern: "/a/***"}),
			route(36, policy.Route{Pattern: "/a/**/**"}),
			route(37, policy.Route{Pattern: "/a%2Fb"}),
			route(38, policy.Route{Pattern: "/a;b"}),
			route(39, policy.Route{Pattern: "/a?b"}),
			route(40, policy.Route{Pattern: "/a\x00"}),
			route(41, policy.Route{Pattern: "/\xff"}),
			route(42, policy.Route{Pattern: "/u\u0308"}),
			route(43, policy.Route{Pattern: strings.Repeat("/a", 65)}),
			route(44, policy.Route{Pattern: "/" + strings.Repeat("a", 1024)}),
		},
		Permissions: []string{"gatehouse:*"},
	}
	p, diags := policy.Compile(t.Context(), rules)
	if p != nil {
		t.Error("there is a policy")
	}
	var out strings.Builder
	for _, d := range diags {
		place := "no place"
		if d.Subject != nil {
			place = fmt.Sprintf("line %d", d.Subject.Start.Line)
		}
		fmt.Fprintf(&out, "%s: %s: %s\n", place, d.Summary, d.Detail)
	}
	golden(t, "rules.want", out.String())
}

// A configuration without roles and routes is one: nobody has a role, every
// path is for any authenticated principal.
func TestCompileNothing(t *testing.T) {
	t.Parallel()
	p := compile(t, policy.Rules{})
	set := holder(t, p)
	v, err := p.Decide(t.Context(), set, nil, p.Route("app", "GET", "/a"))
	if len(set.Roles) != 0 || err != nil || v.Reason != policy.ReasonAuthenticated {
		t.Errorf("%+v, %+v, %v", set, v, err)
	}
}
