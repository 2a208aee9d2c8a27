package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// What an Evaluator remembers of others never changes what somebody is given.
func TestAnEvaluatorAnswersAsThePolicy(t *testing.T) {
	p := compile(t, policy.Rules{
		Roles: []policy.Role{{Name: "r0"}, {Name: "r1"}, {Name: "r2"}},
		Mappings: []policy.Mapping{
			{Connection: "okta", Name: "a", Roles: []string{"r0"}, Groups: []string{"A", "B"}},
			{Connection: "okta", Name: "b", Roles: []string{"r1"}, Groups: []string{"C"}, When: expression(t, `user.department == "x"`)},
			{Connection: "okta", Name: "c", Roles: []string{"r2"}, When: expression(t, `!contains(user.groups, "D") && user.title != "z"`)},
			{Connection: "entra", Name: "a", Roles: []string{"r1"}, Groups: []string{"A"}},
		},
	})
	given := 0
	rapid.Check(t, func(rt *rapid.T) {
		var users []policy.User
		for i := range rapid.IntRange(1, 12).Draw(rt, "users") {
			u := policy.User{
				ID: fmt.Sprint("u", i), Organization: "acme", Connection: rapid.SampledFrom([]string{"okta", "entra", "none"}).Draw(rt, "connection"),
				Texts: map[string]string{"department": rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "department"), "title": rapid.SampledFrom([]string{"", "y", "z"}).Draw(rt, "title")},
			}
			for _, g := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C", "D", "E"}), 0, 4, rapid.ID[string]).Draw(rt, "groups") {
				u.Groups = append(u.Groups, policy.Group{Name: g})
			}
			users = append(users, u)
		}
		e := p.Evaluator()
		cut := rapid.IntRange(0, len(users)).Draw(rt, "cut")
		first, err := e.Mapped(t.Context(), users[:cut])
		if err != nil {
			rt.Fatal(err)
		}
		second, err := e.Mapped(t.Context(), users[cut:])
		if err != nil {
			rt.Fatal(err)
		}
		for i, got := range append(first, second...) {
			want, err := p.Mapped(t.Context(), users[i:i+1])
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want[0], got); diff != "" {
				rt.Fatalf("%+v (-alone +with others):\n%s", users[i], diff)
			}
			given += len(got)
		}
	})
	if given == 0 {
		t.Error("nobody was given anything: the test compares nothing")
	}
}
