package policy_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// someone is a random user of connection c1, c2 or none.
func someone(t *rapid.T) policy.User {
	u := person(rapid.SampledFrom([]string{"c1", "c1", "c2", ""}).Draw(t, "connection"), map[string]string{})
	for _, name := range []string{"department", "title"} {
		if value := rapid.SampledFrom(texts).Draw(t, name); value != "" {
			u.Texts[name] = value
		}
	}
	u.Emails = rapid.SliceOfN(rapid.SampledFrom(texts[1:]), 0, 2).Draw(t, "emails")
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(texts), 0, 3).Draw(t, "groups") {
		u.Groups = append(u.Groups, policy.Group{Name: name, ID: rapid.SampledFrom(texts).Draw(t, "id")})
	}
	return u
}

// leaf is a random check of a user's attributes.
func leaf(t *rapid.T) string {
	text := func() string {
		return rapid.SampledFrom([]string{"user.department", "user.title", "lower(user.title)", hclQuote(rapid.SampledFrom(texts).Draw(t, "literal"))}).Draw(t, "text")
	}
	not := rapid.SampledFrom([]string{"", "!"}).Draw(t, "not")
	switch rapid.SampledFrom([]string{"==", "contains", "startswith", "endswith"}).Draw(t, "op") {
	case "contains":
		return not + "contains(" + rapid.SampledFrom([]string{"user.emails", "user.groups", "user.group_ids"}).Draw(t, "list") + ", " + text() + ")"
	case "startswith":
		return not + "startswith(" + text() + ", " + text() + ")"
	case "endswith":
		return not + "endswith(" + text() + ", " + text() + ")"
	}
	return text() + " " + map[string]string{"": "==", "!": "!="}[not] + " " + text()
}

func condition(t *rapid.T, depth int) string {
	if depth == 0 || rapid.Bool().Draw(t, "leaf") {
		return leaf(t)
	}
	op := rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "junction")
	return "(" + condition(t, depth-1) + op + condition(t, depth-1) + ")"
}

func someRules(t *rapid.T, tb testing.TB) policy.Rules {
	rules := policy.Rules{Roles: []policy.Role{{Name: "r0"}, {Name: "r1"}}}
	for i := range rapid.IntRange(1, 5).Draw(t, "mappings") {
		m := policy.Mapping{
			Name: fmt.Sprint("m", i), Connection: rapid.SampledFrom([]string{"c1", "c1", "c2"}).Draw(t, "of"), Roles: []string{fmt.Sprint("r", rapid.IntRange(0, 1).Draw(t, "role"))},
			Groups:   rapid.SliceOfN(rapid.SampledFrom(texts[1:]), 0, 2).Draw(t, "in"),
			GroupIDs: rapid.SliceOfN(rapid.SampledFrom(texts[1:]), 0, 1).Draw(t, "by id"),
		}
		if rapid.IntRange(0, 3).Draw(t, "when") > 0 {
			m.When = expression(tb, condition(t, 2))
		}
		rules.Mappings = append(rules.Mappings, m)
	}
	return rules
}

// listed is a list of a user's, by the plainest reading there is.
func listed(u policy.User, name string) (list []string) {
	if name == "user.emails" {
		return u.Emails
	}
	for _, g := range u.Groups {
		one := g.ID
		if name == "user.groups" {
			one = g.Name
		}
		if one != "" {
			list = append(list, one)
		}
	}
	return list
}

// isSo reports whether what an explanation says of a user is so: what is missing, or
// with holds what they have.
func isSo(w policy.Why, u policy.User, holds bool) bool {
	switch w.Kind {
	case policy.WhyEverybody:
		return holds
	case policy.WhyNever: // a line about literals alone, or a condition with no way to hold
		return true
	case policy.WhyConnection:
		return !holds && u.Connection != "c2" && strings.Contains(w.Text, `"c2"`) || u.Connection != "c1" && strings.Contains(w.Text, `"c1"`)
	case policy.WhyGroup:
		for _, words := range w.Groups {
			in := slices.ContainsFunc(u.Groups, func(g policy.Group) bool {
				return words == fmt.Sprintf("group %q", g.Name) || g.ID != "" && words == fmt.Sprintf("group with the id %q", g.ID)
			})
			if in != holds {
				return false
			}
		}
		return len(w.Groups) > 0
	case policy.WhyAbsent:
		_, there := u.Texts[strings.TrimPrefix(w.Attribute, "user.")]
		return !holds && !there
	}
	if w.Is == "" { // a list
		has := !strings.Contains(w.Text, " does not have ")
		_, rest, _ := strings.Cut(w.Text, map[bool]string{true: " has ", false: " does not have "}[has])
		if !holds {
			rest = rest[:strings.LastIndex(rest, ", and ")]
		}
		if at := strings.LastIndex(rest, " ("); strings.HasSuffix(rest, ")") && at > 0 && !strings.HasPrefix(rest, `"`) {
			rest = rest[at+2 : len(rest)-1]
		}
		value, err := strconv.Unquote(rest)
		if err != nil { // an attribute that is absent, and so in no list
			return !has
		}
		return slices.Contains(listed(u, w.Attribute), value) == has
	}
	value := u.Texts[strings.TrimPrefix(w.Attribute, "user.")]
	return value == w.Is || strings.ToLower(value) == w.Is && strings.HasPrefix(w.Text, "lower(")
}

