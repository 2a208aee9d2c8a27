package trial_test

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

// FuzzWho reads hostile text as who a test is about: it is refused, or has a result
// that can be explained.
func FuzzWho(f *testing.F) {
	for _, text := range []string{
		`{ groups = ["Data"], title = "x" }`, `({ "title" = null, (a) = "b" })`, `{ organization = "acme", scopes = [] }`, `{ id = "reports" }`,
		`[for x in ["a"] : x]`, `{ for k, v in { a = "b" } : k => v }`, `{ title = <<EOT` + "\nx\nEOT\n}", `{ emails = ["a", "a"], email = "" }`, `a.b[*].c`, `!!true`,
	} {
		f.Add(text)
	}
	s := suite(f, rules(f))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			t.Skip()
		}
		e, diags := hclsyntax.ParseExpression([]byte(text), "x.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Skip()
		}
		for _, test := range []trial.Test{{Name: "user", Connection: "acme", Organization: "acme", Who: e, Roles: []string{"admin"}}, {Name: "client", Who: e, Roles: []string{"admin"}}} {
			results, diags, err := s.Run(t.Context(), []trial.Test{test})
			if err != nil || len(results) == 0 != diags.HasErrors() {
				t.Fatalf("%q: %d results, %v, %v", text, len(results), diags, err)
			}
			if failures, err := s.Failures(t.Context(), results); err != nil || len(failures) != len(results) && results[0].Passed() == (len(failures) == 1) {
				t.Fatalf("%q: %v, %v", text, failures, err)
			}
		}
	})
}
