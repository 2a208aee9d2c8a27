package host

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/policy"
)

const tested = `
upstream "app" { url = "http://127.0.0.1:9000" }
role "analyst" { permissions = ["query:execute"] }
organization "acme" {}
authenticator "apikey" {}
connection "acme-okta" {
  organization = "acme"
  mapping "analytics" {
    when  = user.department == "Analytics"
    roles = ["analyst"]
  }
  test "an analyst" {
    user  = { department = "Analytics" }
    roles = ["analyst"]
  }
}
client "reports" {
  organization = "acme"
  roles        = ["analyst"]
  test "as it is" {
    roles = ["analyst"]
  }
}
`

func TestTry(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		old, new string
		unset    bool
		results  int
		says     string // "" is no error
	}{
		"passes":                      {results: 2},
		"fails":                       {old: `{ department = "Analytics" }`, new: `{ department = "Sales" }`, results: 2, says: "user.department is \"Sales\""},
		"a mapping that was changed":  {old: `== "Analytics"`, new: `== "analytics"`, results: 2, says: `Missing is "analyst"`},
		"the roles of a client":       {old: "  roles        = [\"analyst\"]\n", results: 2, says: `no mapping gives it to such a client`},
		"a wrong attribute":           {old: `{ department = "Analytics" }`, new: `{ departmnt = "Analytics" }`, results: 1, says: `Did you mean "department"`},
		"beside another mistake":      {old: `permissions = ["query:execute"]`, new: `permissions = ["Query"]`, says: "Not a permission"},
		"a variable that is not set":  {old: "test \"an analyst\" {\n    user  = { department = \"Analytics\" }\n    roles = [\"analyst\"]", new: "test \"an analyst\" {\n    user  = { department = \"Analytics\" }\n    roles = [env(\"ROLE\")]", unset: true, results: 1},
		"an organization not yet set": {old: `organization = "acme"`, new: `organization = env("ORG")`, unset: true, results: 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := tested
			if tt.old != "" {
				if text = strings.ReplaceAll(tested, tt.old, tt.new); text == tested {
					t.Fatal("nothing was changed")
				}
			}
			o := Options{Dev: true, Env: func(string) (string, bool) { return "", false }}
			c, report := o.load(config.Source{Files: []config.File{{Name: "x.hcl", Text: []byte(text)}}}, tt.unset)
			compiled, ds := policy.Compile(t.Context(), rules(c))
			report.Add(ds)
			results, err := try(t.Context(), compiled, c, report)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := report.WriteText(&out, 0, false); err != nil {
				t.Fatal(err)
			}
			if len(results) != tt.results || report.HasErrors() != (tt.says != "") || !strings.Contains(out.String(), tt.says) {
				t.Errorf("%d results, and it says:\n%s", len(results), out.String())
			}
		})
	}
}