// Whatever rules and users there are, an explanation says of each mapping what the
// evaluation says, and everything that it says of the user is so.
func TestExplanationAndDecisionAgree(t *testing.T) {
	t.Parallel()
	gave, lacked := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		rules := someRules(rt, t)
		p, diags := policy.Compile(t.Context(), rules)
		if diags.HasErrors() {
			rt.Skip(diags.Error())
		}
		for range 3 {
			u := someone(rt)
			granted, err := p.Mapped(t.Context(), []policy.User{u})
			if err != nil {
				rt.Fatal(err)
			}
			for _, role := range []string{"r0", "r1"} {
				e, err := p.ExplainUser(t.Context(), u, []string{"c1", "c2"}, role)
				if err != nil {
					rt.Fatal(err)
				}
				if n := len(slices.DeleteFunc(slices.Clone(rules.Mappings), func(m policy.Mapping) bool { return m.Roles[0] != role })); len(e.Mappings) != n {
					rt.Fatalf("%d of %d mappings are explained", len(e.Mappings), n)
				}
				for _, m := range e.Mappings {
					gives := slices.ContainsFunc(granted[0], func(g policy.Granted) bool { return g.Rule == m.Rule && g.Role == role })
					reasons := append(slices.Clone(m.Because), slices.Concat(m.Either...)...)
					if gives != m.Gives || len(reasons) == 0 {
						rt.Fatalf("%s of %+v: given %t, explained as %+v", m.Rule, u, gives, m)
					}
					for _, w := range reasons {
						if !isSo(w, u, gives) {
							rt.Fatalf("%s of %+v: %+v is not so (given: %t)", m.Rule, u, w, gives)
						}
					}
					if gives {
						gave++
					} else {
						lacked++
					}
				}
			}
		}
	})
	if gave == 0 || lacked == 0 {
		t.Errorf("%d were given and %d not: the test compares nothing", gave, lacked)
	}
}

// Whoever is given what an explanation says is missing is given the role.
func TestWhatIsMissingIsEnough(t *testing.T) {
	t.Parallel()
	mended := 0
	rapid.Check(t, func(rt *rapid.T) {
		var parts []string
		for _, name := range []string{"department", "title", "locale", "company"} {
			if rapid.Bool().Draw(rt, name) {
				parts = append(parts, fmt.Sprintf("user.%s == %q", name, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "value")))
			}
		}
		if len(parts) == 0 {
			parts = []string{`user.division == "a"`}
		}
		when := parts[0]
		for _, part := range parts[1:] {
			when = "(" + when + rapid.SampledFrom([]string{" && ", " || "}).Draw(rt, "op") + part + ")"
		}
		p := compile(t, policy.Rules{Roles: []policy.Role{{Name: "r0"}}, Mappings: []policy.Mapping{{
			Name: "m", Connection: "c1", Roles: []string{"r0"}, When: expression(t, when),
			Groups: rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B"}), 0, 2).Draw(rt, "groups"),
		}}})
		u := person("c1", map[string]string{})
		for _, name := range []string{"department", "title"} {
			u.Texts[name] = rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "has")
		}
		for rounds := 0; ; rounds++ {
			e, err := p.ExplainUser(t.Context(), u, nil, "r0")
			if err != nil {
				rt.Fatal(err)
			}
			m := e.Mappings[0]
			if m.Gives {
				return
			}
			if rounds > 0 {
				rt.Fatalf("%s: all that was missing is there, and now: %+v", when, m)
			}
			missing := m.Because
			if len(m.Either) > 0 {
				missing = append(missing, m.Either[rapid.IntRange(0, len(m.Either)-1).Draw(rt, "way")]...)
			}
			for _, w := range missing {
				switch w.Kind {
				case policy.WhyGroup:
					name, _ := strconv.Unquote(strings.TrimPrefix(w.Groups[0], "group "))
					u.Groups = append(u.Groups, policy.Group{Name: name})
				case policy.WhyAttribute, policy.WhyAbsent:
					asked, err := strconv.Unquote(strings.TrimSuffix(w.Asked, " was asked for"))
					if err != nil { // the condition names it, and anything will do
						asked = "anything"
					}
					u.Texts[strings.TrimPrefix(w.Attribute, "user.")] = asked
				}
			}
			mended++
		}
	})
	if mended == 0 {
		t.Error("nothing was ever missing: the test shows nothing")
	}
}

