package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// told writes an explanation as lines.
func told(e policy.Explanation) string {
	var b strings.Builder
	for _, m := range e.Mappings {
		fmt.Fprintf(&b, "%s at %s gives: %t\n", m.Rule, m.Where, m.Gives)
		for _, w := range m.Because {
			fmt.Fprintf(&b, "  %s: %s\n", w.Kind, w.Text)
		}
		for _, way := range m.Either {
			b.WriteString("  or\n")
			for _, w := range way {
				fmt.Fprintf(&b, "    %s: %s\n", w.Kind, w.Text)
			}
		}
		if m.More > 0 {
			fmt.Fprintf(&b, "  %d more\n", m.More)
		}
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "%d more\n", e.More)
	}
	return b.String()
}

// hard are mappings that say one thing each.
func hard(tb testing.TB) policy.Rules {
	rules := people(tb)
	for i, when := range []string{
		`user.department == "Analytics"`, `"Analytics" == lower(user.department)`, `user.department != "Sales"`, `user.title == user.department`,
		`contains(user.groups, "Data")`, `!contains(user.groups, "Data")`, `contains(user.emails, user.email)`, `!contains(user.emails, user.email)`,
		`startswith(user.email, "kim@")`, `!startswith(user.email, "jane@")`, `endswith(user.email, user.title)`, `startswith("abc", user.email)`,
		`user.cost_center != "1"`, `user.cost_center == "4711" || true`, `"a" == "b"`, `!contains(user.emails, "jane@acme.example")`,
		`user.department == "A" || user.title == "B" && user.email == "C" || user.locale == "D" || user.title == "E" && user.department == "F"`,
	} {
		rules.Mappings = append(rules.Mappings, policy.Mapping{
			Name: fmt.Sprintf("m%02d", i), Connection: "hard", Where: fmt.Sprintf("hard.hcl:%d", i), Roles: []string{"admin"}, When: expression(tb, when),
		})
	}
	for i := range 7 {
		rules.Mappings = append(rules.Mappings, policy.Mapping{
			Name: fmt.Sprintf("g%d", i), Connection: "hard", Where: fmt.Sprintf("groups.hcl:%d", i), Roles: []string{"guest"},
			Groups: []string{"A", "B", "C", "D", "E", "F", "G", "H"}[:i+1],
		})
	}
	return rules
}

func TestExplainUser(t *testing.T) {
	t.Parallel()
	p := compile(t, hard(t))
	jane := map[string]string{"department": "Sales", "title": "Engineer", "email": "jane@acme.example"}
	var b strings.Builder
	for _, c := range []struct {
		name string
		who  policy.User
		role string
	}{
		{"nothing of what is asked for", person("acme", map[string]string{"department": "Sales"}), "analyst"},
		{"everything", person("acme", map[string]string{"department": "Analytics", "email": "j@acme.example"}, policy.Group{Name: "Data"}), "analyst"},
		{"one of the groups, by its id", person("acme", nil, policy.Group{Name: "x", ID: "g1"}), "admin"},
		{"none of the groups, nor of another connection", person("acme", nil, policy.Group{Name: "Data"}), "admin"},
		{"what they have", person("acme", nil, policy.Group{Name: "Root"}), ""},
		{"a mapping for nobody", person("initech", nil), "admin"},
		{"no connection", person("", nil), "guest"},
		{"each kind of condition", func() policy.User {
			u := person("hard", jane, policy.Group{Name: "Data"})
			u.Emails = []string{"jane@acme.example"}
			return u
		}(), "admin"},
		{"the other way round", person("hard", map[string]string{"department": "Analytics", "title": "Analytics", "email": "kim@acme.example"}), "admin"},
		{"more groups than people read", person("hard", nil), "guest"},
	} {
		e, err := p.ExplainUser(t.Context(), c.who, []string{"acme"}, c.role)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		fmt.Fprintf(&b, "# %s: %s\n%s\n", c.name, c.role, told(e))
	}
	golden(t, "explained.txt", b.String())
}

