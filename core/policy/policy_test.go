package policy_test

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// expression reads what stands behind `when =`.
func expression(tb testing.TB, text string) hcl.Expression {
	tb.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(text), "roles.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		tb.Fatalf("%s: %v", text, diags)
	}
	return e
}

func compile(tb testing.TB, rules policy.Rules) *policy.Policy {
	tb.Helper()
	p, diags := policy.Compile(tb.Context(), rules)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	return p
}
