package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits of a condition. They bound the work of compiling one that was written
// to hurt, and are far above what people write.
const (
	maxDepth       = 200
	maxExpressions = 1000
	maxLiteral     = 1024 // bytes
)

// possible is what a diagnostic lists.
const possible = `A condition is made of ==, !=, &&, ||, !, parentheses, literal texts, numbers, true and false, ` +
	`the functions contains(list, text), startswith(text, start), endswith(text, end) and lower(text), and the attributes `

// reader turns an HCL expression into a condition.
type reader struct {
	known attributes
	whole hcl.Range
	named []string
	seen  int
	diags hcl.Diagnostics
}

// readCondition reads the expression of a `when`. Every mistake is a
// diagnostic at the range of the part that it is about.
func readCondition(expr hcl.Expression, known attributes) (condition, hcl.Diagnostics) {
	r := &reader{known: known, whole: expr.Range()}
	native, ok := expr.(hclsyntax.Expression)
	if !ok {
		r.complain(expr.Range(), "Not a condition", "A condition is written in HCL's native syntax.")
		return condition{}, r.diags
	}
	root := r.condition(native, 0)
	if r.diags.HasErrors() {
		return condition{}, r.diags
	}
	slices.Sort(r.named)
	return condition{root: root, attributes: slices.Compact(r.named)}, nil
}

func (r *reader) complain(at hcl.Range, summary, format string, args ...any) {
	r.diags = append(r.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...),
		Subject: at.Ptr(), Context: r.whole.Ptr(),
	})
}

// enough counts expressions and refuses the ones over a limit. Once one is
// over, nothing more is read.
func (r *reader) enough(e hclsyntax.Expression, depth int) bool {
	r.seen++
	if r.seen == maxExpressions+1 || depth == maxDepth+1 && r.seen <= maxExpressions {
		r.seen = maxExpressions + 1
		r.complain(e.Range(), "Condition too large",
			"A condition has at most %d parts, nested at most %d deep. Divide it among several mappings.", maxExpressions, maxDepth)
	}
	return r.seen > maxExpressions
}

// condition reads an expression that is true or false. What is not one gives nil,
// and a diagnostic.
func (r *reader) condition(e hclsyntax.Expression, depth int) part {
	if r.enough(e, depth) {
		return nil
	}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return r.condition(e.Expression, depth+1)
	case *hclsyntax.UnaryOpExpr:
		if e.Op == hclsyntax.OpLogicalNot {
			return negation{r.condition(e.Val, depth+1)}
		}
	case *hclsyntax.BinaryOpExpr:
		switch e.Op {
		case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
			return &junction{e.Op == hclsyntax.OpLogicalAnd, r.condition(e.LHS, depth+1), r.condition(e.RHS, depth+1)}
		case hclsyntax.OpEqual, hclsyntax.OpNotEqual:
			return r.comparison(e, depth)
		}
	case *hclsyntax.FunctionCallExpr:
		if e.Name != "lower" {
			return r.call(e, depth)
		}
	}
	v, ok := r.value(e, depth)
	switch {
	case !ok:
		return nil
	case v.kind != truth:
		r.complain(e.Range(), "Not a condition", "This is %s, and a condition is true or false: compare it with == or !=.", v.kind)
		return nil
	}
	return truthOf{&v}
}

func (r *reader) comparison(e *hclsyntax.BinaryOpExpr, depth int) part {
	left, ok1 := r.value(e.LHS, depth+1)
	right, ok2 := r.value(e.RHS, depth+1)
	if !ok1 || !ok2 {
		return nil
	}
	for _, side := range []struct {
		v operand
		e hclsyntax.Expression
	}{{left, e.LHS}, {right, e.RHS}} {
		if side.v.kind == list {
			r.complain(side.e.Range(), "A list is not compared", "Ask with contains(list, text) whether the list holds a text.")
			return nil
		}
	}
	if left.kind != right.kind {
		r.complain(e.Range(), "Types differ", "The left side is %s, the right side is %s: they are never equal.", left.kind, right.kind)
		return nil
	}
	return &comparison{e.Op == hclsyntax.OpNotEqual, left, right}
}

// call reads the functions that are true or false.
func (r *reader) call(e *hclsyntax.FunctionCallExpr, depth int) part {
	want := []kind{text, text}
	switch e.Name {
	case "contains":
		want[0] = list
	case "startswith", "endswith":
	default:
		r.unknownFunction(e)
		return nil
	}
	args, ok := r.arguments(e, want, depth)
	if !ok {
		return nil
	}
	return &call{e.Name, [2]operand(args)}
}

func (r *reader) unknownFunction(e *hclsyntax.FunctionCallExpr) {
	r.complain(e.NameRange, "Unknown function", "There is no function %.100q.%s %s%s.", e.Name,
		didYouMean(e.Name, []string{"contains", "startswith", "endswith", "lower"}), possible, strings.Join(r.known.names(), ", "))
}

// arguments reads those of a function and checks their number and types.
func (r *reader) arguments(e *hclsyntax.FunctionCallExpr, want []kind, depth int) ([]operand, bool) {
	if len(e.Args) != len(want) || e.ExpandFinal {
		r.complain(e.Range(), "Wrong number of arguments", "%s takes %d: %s.", e.Name, len(want), join(want))
		return nil, false
	}
	var args []operand
	good := true
	for i, a := range e.Args {
		v, ok := r.value(a, depth+1)
		if ok && v.kind != want[i] { //nolint:gosec // the lengths were just compared
			r.complain(a.Range(), "Wrong type", "%s takes %s, and this is %s.", e.Name, join(want), v.kind)
			ok = false
		}
		good = good && ok
		args = append(args, v)
	}
	return args, good
}

func join(kinds []kind) string {
	var words []string
	for _, k := range kinds {
		words = append(words, string(k))
	}
	return strings.Join(words, " and ")
}
