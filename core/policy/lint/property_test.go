package lint_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/lint"
)

func condition(t *rapid.T, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "joined") {
		op := rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "op")
		not := rapid.SampledFrom([]string{"", "!"}).Draw(t, "not")
		return not + "(" + condition(t, depth-1) + op + condition(t, depth-1) + ")"
	}
	text := rapid.SampledFrom([]string{`"A"`, `"b"`, `"Ab"`}).Draw(t, "text")
	name := rapid.SampledFrom([]string{"user.department", "user.title", "lower(user.title)"}).Draw(t, "name")
	return rapid.SampledFrom([]string{
		name + " == " + text, name + " != " + text, "startswith(" + name + ", " + text + ")", "!endswith(" + name + ", " + text + ")",
		"contains(user.groups, " + text + ")", "user.title == user.department", `"b" != ` + text, "true", "false",
	}).Draw(t, "check")
}

// What is said of a mapping is true of whomever the policy is asked about: what never
// holds gives nobody anything, and who has a role by an idle mapping has it without.
func TestWhatIsSaidIsTrue(t *testing.T) {
	t.Parallel()
	var users []policy.User
	texts := []string{"", "A", "a", "b", "Ab", "c"}
	for _, department := range texts {
		for _, title := range texts {
			for _, groups := range [][]string{nil, {"A"}, {"b"}, {"A", "Ab"}, {"A", "b", "Ab"}} {
				u := policy.User{ID: "u", Organization: "acme", Connection: "acme", Texts: map[string]string{"department": department, "title": title}}
				for _, g := range groups {
					u.Groups = append(u.Groups, policy.Group{Name: g})
				}
				users = append(users, u)
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := policy.Rules{Roles: []policy.Role{{Name: "r0"}, {Name: "r1"}}}
		for i := range rapid.IntRange(1, 4).Draw(rt, "mappings") {
			m := policy.Mapping{Name: fmt.Sprint("m", i), Connection: "acme", Range: hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: i + 1}}}
			m.Roles = rapid.SampledFrom([][]string{{"r0"}, {"r1"}, {"r0", "r1"}}).Draw(rt, "roles")
			m.Groups = rapid.SampledFrom([][]string{nil, nil, {"A"}, {"b", "Ab"}}).Draw(rt, "groups")
			if rapid.Bool().Draw(rt, "when") {
				m.When = expression(t, condition(rt, 2))
			}
			r.Mappings = append(r.Mappings, m)
		}
		p, diags := policy.Compile(t.Context(), r)
		if diags.HasErrors() {
			rt.Fatal(diags)
		}
		mapped, err := p.Mapped(t.Context(), users)
		if err != nil {
			rt.Fatal(err)
		}
		idle := map[string]bool{} // rules
		for _, f := range lint.Check(r, lint.Facts{Policy: p}) {
			switch f.Kind {
			case lint.MappingNever, lint.MappingIdle:
			case lint.RoleUnused, lint.Untested, lint.PermissionNone, lint.RouteUnreachable:
				continue
			}
			rule := fmt.Sprint("acme/m", f.Diagnostic.Subject.Start.Line-1)
			if f.Kind == lint.MappingIdle {
				idle[rule] = true
				continue
			}
			if f.Diagnostic.Summary != "Mapping never holds" {
				continue
			}
			for i, grants := range mapped {
				if slices.ContainsFunc(grants, func(g policy.Granted) bool { return g.Rule == rule }) {
					rt.Fatalf("%s gives something to %+v, and is said to hold for nobody: %s", rule, users[i], f.Diagnostic.Detail)
				}
			}
		}
		for i, grants := range mapped {
			for _, g := range grants {
				if idle[g.Rule] && !slices.ContainsFunc(grants, func(o policy.Granted) bool { return o.Role == g.Role && !idle[o.Rule] }) {
					rt.Fatalf("%+v has %s by %s only, which is said to give nothing", users[i], g.Role, g.Rule)
				}
			}
		}
	})
}