// What is said of a client's mappings is what its role set has, and what is said of a
// rule is what Decide answers: somebody who may has a role to show for it, and whoever
// lacks it none.
func TestExplainedRulesAgree(t *testing.T) {
	t.Parallel()
	reasons := map[policy.Reason]int{}
	permissions := []string{"a:b", "a:c", "d", "a:b:c"}
	patterns := []string{"*", "a:*", "a:b", "d", "*:c", "a:*:c"}
	rapid.Check(t, func(rt *rapid.T) {
		rules := policy.Rules{}
		for i := range 3 {
			rules.Roles = append(rules.Roles, policy.Role{Name: fmt.Sprint("r", i), Permissions: rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 2).Draw(rt, "of a role")})
			rules.Mappings = append(rules.Mappings, policy.Mapping{Name: fmt.Sprint("m", i), Roles: []string{fmt.Sprint("r", i)}, When: expression(t, rapid.SampledFrom([]string{
				`client.organization == "x"`, `client.owner == "u"`, `client.owner != "u"`, `contains(client.scopes, "d") || client.id == "c1"`, `!contains(client.scopes, "d")`,
			}).Draw(rt, "when"))})
		}
		for i, name := range permissions {
			rules.Routes = append(rules.Routes, policy.Route{Upstream: "app", Pattern: fmt.Sprint("/", i), Permission: name})
		}
		rules.Routes = append(rules.Routes, policy.Route{Upstream: "app", Pattern: "/public", Public: true}, policy.Route{Upstream: "app", Pattern: "/open"})
		rules.Closed = []string{"app"}
		p := compile(t, rules)
		who := policy.Principal{
			Kind: policy.KindClient, ID: rapid.SampledFrom([]string{"c1", "c2"}).Draw(rt, "id"), Organization: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "organization"),
			Owner: rapid.SampledFrom([]string{"", "u", "v"}).Draw(rt, "owner"), Scopes: rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 2).Draw(rt, "scopes"),
		}
		set, err := p.RoleSet(t.Context(), who)
		if err != nil {
			rt.Fatal(err)
		}
		for i := range 3 {
			role := fmt.Sprint("r", i)
			e, err := p.ExplainClient(t.Context(), who, role)
			if err != nil || len(e.Mappings) != 1 || e.Mappings[0].Gives != slices.Contains(set.Names(), role) {
				rt.Fatalf("%s of %+v: %+v, %v; it has %q", role, who, e, err, set.Names())
			}
		}
		own := set.Names()
		var owner []string
		if rapid.Bool().Draw(rt, "owned") {
			of, err := p.RoleSet(t.Context(), policy.Principal{Kind: policy.KindUser, ID: "u", Organization: "x", Grants: []policy.Grant{{Role: rapid.SampledFrom([]string{"r0", "r1"}).Draw(rt, "of owner"), Source: "manual"}}})
			if err != nil {
				rt.Fatal(err)
			}
			owner, set = append([]string{}, of.Names()...), p.Within(set, of)
		}
		for _, path := range []string{"/0", "/1", "/2", "/3", "/public", "/open", "/nowhere"} {
			rule := p.Route("app", "GET", path)
			want, err := p.Decide(t.Context(), set, who.Scopes, rule)
			if err != nil {
				rt.Fatal(err)
			}
			o, err := p.ExplainRule(t.Context(), set, own, owner, who.Scopes, rule)
			if err != nil || o.Verdict != want {
				rt.Fatalf("%s: %+v, %v; decided as %+v", path, o, err, want)
			}
			held := want.Reason == policy.ReasonPermitted || want.Reason == policy.ReasonScopeMissing || want.Reason == policy.ReasonOwnerMissing
			if held != (len(o.By) > 0) {
				rt.Fatalf("%s is %s, and by %q", path, want.Reason, o.By)
			}
			if owner != nil && held && (want.Reason == policy.ReasonOwnerMissing) != (len(o.Owner) == 0) {
				rt.Fatalf("%s: %s, and the owner has it by %q", path, want.Reason, o.Owner)
			}
			reasons[want.Reason]++
		}
	})
	for _, r := range []policy.Reason{policy.ReasonPermitted, policy.ReasonPermissionMissing, policy.ReasonOwnerMissing, policy.ReasonScopeMissing, policy.ReasonNoRule, policy.ReasonPublic, policy.ReasonAuthenticated} {
		if reasons[r] == 0 {
			t.Errorf("nothing was ever %s", r)
		}
	}
}
