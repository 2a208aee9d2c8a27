package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// conditions read each attribute, alone and with others, and under a negation.
var conditions = []string{
	`client.id == "a"`, `startswith(client.id, "a")`, `client.organization != "acme"`, `lower(client.owner) == "ana"`,
	`contains(client.scopes, "s1")`, `!contains(client.scopes, "s1")`, `client.kind == "client"`,
	`client.owner != "ana" || contains(client.scopes, "s2")`, `!(client.organization == "acme" && client.id == "b")`,
}

// What mappings do not read is no part of the question, and changes no answer:
// neither between an evaluation of all that is known and one of what is read, nor
// between two principals of one question.
func TestWhatIsNotReadChangesNoAnswer(t *testing.T) {
	t.Parallel()
	text := rapid.SampledFrom([]string{"a", "b", "acme", "ana", "u\u0308", "\u00fc"})
	rapid.Check(t, func(rt *rapid.T) {
		rules := policy.Rules{Roles: []policy.Role{{Name: "r", Permissions: []string{"x:y"}}, {Name: "given", Permissions: []string{"z"}}}}
		for i := range rapid.IntRange(0, 3).Draw(rt, "mappings") {
			m := policy.Mapping{Name: fmt.Sprintf("m%d", i), Roles: []string{"r"}}
			if rapid.Bool().Draw(rt, "of one client") {
				m.Client = text.Draw(rt, "client")
			}
			if rapid.Bool().Draw(rt, "with a condition") {
				m.When = expression(t, rapid.SampledFrom(conditions).Draw(rt, "when"))
			}
			rules.Mappings = append(rules.Mappings, m)
		}
		p := compile(t, rules)
		draw := func(label string) policy.Principal {
			who := policy.Principal{
				Kind: policy.KindClient, ID: text.Draw(rt, label+" id"), Organization: text.Draw(rt, label+" organization"),
				Scopes: rapid.SliceOfN(rapid.SampledFrom([]string{"s1", "s2"}), 0, 2).Draw(rt, label+" scopes"),
			}
			if rapid.Bool().Draw(rt, label+" owned") {
				who.Owner = text.Draw(rt, label+" owner")
			}
			if rapid.Bool().Draw(rt, label+" granted") {
				who.Grants = []policy.Grant{{Role: "given", Source: "manual"}}
			}
			return who
		}
		one, other := draw("one"), draw("other")
		answer := func(who policy.Principal) policy.RoleSet {
			got, err := p.RoleSet(t.Context(), who)
			if err != nil {
				rt.Fatal(err)
			}
			whole, err := p.Whole(t.Context(), who)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(whole, got, cmpopts.IgnoreUnexported(policy.RoleSet{})); diff != "" {
				rt.Fatalf("%+v (-all that is known +what is read):\n%s", who, diff)
			}
			return got
		}
		diff := cmp.Diff(answer(one), answer(other), cmpopts.IgnoreUnexported(policy.RoleSet{}))
		if p.Question(one) == p.Question(other) && diff != "" {
			rt.Fatalf("%+v and %+v have one question and two answers:\n%s", one, other, diff)
		}
	})
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	base := policy.Principal{Kind: policy.KindClient, ID: "a", Organization: "acme", Owner: "ana", Scopes: []string{"s1"}}
	with := func(edit func(*policy.Principal)) policy.Principal {
		p := base
		edit(&p)
		return p
	}
	id := with(func(p *policy.Principal) { p.ID = "b" })
	organization := with(func(p *policy.Principal) { p.Organization = "other" })
	owner := with(func(p *policy.Principal) { p.Owner = "" })
	scopes := with(func(p *policy.Principal) { p.Scopes = []string{"s", "1"} })
	grants := with(func(p *policy.Principal) { p.Grants = []policy.Grant{{Role: "r", Source: "api"}} })
	for name, tt := range map[string]struct {
		mapping policy.Mapping
		other   policy.Principal
		same    bool
	}{
		"an id that nothing reads":            {policy.Mapping{}, id, true},
		"an id of a mapping":                  {policy.Mapping{Client: "b"}, id, false},
		"an id beside that of a mapping":      {policy.Mapping{Client: "c"}, id, true},
		"an id that a condition reads":        {policy.Mapping{When: expression(t, `client.id != "x"`)}, id, false},
		"an organization that nothing reads":  {policy.Mapping{}, organization, true},
		"an organization that is read":        {policy.Mapping{When: expression(t, `client.organization == "acme"`)}, organization, false},
		"an owner that nothing reads":         {policy.Mapping{}, owner, true},
		"an owner that is read in a negation": {policy.Mapping{When: expression(t, `!(client.owner == "x")`)}, owner, false},
		"scopes":                              {policy.Mapping{}, scopes, false},
		"grants":                              {policy.Mapping{}, grants, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.mapping.Name, tt.mapping.Roles = "m", []string{"r"}
			p := compile(t, policy.Rules{Roles: []policy.Role{{Name: "r"}}, Mappings: []policy.Mapping{tt.mapping}})
			if same := p.Question(base) == p.Question(tt.other); same != tt.same {
				t.Errorf("the question is the same: %v, want %v", same, tt.same)
			}
		})
	}
}
