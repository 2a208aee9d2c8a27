package policy

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// operand is a value in a condition: a literal or an attribute, or either of
// them in lower case.
type operand struct {
	kind      kind
	literal   value
	attribute string // that it is made from, "" for a literal
	lower     bool   // of an attribute
}

// value reads an expression that is a value.
func (r *reader) value(e hclsyntax.Expression, depth int) (operand, bool) {
	if r.enough(e, depth) {
		return operand{}, false
	}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return r.value(e.Expression, depth+1)
	case *hclsyntax.TemplateExpr:
		return r.textLiteral(e)
	case *hclsyntax.LiteralValueExpr:
		return r.literal(e)
	case *hclsyntax.ScopeTraversalExpr:
		return r.attribute(e)
	case *hclsyntax.FunctionCallExpr:
		if e.Name == "lower" {
			args, ok := r.arguments(e, []kind{text}, depth)
			if !ok {
				return operand{}, false
			}
			o := args[0]
			o.literal.text, o.lower = strings.ToLower(o.literal.text), true
			return o, true
		}
		if !truthExpression(e) {
			r.unknownFunction(e)
			return operand{}, false
		}
	}
	if truthExpression(e) {
		r.complain(e.Range(), "A condition is not a value",
			"This is true or false by itself: join it with &&, || and !, not with == or as an argument.")
		return operand{}, false
	}
	r.complain(e.Range(), "Not possible in a condition", "%s%s.", possible, strings.Join(r.known.names(), ", "))
	return operand{}, false
}

// truthExpression reports whether condition would read e.
func truthExpression(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.UnaryOpExpr:
		return e.Op == hclsyntax.OpLogicalNot
	case *hclsyntax.BinaryOpExpr:
		switch e.Op {
		case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr, hclsyntax.OpEqual, hclsyntax.OpNotEqual:
			return true
		}
	case *hclsyntax.FunctionCallExpr:
		return e.Name == "contains" || e.Name == "startswith" || e.Name == "endswith"
	}
	return false
}

// textLiteral reads a quoted text without interpolation. An escaped "$${" makes
// several parts of one literal.
func (r *reader) textLiteral(e *hclsyntax.TemplateExpr) (operand, bool) {
	var b strings.Builder
	for _, part := range e.Parts {
		l, ok := part.(*hclsyntax.LiteralValueExpr)
		if !ok || l.Val.IsNull() || l.Val.Type() != cty.String {
			r.complain(part.Range(), "Not possible in a condition", "A text stands as it is here: nothing is put into it with ${ }.")
			return operand{}, false
		}
		b.WriteString(l.Val.AsString())
	}
	if b.Len() > maxLiteral {
		r.complain(e.Range(), "Text too long", "A text in a condition has at most %d bytes.", maxLiteral)
		return operand{}, false
	}
	return operand{kind: text, literal: value{text: b.String()}}, true
}

// literal reads a number or a truth. There are no negative numbers.
func (r *reader) literal(e *hclsyntax.LiteralValueExpr) (operand, bool) {
	switch {
	case e.Val.IsNull():
		r.complain(e.Range(), "Not possible in a condition",
			"There is no null: a condition that names an absent attribute is false as a whole.")
		return operand{}, false
	case e.Val.Type() == cty.Bool:
		return operand{kind: truth, literal: value{truth: e.Val.True()}}, true
	case e.Val.Type() == cty.Number:
		f, _ := e.Val.AsBigFloat().Float64()
		written := strconv.FormatFloat(f, 'f', -1, 64)
		if f >= 1e15 || len(written) > 32 || f == 0 && e.Val.AsBigFloat().Sign() != 0 {
			r.complain(e.Range(), "Number out of range", "A number in a condition is below 10^15 and has at most 30 digits.")
			return operand{}, false
		}
		return operand{kind: number, literal: value{number: f}}, true
	}
	r.complain(e.Range(), "Not possible in a condition", "A literal is a text, a number, true or false.")
	return operand{}, false
}

func (r *reader) attribute(e *hclsyntax.ScopeTraversalExpr) (operand, bool) {
	var words []string
	for _, step := range e.Traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			words = append(words, step.Name)
		case hcl.TraverseAttr:
			words = append(words, step.Name)
		default:
			r.complain(e.Range(), "Not possible in a condition", "An attribute is written with dots, such as %s.", r.known.names()[0])
			return operand{}, false
		}
	}
	name := strings.Join(words, ".")
	k, ok := r.known[name]
	if !ok {
		r.complain(e.Range(), "Unknown attribute", "There is no attribute %.100q here.%s The attributes are %s.",
			name, didYouMean(name, r.known.names()), strings.Join(r.known.names(), ", "))
		return operand{}, false
	}
	r.named = append(r.named, name)
	return operand{kind: k, attribute: name}, true
}
