package trial_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

func TestRun(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	block := func(who string, roles ...string) trial.Test {
		c := reports()
		one := of(t, "", who, roles...)
		one.Client = &c
		return one
	}
	tests := map[string]trial.Test{
		"group":                           of(t, "acme", `{ groups = ["Admins"] }`, "admin"),
		"group by id":                     of(t, "acme", `{ group_ids = ["g1"] }`, "admin"),
		"an id is no name":                of(t, "acme", `{ groups = ["g1"] }`),
		"group and condition":             of(t, "acme", `{ groups = ["Data"], department = "Analytics", title = "Engineer" }`, "analyst"),
		"condition without the group":     of(t, "acme", `{ department = "Analytics", title = "Engineer" }`),
		"order does not matter":           of(t, "acme", `{ title = "Lead" }`, "guest", "analyst"),
		"an absent text":                  of(t, "acme", `{ groups = ["Leads"] }`), // the condition names a title
		"null and empty are absent":       of(t, "acme", `{ groups = ["Leads"], title = null, department = "" }`),
		"quoted keys and parentheses":     of(t, "acme", `({ "title" = ("Lead"), groups = (["x"]) })`, "analyst", "guest"),
		"another connection's":            of(t, "globex", `{ groups = ["Admins"] }`, "guest"),
		"nobody":                          of(t, "acme", `{}`),
		"own organization":                of(t, "acme", `{ organization = "acme" }`),
		"client by organization":          of(t, "", `{ organization = "acme" }`, "analyst"),
		"client of another":               of(t, "", `{ organization = "globex", kind = "client" }`),
		"declared client, by mappings":    of(t, "", `{ id = "reports" }`, "analyst"), // its condition names the owner, who is absent
		"declared client with an owner":   of(t, "", `{ id = "reports", owner = "u2" }`, "analyst", "guest"),
		"in its block":                    block("", "admin", "analyst"),
		"in its block with another scope": block(`{ scopes = [], owner = "u2" }`, "admin", "analyst"),
		"in its block with an owner":      block(`{ owner = "u2" }`, "admin", "analyst", "guest"),
		"in its block elsewhere":          block(`{ organization = "globex" }`, "admin"),
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := run(t, s, tt)[0]; !r.Passed() {
				t.Errorf("missing %q, not expected %q: %+v", r.Missing, r.Surplus, r.Got)
			}
			// With one role more or less it fails.
			more := tt
			more.Roles = append(append([]string{}, tt.Roles...), "unused")
			if r := run(t, s, more)[0]; r.Passed() || len(r.Missing) != 1 || len(r.Surplus) != 0 {
				t.Errorf("with a role more: %+v", r)
			}
			if len(tt.Roles) > 0 {
				less := tt
				less.Roles = tt.Roles[1:]
				if r := run(t, s, less)[0]; r.Passed() || len(r.Surplus) != 1 || len(r.Missing) != 0 {
					t.Errorf("with a role less: %+v", r)
				}
			}
		})
	}
}

// An address that is given alone is seen in both forms, and none is made up.
func TestAddressesOfATest(t *testing.T) {
	t.Parallel()
	r := policy.Rules{Roles: []policy.Role{{Name: "one"}, {Name: "list"}}, Mappings: []policy.Mapping{
		{Name: "one", Connection: "acme", When: expression(t, `user.email == "a@acme.example"`), Roles: []string{"one"}},
		{Name: "list", Connection: "acme", When: expression(t, `contains(user.emails, "a@acme.example")`), Roles: []string{"list"}},
	}}
	s := suite(t, r)
	for who, want := range map[string][]string{
		`{ email = "a@acme.example" }`:                                                {"one", "list"},
		`{ emails = ["a@acme.example", "b@acme.example"] }`:                           {"one", "list"},
		`{ emails = ["b@acme.example", "a@acme.example"] }`:                           {"list"},
		`{ emails = ["b@acme.example", "a@acme.example"], email = "a@acme.example" }`: {"one", "list"},
		`{ emails = [] }`: nil,
	} {
		if r := run(t, s, of(t, "acme", who, want...))[0]; !r.Passed() {
			t.Errorf("%s: missing %q, not expected %q", who, r.Missing, r.Surplus)
		}
	}
}

