package lint_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/lint"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

// check finds what is idle in rules whose things stand one in a line.
func check(t testing.TB, r policy.Rules, facts lint.Facts) string {
	t.Helper()
	line := 0
	at := func() hcl.Range {
		line++
		return hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: line, Column: 1}, End: hcl.Pos{Line: line, Column: 2}}
	}
	for i := range r.Roles {
		r.Roles[i].Range = at()
	}
	for i := range r.Mappings {
		r.Mappings[i].Range = at()
		r.Mappings[i].Where = fmt.Sprintf("x.hcl:%d", line)
	}
	for i := range r.Routes {
		r.Routes[i].Range = at()
	}
	p, diags := policy.Compile(t.Context(), r)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	facts.Policy = p
	var text strings.Builder
	for _, f := range lint.Check(r, facts) {
		fmt.Fprintf(&text, "%d %s: %s\n", f.Diagnostic.Subject.Start.Line, f.Diagnostic.Summary, f.Diagnostic.Detail)
	}
	return text.String()
}

// Each condition, beside others of one connection, is what is said of it.
func TestMappings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		whens []string
		want  []string // of line: beginning of what is said
	}{
		"nothing": {[]string{`user.title == "a"`, `user.title == "b"`}, nil},
		"false":   {[]string{`false`}, []string{`2 Mapping never holds: Nobody can fulfil mapping "m0": the condition is false.`}},
		"two values": {[]string{`user.title == "a" && user.title == "b"`},
			[]string{`2 Mapping never holds: Nobody can fulfil mapping "m0": user.title cannot be both "a" and "b".`}},
		"opposites":               {[]string{`contains(user.groups, "a") && !contains(user.groups, "a")`}, []string{`2 Mapping never holds`}},
		"other opposites":         {[]string{`user.title != "a" && !(user.title != "a" || user.department == "x")`}, []string{`2 Mapping never holds`}},
		"capitals of lower case":  {[]string{`lower(user.department) == "Analytics"`}, []string{`2 Mapping never holds: Nobody can fulfil mapping "m0": lower(user.department) is in lower case, and "Analytics" is not.`}},
		"start":                   {[]string{`user.title == "a" && startswith(user.title, "b")`}, []string{`2 Mapping never holds`}},
		"start of lower case":     {[]string{`user.title == "Ab" && startswith(lower(user.title), "a")`}, nil},
		"end":                     {[]string{`user.title == "a" && !endswith(user.title, "a")`}, []string{`2 Mapping never holds`}},
		"another organization":    {[]string{`user.organization == "globex"`}, []string{`2 Mapping never holds: Nobody can fulfil mapping "m0": user.organization cannot be both "globex" and "acme".`}},
		"a branch":                {[]string{`user.title == "a" || user.title == "b" && user.title == "c"`}, []string{`2 Part of a mapping never holds`}},
		"two literals":            {[]string{`"a" == "b"`}, []string{`2 Mapping never holds`}},
		"equal literals":          {[]string{`"a" == "a" && user.title == "x"`}, nil},
		"twice":                   {[]string{`user.title == "a" && user.department == "b"`, `user.department == "b" && (user.title == "a")`}, []string{`3 Mapping stands twice: Mapping "m1" says what mapping "m0" (x.hcl:2) says.`}},
		"shadowed":                {[]string{`user.title == "a" && user.department == "b"`, `user.title == "a"`}, []string{`2 Mapping gives nothing: Whoever fulfils mapping "m0" has its roles by mapping "m1" (x.hcl:3)`}},
		"shadowed by everybody":   {[]string{`user.title == "a"`, ``}, []string{`2 Mapping gives nothing`}},
		"shadowed in each branch": {[]string{`user.title == "a" || user.title == "b"`, `user.title == "b" || user.title == "c" || user.title == "a"`}, []string{`2 Mapping gives nothing`}},
		// A condition that names one more attribute is false where it is absent.
		"an absent attribute":             {[]string{`user.title == "a"`, `user.title == "a" || user.department == "b"`}, nil},
		"one branch of two":               {[]string{`user.title == "a" || user.title == "b"`, `user.title == "a"`}, []string{`3 Mapping gives nothing`}},
		"with a comparison of attributes": {[]string{`user.title == user.department`, ` user.title == user.department`}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := policy.Rules{Roles: []policy.Role{{Name: "r"}}}
			for i, when := range tt.whens {
				r.Mappings = append(r.Mappings, policy.Mapping{Name: fmt.Sprint("m", i), Connection: "acme", When: expression(t, when), Roles: []string{"r"}})
			}
			got := check(t, r, lint.Facts{Connections: []lint.Connection{{Label: "acme", Organization: "acme", Tests: 1}}})
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			if got == "" {
				lines = nil
			}
			if len(lines) != len(tt.want) {
				t.Fatalf("found:\n%s", got)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("found %s\nwant %s", lines[i], want)
				}
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := policy.Rules{
		Roles: []policy.Role{{Name: "admin", Permissions: []string{"*"}}, {Name: "analyst", Permissions: []string{"query:*"}}, {Name: "unused"}, {Name: "of-a-client"}},
		Mappings: []policy.Mapping{
			{Name: "tested", Connection: "acme", Groups: []string{"Data"}, GroupIDs: []string{"g1", "g2"}, Roles: []string{"analyst"}},
			{Name: "as a condition", Connection: "acme", When: expression(t, `contains(user.groups, "Data") && user.title == "x"`), Roles: []string{"analyst"}},
			{Name: "more roles", Connection: "acme", Groups: []string{"Data"}, Roles: []string{"analyst", "admin"}},
			{Name: "another connection", Connection: "globex", Groups: []string{"Other"}, Roles: []string{"analyst"}},
			{Name: "clients", When: expression(t, `client.organization == "acme"`), Roles: []string{"analyst"}},
			{Name: "one", Client: "a", When: expression(t, `client.organization == "acme"`), Roles: []string{"analyst"}},
			{Name: "two", Client: "b", When: expression(t, `client.id == "a"`), Roles: []string{"analyst"}},
			{Name: "three", Client: "b", When: expression(t, `client.kind == "user"`), Roles: []string{"analyst"}},
			{Name: "four", Client: "b", Roles: []string{"admin"}},
			{Name: "five", Client: "c", Roles: []string{"admin"}}, // another client's
		},
		Routes: []policy.Route{
			{Upstream: "app", Pattern: "/a", Permission: "query:execute"},
			{Upstream: "app", Pattern: "/b", Permission: "gatehouse:keys"}, // * is not for it
			{Upstream: "app", Pattern: "/*/**"},
			{Upstream: "app", Pattern: "/**/c"},
		},
	}
	got := check(t, r, lint.Facts{Given: []string{"of-a-client"}, Connections: []lint.Connection{
		{Label: "acme", Organization: "acme", Tests: 2, Mentioned: []string{"Data", "g2"}, Range: hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: 90}}},
		{Label: "globex", Organization: "globex", Range: hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: 91}}},
		{Label: "without mappings", Range: hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: 92}}},
	}})
	path := filepath.Join("testdata", "check.want")
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
		t.Error(diff)
	}
}
