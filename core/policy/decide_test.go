package policy_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// holder is the role set of a client that has a role with these permissions.
func holder(tb testing.TB, p *policy.Policy) policy.RoleSet {
	tb.Helper()
	set, err := p.RoleSet(tb.Context(), policy.Principal{Kind: policy.KindClient, ID: "my-tenant", Organization: "acme"})
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		permissions, scopes []string
		rule                policy.Rule
		want                policy.Verdict
	}{
		"the permission itself":  {[]string{"a:b"}, nil, policy.Rule{Permission: "a:b"}, policy.Verdict{Allow: true, Reason: "permitted"}},
		"a wildcard":             {[]string{"a:*"}, nil, policy.Rule{Permission: "a:b"}, policy.Verdict{Allow: true, Reason: "permitted"}},
		"everything":             {[]string{"*"}, nil, policy.Rule{Permission: "a:b:c"}, policy.Verdict{Allow: true, Reason: "permitted"}},
		"a wildcard inside":      {[]string{"a:*:c"}, nil, policy.Rule{Permission: "a:b:c"}, policy.Verdict{Allow: true, Reason: "permitted"}},
		"a wildcard is no part":  {[]string{"a*"}, nil, policy.Rule{Permission: "a:b"}, policy.Verdict{}},
		"another permission":     {[]string{"a:c", "b:*"}, nil, policy.Rule{Permission: "a:b"}, policy.Verdict{Reason: "permission_missing", Permission: "a:b"}},
		"no permission":          {nil, nil, policy.Rule{Permission: "a:b"}, policy.Verdict{Reason: "permission_missing", Permission: "a:b"}},
		"no permission wanted":   {nil, nil, policy.Rule{}, policy.Verdict{Allow: true, Reason: "authenticated"}},
		"scope does not matter":  {nil, []string{"x"}, policy.Rule{}, policy.Verdict{Allow: true, Reason: "authenticated"}},
		"public":                 {nil, nil, policy.Rule{Public: true}, policy.Verdict{Allow: true, Reason: "public"}},
		"closed":                 {[]string{"*"}, nil, policy.Rule{Index: policy.NoRule, Deny: true}, policy.Verdict{Reason: "no_rule"}},
		"closed before public":   {[]string{"*"}, nil, policy.Rule{Deny: true, Public: true, Permission: "a:b"}, policy.Verdict{Reason: "no_rule"}},
		"scope covers it":        {[]string{"*"}, []string{"x", "a:*"}, policy.Rule{Permission: "a:b"}, policy.Verdict{Allow: true, Reason: "permitted"}},
		"scope takes it away":    {[]string{"a:b"}, []string{"a:c"}, policy.Rule{Permission: "a:b"}, policy.Verdict{Reason: "scope_missing", Permission: "a:b"}},
		"scope gives nothing":    {[]string{"a:c"}, []string{"a:b", "*"}, policy.Rule{Permission: "a:b"}, policy.Verdict{Reason: "permission_missing", Permission: "a:b"}},
		"blank scope is a scope": {[]string{"*"}, []string{""}, policy.Rule{Permission: "a:b"}, policy.Verdict{Reason: "scope_missing", Permission: "a:b"}},

		"the host's own by everything":       {[]string{"*", "*:*", "*:*:*"}, nil, policy.Rule{Permission: "gatehouse:keys:create"}, policy.Verdict{Reason: "permission_missing", Permission: "gatehouse:keys:create"}},
		"the host's own by its own wildcard": {[]string{"gatehouse:*"}, nil, policy.Rule{Permission: "gatehouse:keys:create"}, policy.Verdict{Allow: true, Reason: "permitted"}},
		"the host's own, scope everything":   {[]string{"gatehouse:*"}, []string{"*"}, policy.Rule{Permission: "gatehouse:keys:create"}, policy.Verdict{Reason: "scope_missing", Permission: "gatehouse:keys:create"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, diags := policy.Compile(t.Context(), policy.Rules{
				Roles:       []policy.Role{{Name: "r", Permissions: c.permissions}},
				Mappings:    []policy.Mapping{{Name: "m", Roles: []string{"r"}}},
				Permissions: []string{"a:b", "a:b:c", "gatehouse:keys:create"},
			})
			if c.want == (policy.Verdict{}) { // the role itself is refused
				if !diags.HasErrors() {
					t.Error("accepted")
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			got, err := p.Decide(t.Context(), holder(t, p), c.scopes, c.rule)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// A permission that the policy does not know cannot be decided on, rather than
// be looked for among candidates that were never made.
func TestDecideNeedsACompiledPermission(t *testing.T) {
	t.Parallel()
	p := compile(t, sample(t))
	set := holder(t, p)
	for _, rule := range []policy.Rule{{Permission: "unheard:of"}, {Permission: "*"}} {
		if v, err := p.Decide(t.Context(), set, nil, rule); !problem.Is(err, problem.Internal) || v.Allow {
			t.Errorf("%+v: %+v, %v", rule, v, err)
		}
	}
	if v, err := p.Decide(t.Context(), policy.RoleSet{}, nil, policy.Rule{Public: true}); err != nil || !v.Allow {
		t.Errorf("what is public asks for nobody's roles: %+v, %v", v, err)
	}
}

// Decide allows exactly when a pattern of the roles and, if there are scopes,
// one of the scopes covers the permission.
func TestDecideIsTheRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		patterns := rapid.SliceOfN(rapid.StringMatching(`(a|b|gatehouse|\*)(:(a|b|\*)){0,2}`), 0, 3)
		has, scopes := patterns.Draw(rt, "has"), patterns.Draw(rt, "scopes")
		permission := rapid.StringMatching(`(a|b|gatehouse)(:(a|b)){0,2}`).Draw(rt, "permission")
		p, diags := policy.Compile(t.Context(), policy.Rules{
			Roles:       []policy.Role{{Name: "r", Permissions: has}},
			Mappings:    []policy.Mapping{{Name: "m", Roles: []string{"r"}}},
			Permissions: []string{permission},
		})
		if diags.HasErrors() {
			rt.Fatal(diags)
		}
		by := func(patterns []string) bool {
			return slices.ContainsFunc(patterns, func(s string) bool { return covers(s, permission) })
		}
		want := by(has) && (len(scopes) == 0 || by(scopes))
		p = p.WithLimit(1 << 40)
		got, err := p.Decide(t.Context(), holder(t, p), scopes, policy.Rule{Permission: permission})
		if err != nil || got.Allow != want {
			rt.Fatalf("%v with scopes %v for %s: %+v, %v; want %t", has, scopes, permission, got, err, want)
		}
		// The same of a permission that nobody named before.
		other, diags := policy.Compile(t.Context(), policy.Rules{
			Roles: []policy.Role{{Name: "r", Permissions: has}}, Mappings: []policy.Mapping{{Name: "m", Roles: []string{"r"}}},
		})
		if diags.HasErrors() {
			rt.Fatal(diags)
		}
		other = other.WithLimit(1 << 40)
		permits, err := other.Permits(t.Context(), holder(t, other), scopes, permission)
		if err != nil || permits != got {
			rt.Fatalf("asked without a rule, %v with scopes %v for %s: %+v, %v; want %+v", has, scopes, permission, permits, err, got)
		}
	})
}

// What is no permission, or asked of nobody, is refused.
func TestPermitsRefuses(t *testing.T) {
	t.Parallel()
	p := compile(t, policy.Rules{Roles: []policy.Role{{Name: "r", Permissions: []string{"*"}}}, Mappings: []policy.Mapping{{Name: "m", Roles: []string{"r"}}}})
	for _, name := range []string{"", "*", "a:*", "A", "a b", "a:", ":a", "a::b", strings.Repeat("a:", 8) + "a", strings.Repeat("a", 65)} {
		if v, err := p.Permits(t.Context(), holder(t, p), nil, name); !problem.Is(err, problem.Invalid) || v.Allow {
			t.Errorf("%q: %+v, %v", name, v, err)
		}
	}
	if v, err := p.Permits(t.Context(), policy.RoleSet{}, nil, "a:b"); err == nil || v.Allow {
		t.Errorf("of nobody: %+v, %v", v, err)
	}
	if v, err := p.Permits(t.Context(), holder(t, p), nil, "gatehouse:clients:read"); err != nil || v.Allow {
		t.Errorf("a wildcard gives what is ours: %+v, %v", v, err)
	}
}
