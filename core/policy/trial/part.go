package trial

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// conjuncts are the parts of a condition that must all hold.
func conjuncts(e hcl.Expression) []hclsyntax.Expression {
	native := bare(e)
	if b, ok := native.(*hclsyntax.BinaryOpExpr); ok && b.Op == hclsyntax.OpLogicalAnd {
		return append(conjuncts(b.LHS), conjuncts(b.RHS)...)
	}
	if native == nil {
		return nil
	}
	return []hclsyntax.Expression{native}
}

// branches are the parts of a condition of which one is enough where they stand:
// what || joins, however deep below &&. A part behind ! is no branch.
func branches(e hcl.Expression) []hclsyntax.Expression {
	b, ok := bare(e).(*hclsyntax.BinaryOpExpr)
	switch {
	case ok && b.Op == hclsyntax.OpLogicalAnd:
		return append(branches(b.LHS), branches(b.RHS)...)
	case ok && b.Op == hclsyntax.OpLogicalOr:
		var all []hclsyntax.Expression
		for _, side := range []hclsyntax.Expression{b.LHS, b.RHS} {
			if inner, is := bare(side).(*hclsyntax.BinaryOpExpr); !is || inner.Op != hclsyntax.OpLogicalOr {
				all = append(all, bare(side))
			}
			all = append(all, branches(side)...)
		}
		return all
	}
	return nil
}

// within is the condition that a branch holds and the whole as well: so it names
// every attribute that the whole does, without which that is false.
func within(branch hclsyntax.Expression, whole hcl.Expression) hcl.Expression {
	return &hclsyntax.BinaryOpExpr{LHS: branch, Op: hclsyntax.OpLogicalAnd, RHS: bare(whole), SrcRange: branch.Range()}
}

// attributes are the names in a condition, each once, in the order of their places.
func attributes(e hclsyntax.Expression) []string {
	var names []string
	seen := map[string]bool{}
	for _, t := range e.Variables() {
		if name := dotted(t); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func dotted(t hcl.Traversal) string {
	var words []string
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			words = append(words, step.Name)
		case hcl.TraverseAttr:
			words = append(words, step.Name)
		}
	}
	return strings.Join(words, ".")
}

// operators as they are written, and how strongly they bind.
var operators = map[*hclsyntax.Operation]struct {
	sign  string
	binds int
}{
	hclsyntax.OpLogicalOr: {"||", 1}, hclsyntax.OpLogicalAnd: {"&&", 2},
	hclsyntax.OpEqual: {"==", 3}, hclsyntax.OpNotEqual: {"!=", 3},
}

// written is a condition as text, with no more parentheses than it needs.
func written(e hclsyntax.Expression) string { return write(e, 0) }

func write(e hclsyntax.Expression, around int) string {
	switch e := bare(e).(type) {
	case *hclsyntax.BinaryOpExpr:
		o := operators[e.Op]
		text := write(e.LHS, o.binds) + " " + o.sign + " " + write(e.RHS, o.binds+1)
		if o.binds < around {
			return "(" + text + ")"
		}
		return text
	case *hclsyntax.UnaryOpExpr:
		return "!" + write(e.Val, 4)
	case *hclsyntax.FunctionCallExpr:
		var args []string
		for _, a := range e.Args {
			args = append(args, write(a, 0))
		}
		return e.Name + "(" + strings.Join(args, ", ") + ")"
	case *hclsyntax.ScopeTraversalExpr:
		return dotted(e.Traversal)
	case *hclsyntax.TemplateExpr:
		text, _ := plain(e)
		return strconv.Quote(text)
	case *hclsyntax.LiteralValueExpr:
		switch {
		case e.Val.IsNull():
		case e.Val.Type() == cty.Bool:
			return strconv.FormatBool(e.Val.True())
		case e.Val.Type() == cty.Number:
			return e.Val.AsBigFloat().Text('f', -1)
		case e.Val.Type() == cty.String:
			return strconv.Quote(e.Val.AsString())
		}
	}
	return "…"
}
