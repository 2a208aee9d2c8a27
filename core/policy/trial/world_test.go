package trial_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, run the test with -update:\n%s", name, diff)
	}
}

func expression(t testing.TB, text string) hcl.Expression {
	t.Helper()
	if text == "" {
		return nil
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(text, diags)
	}
	return e
}

// rules are mappings of two connections and of clients.
func rules(t testing.TB) policy.Rules {
	t.Helper()
	return policy.Rules{
		Roles: []policy.Role{{Name: "admin", Permissions: []string{"*"}}, {Name: "analyst"}, {Name: "guest"}, {Name: "unused"}},
		Mappings: []policy.Mapping{
			{Name: "admins", Where: "acme.hcl:3", Connection: "acme", Groups: []string{"Admins", "Root"}, GroupIDs: []string{"g1"}, Roles: []string{"admin"}},
			{Name: "analytics", Where: "acme.hcl:9", Connection: "acme", Groups: []string{"Data"}, When: expression(t, `user.department == "Analytics" && (user.title == "Engineer" || startswith(lower(user.title), "data "))`), Roles: []string{"analyst"}},
			{Name: "leads", Where: "acme.hcl:15", Connection: "acme", When: expression(t, `user.title == "Lead" || contains(user.groups, "Leads")`), Roles: []string{"analyst", "guest"}},
			{Name: "everybody", Where: "globex.hcl:1", Connection: "globex", Roles: []string{"guest"}},
			{Name: "acme clients", Where: "roles.hcl:1", When: expression(t, `client.organization == "acme"`), Roles: []string{"analyst"}},
			{Name: "asks", Where: "roles.hcl:7", Client: "reports", When: expression(t, `contains(client.scopes, "query:execute") && client.owner != "u1"`), Roles: []string{"guest"}},
		},
	}
}

func reports() policy.Principal {
	return policy.Principal{
		Kind: policy.KindClient, ID: "reports", Organization: "acme", Scopes: []string{"query:execute"},
		Grants: []policy.Grant{{Role: "admin", Source: "file", Rule: `client "reports"`}},
	}
}

func suite(t testing.TB, r policy.Rules) *trial.Suite {
	t.Helper()
	p, diags := policy.Compile(t.Context(), r)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return trial.New(p, r, []policy.Principal{reports()})
}

// of is a test of a user of acme, or with connection "" of a client.
func of(t testing.TB, connection, who string, roles ...string) trial.Test {
	t.Helper()
	organizations := map[string]string{"acme": "acme", "globex": "globex"}
	return trial.Test{Name: "a test", Where: "x.hcl:1", Connection: connection, Organization: organizations[connection], Who: expression(t, who), Roles: roles}
}

func within(tests ...trial.Test) []trial.Test {
	for i := range tests {
		tests[i].Range = hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: i + 1, Column: 1}, End: hcl.Pos{Line: i + 1, Column: 5}}
	}
	return tests
}

func run(t testing.TB, s *trial.Suite, tests ...trial.Test) []trial.Result {
	t.Helper()
	results, diags, err := s.Run(t.Context(), within(tests...))
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	if len(results) != len(tests) {
		t.Fatalf("%d results of %d tests", len(results), len(tests))
	}
	return results
}

func show(d *hcl.Diagnostic) string {
	at := ""
	if d.Subject != nil {
		at = fmt.Sprintf("%d,%d: ", d.Subject.Start.Line, d.Subject.Start.Column)
	}
	return at + d.Summary + ": " + d.Detail + "\n"
}
