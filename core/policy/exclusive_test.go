package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// plans are three roles of which one counts, and two that count beside them.
func plans() policy.Rules {
	return policy.Rules{
		Roles: []policy.Role{
			{Name: "free", Permissions: []string{"free:use"}, Exclusive: "plan"},
			{Name: "pro", Permissions: []string{"pro:use"}, Exclusive: "plan", Priority: 10},
			{Name: "team", Permissions: []string{"team:use"}, Exclusive: "plan", Priority: 20},
			{Name: "admin", Permissions: []string{"*"}, Protected: true},
			{Name: "desk", Permissions: []string{"desk:use"}, Exclusive: "seat"},
		},
		Mappings: []policy.Mapping{{Name: "everybody", Where: "a.hcl:1", Roles: []string{"free"}}},
		Routes:   []policy.Route{{Upstream: "app", Pattern: "/free", Permission: "free:use"}, {Upstream: "app", Pattern: "/pro", Permission: "pro:use"}},
	}
}

func TestTheHighestOfAWordCounts(t *testing.T) {
	t.Parallel()
	p := compile(t, plans())
	who := policy.Principal{Kind: policy.KindClient, ID: "a", Organization: "acme", Grants: []policy.Grant{
		{Role: "pro", Source: "manual"}, {Role: "pro", Source: "api"}, {Role: "desk", Source: "api"},
	}}
	set, err := p.RoleSet(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"desk", "pro"}, set.Names()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]policy.Granted{{Role: "free", Source: policy.SourceMapping, Rule: "everybody"}}, set.Outranked); diff != "" {
		t.Error(diff)
	}
	// What does not count permits nothing, though a mapping gave it.
	if v, err := p.Decide(t.Context(), set, nil, p.Route("app", "GET", "/free")); err != nil || v.Allow {
		t.Errorf("an outranked role lets in: %+v, %v", v, err)
	}
	if v, err := p.Decide(t.Context(), set, nil, p.Route("app", "GET", "/pro")); err != nil || !v.Allow {
		t.Errorf("the role that counts does not: %+v, %v", v, err)
	}
	who.Grants = nil
	if set, err = p.RoleSet(t.Context(), who); err != nil || !slices.Equal(set.Names(), []string{"free"}) || len(set.Outranked) != 0 {
		t.Errorf("by itself the lowest counts: %+v, %v", set, err)
	}
}

// Whatever somebody was given, in whatever order: of each word the highest counts,
// and nothing else is left out.
func TestRankDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var rules policy.Rules
		of := map[string]policy.Role{}
		for i, priority := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(rt, "priorities") {
			r := policy.Role{Name: fmt.Sprint("r", i), Permissions: []string{fmt.Sprint("p", i)}, Exclusive: rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "word")}
			if r.Exclusive != "" {
				r.Priority = priority
			}
			rules.Roles, of[r.Name] = append(rules.Roles, r), r
		}
		p, diags := policy.Compile(t.Context(), rules)
		if diags.HasErrors() {
			rt.Fatal(diags)
		}
		var given []policy.Grant
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(rules.Roles), 0, 10).Draw(rt, "given") {
			given = append(given, policy.Grant{Role: name.Name, Source: rapid.SampledFrom([]string{"manual", "api"}).Draw(rt, "source")})
		}
		count := func(list []policy.Grant) policy.RoleSet {
			set, err := p.RoleSet(t.Context(), policy.Principal{Kind: policy.KindUser, ID: "u", Organization: "acme", Grants: list})
			if err != nil {
				rt.Fatal(err)
			}
			return set
		}
		set := count(given)
		if other := count(rapid.Permutation(given).Draw(rt, "order")); !slices.Equal(set.Names(), other.Names()) || !slices.Equal(set.Permissions, other.Permissions) || !slices.Equal(set.Outranked, other.Outranked) {
			rt.Fatalf("%v in another order: %+v, %+v", given, set, other)
		}
		want := map[string]bool{}
		for _, g := range given {
			highest := true
			for _, o := range given {
				r, other := of[g.Role], of[o.Role]
				highest = highest && (r.Exclusive == "" || r.Exclusive != other.Exclusive || r.Priority >= other.Priority)
			}
			want[g.Role] = highest
		}
		for role, counts := range want {
			if slices.Contains(set.Names(), role) != counts {
				rt.Fatalf("of %v count %v", given, set.Names())
			}
		}
	})
}
