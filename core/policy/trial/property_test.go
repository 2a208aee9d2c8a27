package trial_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

var (
	someGroups = []string{"A", "B", "ü \"x\"", "${g}", "a\\b"}
	someTexts  = []string{"Analytics", "Sales", "data team", "${x}", "Ü"}
	someRoles  = []string{"r0", "r1", "r2", "r3"}
)

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${").Replace(s) + `"`
}

func quotedList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// condition draws one over two texts and the groups.
func condition(t *rapid.T, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "joined") {
		op := rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "op")
		return "(" + condition(t, depth-1) + op + condition(t, depth-1) + ")"
	}
	text := quoted(rapid.SampledFrom(someTexts).Draw(t, "text"))
	name := rapid.SampledFrom([]string{"user.department", "user.title", "lower(user.title)"}).Draw(t, "name")
	return rapid.SampledFrom([]string{
		name + " == " + text, name + " != " + text, "startswith(" + name + ", " + text + ")", "!endswith(" + name + ", " + text + ")",
		"contains(user.groups, " + quoted(rapid.SampledFrom(someGroups).Draw(t, "group")) + ")",
	}).Draw(t, "check")
}

func subset(t *rapid.T, of []string, name string) []string {
	var out []string
	for _, x := range of {
		if rapid.Bool().Draw(t, name) {
			out = append(out, x)
		}
	}
	return out
}

// A test that is written from what the policy answers passes, and with one role changed
// fails. What is covered then adds up: a mapping gives something to who fulfils one of
// its alternatives only, and a role comes from a mapping that is covered.
func TestATestSaysWhatThePolicySays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := policy.Rules{}
		for _, name := range someRoles {
			r.Roles = append(r.Roles, policy.Role{Name: name})
		}
		for i := range rapid.IntRange(1, 4).Draw(rt, "mappings") {
			m := policy.Mapping{Name: fmt.Sprint("m", i), Where: fmt.Sprint("a.hcl:", i), Connection: "acme", Groups: subset(rt, someGroups, "groups")}
			m.Roles = append(subset(rt, someRoles[1:], "roles"), "r0")
			if rapid.Bool().Draw(rt, "when") {
				m.When = expression(t, condition(rt, 2))
			}
			r.Mappings = append(r.Mappings, m)
		}
		p, diags := policy.Compile(t.Context(), r)
		if diags.HasErrors() {
			rt.Fatal(diags)
		}
		u := policy.User{ID: "u", Organization: "acme", Connection: "acme", Texts: map[string]string{}}
		var fields []string
		for _, name := range []string{"department", "title"} {
			if rapid.Bool().Draw(rt, "present") {
				u.Texts[name] = rapid.SampledFrom(someTexts).Draw(rt, name)
				fields = append(fields, name+" = "+quoted(u.Texts[name]))
			}
		}
		in := subset(rt, someGroups, "in")
		for _, g := range in {
			u.Groups = append(u.Groups, policy.Group{Name: g})
		}
		fields = append(fields, "groups = "+quotedList(in))
		mapped, err := p.Mapped(t.Context(), []policy.User{u})
		if err != nil {
			rt.Fatal(err)
		}
		var want []string
		for _, g := range mapped[0] {
			want = append(want, g.Role)
		}
		want = slices.Compact(want)

		s := trial.New(p, r, nil)
		written := "{ " + strings.Join(fields, ", ") + " }"
		results := run(t, s, of(t, "acme", written, want...))
		if !results[0].Passed() {
			rt.Fatalf("%s: Mapped gives %q; missing %q, surplus %q", written, want, results[0].Missing, results[0].Surplus)
		}
		changed := rapid.SampledFrom(someRoles).Draw(rt, "changed")
		other := slices.DeleteFunc(slices.Clone(want), func(x string) bool { return x == changed })
		if len(other) == len(want) {
			other = append(other, changed)
		}
		wrong := run(t, s, of(t, "acme", written, other...))
		if wrong[0].Passed() {
			rt.Fatalf("%s: Mapped gives %q, and a test for %q passes", written, want, other)
		}
		failures, err := s.Failures(t.Context(), wrong)
		if err != nil || len(failures) != 1 || !strings.Contains(failures[0].Detail, changed) {
			rt.Fatalf("%v, %v", failures, err)
		}

		c, err := s.Cover(t.Context(), results, nil)
		if err != nil {
			rt.Fatal(err)
		}
		var reached []string
		for i, m := range c.Mappings {
			gave := slices.ContainsFunc(mapped[0], func(g policy.Granted) bool { return g.Rule == "acme/"+m.Name })
			if gave != (m.Tests == 1) {
				rt.Fatalf("mapping %s gave something: %v; tests that reach it: %d", m.Name, gave, m.Tests)
			}
			any, groups := false, 0
			for _, a := range m.Alternatives {
				if a.Tests > 0 && !gave {
					rt.Fatalf("%s of %s is reached, and the mapping is not", a.What, m.Name)
				}
				any = any || a.Tests > 0
				if strings.HasPrefix(a.What, "group ") {
					groups++
				}
			}
			if gave && groups > 1 && !any {
				rt.Fatalf("mapping %s gave something by no group: %+v", r.Mappings[i].Name, m.Alternatives)
			}
			if gave {
				reached = append(reached, m.Roles...)
			}
		}
		for _, role := range want {
			if !slices.Contains(reached, role) {
				rt.Fatalf("%s came from a mapping that is not covered", role)
			}
		}
	})
}
