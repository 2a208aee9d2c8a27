package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits of a condition. They bound the work of compiling one that was written
// to hurt, and are far above what people write.
const (
	maxDepth        = 200
	maxExpressions  = 1000
	maxAlternatives = 100
	maxLiteral      = 1024 // bytes
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

// readCondition compiles the expression of a `when`. Every mistake is a
// diagnostic at the range of the part that it is about.
func readCondition(expr hcl.Expression, known attributes) (condition, hcl.Diagnostics) {
	r := &reader{known: known, whole: expr.Range()}
	native, ok := expr.(hclsyntax.Expression)
	if !ok {
		r.complain(expr.Range(), "Not a condition", "A condition is written in HCL's native syntax.")
		return condition{}, r.diags
	}
	alternatives := r.condition(native, false, 0)
	if r.diags.HasErrors() {
		return condition{}, r.diags
	}
	slices.Sort(r.named)
	return condition{alternatives: alternatives, attributes: slices.Compact(r.named)}, nil
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

// condition reads an expression that is true or false, negated on request.
func (r *reader) condition(e hclsyntax.Expression, negate bool, depth int) [][]check {
	if r.enough(e, depth) {
		return nil
	}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return r.condition(e.Expression, negate, depth+1)
	case *hclsyntax.UnaryOpExpr:
		if e.Op == hclsyntax.OpLogicalNot {
			return r.condition(e.Val, !negate, depth+1)
		}
	case *hclsyntax.BinaryOpExpr:
		switch e.Op {
		case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
			return r.junction(e, negate, depth)
		case hclsyntax.OpEqual:
			return r.comparison(e, negate, depth)
		case hclsyntax.OpNotEqual:
			return r.comparison(e, !negate, depth)
		}
	case *hclsyntax.FunctionCallExpr:
		if e.Name != "lower" {
			return r.call(e, negate, depth)
		}
	}
	v, ok := r.value(e, depth)
	switch {
	case !ok:
		return nil
	case v.kind != truth:
		r.complain(e.Range(), "Not a condition", "This is %s, and a condition is true or false: compare it with == or !=.", v.kind)
		return nil
	case v.attribute == "" && (v.rego == "true") != negate:
		return always()
	case v.attribute == "":
		return never()
	}
	return one(ask{opEqual, false, []operand{v, {kind: truth, rego: strconv.FormatBool(!negate)}}}, fmt.Sprintf("%s == %t", v.rego, !negate), v)
}

func (r *reader) junction(e *hclsyntax.BinaryOpExpr, negate bool, depth int) [][]check {
	left := r.condition(e.LHS, negate, depth+1)
	right := r.condition(e.RHS, negate, depth+1)
	if r.diags.HasErrors() {
		return nil
	}
	if and := e.Op == hclsyntax.OpLogicalAnd; and != negate {
		joined, ok := both(left, right)
		if !ok {
			r.tooMany(e)
		}
		return joined
	}
	if len(left)+len(right) > maxAlternatives {
		r.tooMany(e)
		return nil
	}
	return either(left, right)
}

func (r *reader) tooMany(e hclsyntax.Expression) {
	r.complain(e.Range(), "Condition too large",
		"Written out, this has more than %d alternatives. Divide it among several mappings.", maxAlternatives)
}

func (r *reader) comparison(e *hclsyntax.BinaryOpExpr, negate bool, depth int) [][]check {
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
	op := "=="
	if negate {
		op = "!="
	}
	// The literal stands first: "literal" == input.x is what OPA's index reads.
	if left.attribute != "" && right.attribute == "" {
		left, right = right, left
	}
	return one(ask{opEqual, negate, []operand{left, right}}, left.rego+" "+op+" "+right.rego, left, right)
}

// call reads the functions that are true or false.
func (r *reader) call(e *hclsyntax.FunctionCallExpr, negate bool, depth int) [][]check {
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
	line := fmt.Sprintf("%s(%s, %s)", e.Name, args[0].rego, args[1].rego)
	if e.Name == "contains" {
		line = args[1].rego + " in " + args[0].rego
	}
	if negate {
		return [][]check{{{rego: "not " + line, asks: ask{e.Name, true, args}}}}
	}
	return one(ask{e.Name, false, args}, line, args...)
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

// one is a condition of one check, which needs the attributes of its operands.
func one(asks ask, line string, operands ...operand) [][]check {
	c := check{rego: line, asks: asks}
	for _, v := range operands {
		if v.attribute != "" {
			c.needs = append(c.needs, v.attribute)
		}
	}
	return [][]check{{c}}
}
