package policy_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// manyMappings are n rules `contains(client.scopes, "s<i>")`, two of three
// giving a role of their own.
func manyMappings(tb testing.TB, n int) policy.Rules {
	var rules policy.Rules
	for i := range n {
		role := fmt.Sprintf("role-%d", i-i%3)
		if i%3 == 0 {
			rules.Roles = append(rules.Roles, policy.Role{Name: role, Permissions: []string{fmt.Sprintf("area-%d:read", i)}})
		}
		rules.Mappings = append(rules.Mappings, policy.Mapping{
			Name: fmt.Sprintf("mapping-%d", i), Where: fmt.Sprintf("roles.hcl:%d", i), Roles: []string{role},
			When: expression(tb, fmt.Sprintf(`contains(client.scopes, "s%d")`, i)),
		})
	}
	return rules
}

// fifty scopes, of which few are named by a mapping.
func member(matching int) policy.Principal {
	p := policy.Principal{Kind: policy.KindClient, ID: "my-tenant", Organization: "acme"}
	for i := range 50 {
		name := fmt.Sprintf("other-%d", i)
		if i < matching {
			name = fmt.Sprintf("s%d", i)
		}
		p.Scopes = append(p.Scopes, name)
	}
	return p
}

func BenchmarkRoleSet(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("mappings=%d", n), func(b *testing.B) {
			p := compile(b, manyMappings(b, n))
			who := member(5)
			b.ReportAllocs()
			for b.Loop() {
				set, err := p.RoleSet(context.Background(), who)
				if err != nil || len(set.Roles) != 5 {
					b.Fatal(set, err)
				}
			}
		})
	}
}

// BenchmarkFloor is what the same answer costs with a Go map: the mapping for
// each scope, its role, the permissions, sorted.
func BenchmarkFloor(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("mappings=%d", n), func(b *testing.B) {
			byScope, permissions := map[string]policy.Granted{}, map[string][]string{}
			rules := manyMappings(b, n)
			for i, m := range rules.Mappings {
				byScope[fmt.Sprintf("s%d", i)] = policy.Granted{Role: m.Roles[0], Source: policy.SourceMapping, Rule: m.Name}
			}
			for _, r := range rules.Roles {
				permissions[r.Name] = r.Permissions
			}
			who := member(5)
			b.ReportAllocs()
			for b.Loop() {
				granted := map[policy.Granted]bool{}
				patterns := map[string]bool{}
				for _, s := range who.Scopes {
					if g, ok := byScope[s]; ok {
						granted[g] = true
						for _, p := range permissions[g.Role] {
							patterns[p] = true
						}
					}
				}
				var set policy.RoleSet
				for g := range granted {
					set.Roles = append(set.Roles, g)
				}
				for p := range patterns {
					set.Permissions = append(set.Permissions, p)
				}
				slices.SortFunc(set.Roles, func(a, b policy.Granted) int {
					return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Rule, b.Rule))
				})
				slices.Sort(set.Permissions)
				if len(set.Roles) != 5 {
					b.Fatal(set)
				}
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	rules := manyMappings(b, 100)
	for i := range 100 {
		rules.Routes = append(rules.Routes, policy.Route{
			Upstream: "app", Pattern: fmt.Sprintf("/api/v%d/**", i), Permission: fmt.Sprintf("area-%d:read", i),
		})
	}
	p := compile(b, rules)
	set, err := p.RoleSet(context.Background(), member(5))
	if err != nil {
		b.Fatal(err)
	}
	rule := p.Route("app", "GET", "/api/v3/x")
	b.ReportAllocs()
	for b.Loop() {
		if v, err := p.Decide(context.Background(), set, nil, rule); err != nil || !v.Allow {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			var rules policy.Rules
			for i := range n {
				rules.Routes = append(rules.Routes, policy.Route{Upstream: "app", Pattern: fmt.Sprintf("/api/v1/area-%d/*/**", i)})
			}
			p := compile(b, rules)
			b.ReportAllocs()
			for b.Loop() {
				if p.Route("app", "GET", "/api/v1/area-7/x/y/z").Index != 7 {
					b.Fatal("another rule")
				}
			}
		})
	}
}

// BenchmarkUnindexed is the worst that a condition can cost: OPA's index cannot
// read it, so that every mapping is evaluated for everybody.
func BenchmarkUnindexed(b *testing.B) {
	for name, text := range map[string]string{
		"lower": `lower(client.owner) == "owner-%d"`, "not": `!contains(client.scopes, "s%d") && client.owner != "ana"`,
	} {
		b.Run(name+"/mappings=100", func(b *testing.B) {
			rules := manyMappings(b, 100)
			for i := range rules.Mappings {
				rules.Mappings[i].When = expression(b, fmt.Sprintf(text, i))
			}
			p := compile(b, rules)
			who := member(5)
			who.Owner = "ana"
			b.ReportAllocs()
			for b.Loop() {
				if set, err := p.RoleSet(context.Background(), who); err != nil || len(set.Roles) != 0 {
					b.Fatal(set, err)
				}
			}
		})
	}
}

// BenchmarkCompile is what a changed configuration costs.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("mappings=%d", n), func(b *testing.B) {
			rules := manyMappings(b, n)
			b.ReportAllocs()
			for b.Loop() {
				compile(b, rules)
			}
		})
	}
}
