package trial_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

// What is read beside the attributes of a user is tried like them: how they signed on,
// patterns of groups, and own Rego.
func TestBesideTheUser(t *testing.T) {
	t.Parallel()
	r := policy.Rules{
		Roles: []policy.Role{{Name: "admin"}, {Name: "lead"}, {Name: "partner"}},
		Mappings: []policy.Mapping{
			{Name: "factor", Where: "a.hcl:1", Connection: "acme", Groups: []string{"Admins"}, When: expression(t, `auth.mfa && contains(auth.methods, "otp")`), Roles: []string{"admin"}},
			{Name: "leads", Where: "a.hcl:5", Connection: "acme", GroupPatterns: []string{"Team * Leads", "Heads*"}, IgnoreCase: true, Roles: []string{"lead"}},
		},
		Own: []policy.Own{{Connection: "acme", Where: "a.hcl:9", Source: "package gatehouse.custom\n\ngrants contains {\"role\": \"partner\", \"rule\": \"partners\"} if input.user.user_type == \"Partner\"\n"}},
	}
	s := suite(t, r)
	with := func(who, auth string, roles ...string) trial.Test {
		one := of(t, "acme", who, roles...)
		one.Auth = expression(t, auth)
		return one
	}
	good := []trial.Test{
		with(`{ groups = ["Admins"] }`, `{ mfa = true, methods = ["pwd", "otp"] }`, "admin"),
		with(`{ groups = ["Admins"] }`, `{ mfa = false, methods = ["otp"] }`),
		with(`{ groups = ["Admins"] }`, `{ methods = ["otp"] }`),
		with(`{ groups = ["Admins"] }`, ``),
		with(`{ groups = ["team red leads"] }`, ``, "lead"),
		with(`{ user_type = "Partner", groups = ["heads of it"] }`, `{ mfa = true }`, "lead", "partner"),
	}
	results := run(t, s, good...)
	for i := range results {
		if r := &results[i]; !r.Passed() {
			t.Errorf("%d: missing %q, not expected %q", i, r.Missing, r.Surplus)
		}
	}
	c, err := s.Cover(t.Context(), results, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Mappings; m[0].Tests != 1 || m[1].Tests != 2 || len(m[1].Alternatives) != 2 || m[1].Alternatives[0].Tests != 1 {
		t.Errorf("%+v", m)
	}
	bad := run(
		t, s,
		with(`{ groups = ["Admins"] }`, `{ mfa = false }`, "admin"),
		with(`{ groups = ["Admins"] }`, ``, "admin"),
		with(`{ groups = ["Leads"], user_type = "Partner" }`, ``, "lead"),
	)
	failures, err := s.Failures(t.Context(), bad)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, d := range failures {
		text.WriteString(show(d) + "\n")
	}
	for _, wrong := range []string{`{ mfa = "yes" }`, `{ mfaa = true }`, `{ methods = "otp" }`, `7`} {
		results, diags, err := s.Run(t.Context(), within(with(`{}`, wrong)))
		if err != nil || len(results) != 0 {
			t.Errorf("%s: %d results, %v", wrong, len(results), err)
		}
		for _, d := range diags {
			text.WriteString(show(d))
		}
	}
	golden(t, "session.want", text.String())
}
