package policy_test

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
	"github.com/zclconf/go-cty/cty"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file under testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// withCondition are rules whose only mapping has the condition.
func withCondition(e hcl.Expression) policy.Rules {
	return policy.Rules{
		Roles:    []policy.Role{{Name: "admin", Permissions: []string{"*"}}},
		Mappings: []policy.Mapping{{Name: "m", Where: "roles.hcl:1", When: e, Roles: []string{"admin"}}},
	}
}

// Each refused condition with its message, and what the message is about.
func TestConditionDiagnostics(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, text := range []string{
		`client.idd == "a"`,
		`clinet.id == "a"`,
		`client.id == "a" && client.team == "b"`,
		`client`,
		`client.id`,
		`client["id"] == "a"`,
		`client.scopes[0] == "a"`,
		`client.scopes == "a"`,
		`client.scopes == client.scopes`,
		`client.id == 3`,
		`client.id == true`,
		`client.id == null`,
		`client.id == "a${client.owner}"`,
		`"${client.id}" == "a"`,
		`client.id > "a"`,
		`client.id == "a" ? true : false`,
		`(client.id == "a") == true`,
		`contains(client.id, "a")`,
		`contains(client.scopes, 3)`,
		`contains(client.scopes)`,
		`contains(client.scopes...)`,
		`contains(["a", "b"], client.id)`,
		`startswith(client.scopes, "a")`,
		`startwith(client.id, "a")`,
		`env("ROOT_KEY") == "a"`,
		`regex("a", client.id)`,
		`lower(client.id)`,
		`lower(3) == "a"`,
		`"a"`,
		`7`,
		`-"a" == "b"`,
		`-client.id == 1`,
		`1e400 == 1`,
		`1e-400 == 0`,
		`[for s in client.scopes : s] == []`,
		`{} == {}`,
		`client.scopes[*] == "a"`,
		`client.id == "b" || client.x == 1 || !client.owner`,
	} {
		_, diags := policy.Compile(t.Context(), withCondition(expression(t, text)))
		if !diags.HasErrors() {
			t.Errorf("%s: accepted", text)
		}
		fmt.Fprintf(&out, "when = %s\n", text)
		for _, d := range diags {
			fmt.Fprintf(&out, "       %s%s\n", strings.Repeat(" ", d.Subject.Start.Byte), strings.Repeat("^", d.Subject.End.Byte-d.Subject.Start.Byte))
			fmt.Fprintf(&out, "  %s: %s\n", d.Summary, d.Detail)
		}
		out.WriteByte('\n')
	}
	golden(t, "conditions.want", out.String())
}

// Conditions that were written to cost much are refused, with one diagnostic.
func TestHostileConditionsAreRefused(t *testing.T) {
	t.Parallel()
	repeat := func(n int, part, join string) string {
		return strings.TrimSuffix(strings.Repeat(part+join, n), join)
	}
	for name, text := range map[string]string{
		"deep parentheses":       strings.Repeat("(", 5000) + "true" + strings.Repeat(")", 5000),
		"deep negation":          strings.Repeat("!", 5000) + "true",
		"deep lower":             strings.Repeat("lower(", 5000) + `"a"` + strings.Repeat(")", 5000) + ` == "a"`,
		"wide":                   repeat(5000, `client.id == "a"`, " && "),
		"wide and unknown":       "(" + repeat(150, "("+repeat(150, `x.y == "a"`, " && ")+")", " && ") + ")",
		"long text":              `client.id == "` + strings.Repeat("a", 1025) + `"`,
		"long number":            `1.` + strings.Repeat("3", 5000) + ` == 1e14 || 1e-300 == 1`,
		"long name of attribute": `client.` + strings.Repeat("a", 100_000) + ` == "a"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, diags := hclsyntax.ParseExpression([]byte(text), "roles.hcl", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			_, diags = policy.Compile(t.Context(), withCondition(e))
			if !diags.HasErrors() || len(diags) > 1200 {
				t.Fatalf("%d diagnostics", len(diags))
			}
			for _, d := range diags {
				if len(d.Detail) > 1000 {
					t.Errorf("a detail of %d bytes", len(d.Detail))
				}
			}
		})
	}
}

// What would be many alternatives, written out, costs its parts.
func TestManyAlternatives(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat(`client.id == "a" || `, 190) + `client.id == "my-tenant"`,
		strings.Repeat(`(client.id == "a" || client.organization == "acme") && `, 100) + `client.id == "my-tenant"`,
		"!(" + strings.Repeat(`(client.id == "a" && client.organization == "acme") || `, 100) + `client.id == "b")`,
	} {
		set := holder(t, compile(t, withCondition(expression(t, text))))
		if len(set.Roles) != 1 {
			t.Errorf("%.60s...: %v", text, set.Roles)
		}
	}
}

// Conditions of HCL's JSON syntax, or made by a program, are not read.
func TestOnlyNativeConditions(t *testing.T) {
	t.Parallel()
	_, diags := policy.Compile(t.Context(), withCondition(hcl.StaticExpr(cty.True, hcl.Range{Filename: "x.json"})))
	if !diags.HasErrors() || diags[0].Subject.Filename != "x.json" {
		t.Errorf("%v", diags)
	}
}

func FuzzCondition(f *testing.F) {
	for _, text := range []string{
		`client.id == "a" || !contains(client.scopes, lower("B")) && client.owner != "x"`,
		`!(startswith(client.id, "a\u0000") && endswith("$${", client.kind))`, `-1.5e3 != 2 && true`, `client.idd == [1]`,
	} {
		f.Add(text, "owner")
	}
	f.Fuzz(func(t *testing.T, text, owner string) {
		if len(text) > 4096 {
			t.Skip()
		}
		e, diags := hclsyntax.ParseExpression([]byte(text), "roles.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Skip()
		}
		p, diags := policy.Compile(t.Context(), withCondition(e))
		if diags.HasErrors() {
			for _, d := range diags {
				if d.Subject == nil || d.Subject.Filename != "roles.hcl" {
					t.Fatalf("%s: a diagnostic without its place: %v", text, d)
				}
			}
			return
		}
		who := policy.Principal{Kind: policy.KindClient, ID: "my-tenant", Organization: "acme", Owner: owner}
		if _, err := p.WithLimit(1<<40).RoleSet(t.Context(), who); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