// Of another organization's connections nothing is said, whatever role is asked for.
func TestExplainNamesNoOther(t *testing.T) {
	t.Parallel()
	p := compile(t, people(t))
	for _, role := range []string{"", "analyst", "admin", "guest"} {
		e, err := p.ExplainUser(t.Context(), person("acme", nil, policy.Group{Name: "Data"}), nil, role)
		if err != nil {
			t.Fatal(err)
		}
		if text := told(e); strings.Contains(text, "globex") || strings.Contains(text, "initech") {
			t.Errorf("%q: %s", role, text)
		}
	}
}

func TestExplainClient(t *testing.T) {
	t.Parallel()
	p := compile(t, sample(t))
	var b strings.Builder
	for _, c := range []struct {
		name string
		who  policy.Principal
		role string
	}{
		{"for everybody", policy.Principal{Kind: policy.KindClient, ID: "other", Organization: "globex"}, "guest"},
		{"its own, and one of two alternatives", policy.Principal{Kind: policy.KindClient, ID: "my-tenant", Organization: "acme", Owner: "ana"}, "analyst"},
		{"neither alternative", policy.Principal{Kind: policy.KindClient, ID: "other", Organization: "globex", Owner: "ana"}, "admin"},
		{"an absent attribute", policy.Principal{Kind: policy.KindClient, ID: "other", Organization: "acme", Scopes: []string{"all"}}, "admin"},
		{"what it has", policy.Principal{Kind: policy.KindClient, ID: "other", Organization: "globex", Owner: "ana", Scopes: []string{"all"}}, ""},
	} {
		e, err := p.ExplainClient(t.Context(), c.who, c.role)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		fmt.Fprintf(&b, "# %s: %s\n%s\n", c.name, c.role, told(e))
	}
	golden(t, "explained-clients.txt", b.String())
}

func TestExplainBounds(t *testing.T) {
	t.Parallel()
	rules := policy.Rules{Roles: []policy.Role{{Name: "r"}, {Name: "reader"}}}
	var groups []string
	for i := range 900 {
		groups = append(groups, fmt.Sprint("g", i))
	}
	for i := range 25 {
		rules.Mappings = append(rules.Mappings, policy.Mapping{Name: fmt.Sprint("m", i), Connection: "c", Groups: []string{fmt.Sprint("x", i)}, Roles: []string{"r"}})
	}
	p := compile(t, rules)
	e, err := p.ExplainUser(t.Context(), person("c", nil), nil, "r")
	if err != nil || len(e.Mappings) != 20 || e.More != 5 {
		t.Errorf("%d mappings and %d more, %v", len(e.Mappings), e.More, err)
	}
	for i := range 5 { // each with groups of its own, which makes for more lines than are looked at
		var own []string
		for _, g := range groups {
			own = append(own, fmt.Sprint(i, g))
		}
		rules.Mappings[i].Groups = own
	}
	p = compile(t, rules)
	e, err = p.ExplainUser(t.Context(), person("c", nil), nil, "r")
	if err != nil || len(e.Mappings) != 3 || e.More != 22 {
		t.Errorf("%d mappings and %d more, %v", len(e.Mappings), e.More, err)
	}
	if text := e.Mappings[0].Because[0].Text; !strings.HasSuffix(text, "nor in 895 more") {
		t.Errorf("the groups: %s", text)
	}
	e, err = p.ExplainUser(t.Context(), person("c", nil), nil, "reeder")
	if diff := cmp.Diff(policy.Explanation{Similar: "reader"}, e); diff != "" || err != nil {
		t.Error(diff, err)
	}
	long := person("c", map[string]string{"title": strings.Repeat("ü", 500)})
	rules.Mappings = []policy.Mapping{{Name: "m", Connection: "c", Roles: []string{"r"}, When: expression(t, `user.title == "x"`)}}
	e, err = compile(t, rules).ExplainUser(t.Context(), long, nil, "r")
	if err != nil || len(e.Mappings[0].Because[0].Text) > 600 {
		t.Errorf("a long value: %v, %v", e, err)
	}
}