// What is wrong with a test is said at its place, and it has no result.
func TestMistakes(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	block := of(t, "", `{ id = "other" }`)
	c := reports()
	block.Client = &c
	tests := []trial.Test{
		of(t, "acme", `{ departement = "Analytics" }`),
		of(t, "acme", `{ department = ["Analytics"] }`),
		of(t, "acme", `{ groups = "Data" }`),
		of(t, "acme", `{ organization = "globex" }`),
		of(t, "acme", `{ emails = ["a@acme.example"], email = "b@acme.example" }`),
		of(t, "acme", `{ emails = [], email = "b@acme.example" }`),
		of(t, "acme", `{ title = "a", title = "b" }`),
		of(t, "acme", `{ title = env("TITLE") }`),
		of(t, "acme", `{ title = "a${"b"}c" }`),
		of(t, "acme", `{ title = 7, groups = [true], user_name = { a = "b" } }`),
		of(t, "acme", `{ (title) = "a" }`),
		of(t, "acme", `["a"]`),
		of(t, "acme", `jane`),
		of(t, "", ``),
		of(t, "", `{ owner = "u1" }`),
		of(t, "", `{ organization = "acme", kind = "user" }`),
		of(t, "", `{ organization = "acme", department = "Analytics" }`),
		block,
	}
	var text strings.Builder
	for _, tt := range tests {
		results, diags, err := s.Run(t.Context(), within(tt))
		if err != nil || len(results) != 0 {
			t.Fatalf("%d results, error %v", len(results), err)
		}
		for _, d := range diags {
			text.WriteString(show(d))
		}
		text.WriteByte('\n')
	}
	golden(t, "mistakes.want", text.String())
}

// Why a test fails is said in one paragraph.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	block := of(t, "", `{ scopes = ["policy:read"] }`, "guest")
	c := reports()
	block.Client = &c
	results := run(
		t, s,
		of(t, "acme", `{ groups = ["admins"] }`, "admin"),
		of(t, "acme", `{ groups = ["Data"], department = "Sales", title = "Engineer" }`, "analyst"),
		of(t, "acme", `{ department = "Analytics", title = "Director" }`, "analyst"),
		of(t, "acme", `{ groups = ["Data"], department = "Analytics" }`, "analyst"),
		of(t, "acme", `{ groups = ["Admins", "Root", "Leads"], title = "Lead" }`),
		of(t, "acme", `{ groups = ["A", "B", "C", "D", "E", "F", "G"], title = "x" }`, "guest"),
		of(t, "acme", `{}`, "unused"),
		of(t, "globex", `{}`, "admin"),
		of(t, "", `{ organization = "globex" }`, "analyst", "admin"),
		of(t, "", `{ organization = "acme" }`, "guest"),
		block,
		of(t, "acme", `{ groups = ["Admins"] }`, "admin"), // passes
	)
	diags, err := s.Failures(t.Context(), results)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, d := range diags {
		text.WriteString(show(d) + "\n")
	}
	golden(t, "failures.want", text.String())
	if len(diags) != len(results)-1 {
		t.Errorf("%d of %d tests fail", len(diags), len(results))
	}
}

// However many fail, why a role is missing is found out for few.
func TestManyFailures(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	var tests []trial.Test
	for range 200 {
		tests = append(tests, of(t, "acme", `{ title = "x" }`, "guest"))
	}
	diags, err := s.Failures(t.Context(), run(t, s, tests...))
	if err != nil || len(diags) != 200 {
		t.Fatal(len(diags), err)
	}
	if !strings.Contains(diags[0].Detail, "acme.hcl:15") || strings.Contains(diags[199].Detail, "acme.hcl:15") || !strings.Contains(diags[199].Detail, `Missing is "guest"`) {
		t.Errorf("%s\n%s", diags[0].Detail, diags[199].Detail)
	}
}

func TestTooManyTests(t *testing.T) {
	t.Parallel()
	results, diags, err := suite(t, rules(t)).Run(t.Context(), make([]trial.Test, trial.MaxTests+1))
	if err != nil || len(results) != 0 || !diags.HasErrors() {
		t.Errorf("%d results, %v, %v", len(results), diags, err)
	}
}
