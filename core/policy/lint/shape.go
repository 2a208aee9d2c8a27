package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// atom is one check of a condition: an operator over an attribute, or a lower-cased
// one, and a text. Of what is written otherwise only equality is known.
type atom struct {
	op      string // "==", "startswith", "endswith", "contains", "attribute" (it is there), or "?"
	subject string // such as user.department, or lower(user.department)
	text    string
	negated bool
}

// key is the same for the same check.
func (a atom) key() string {
	sign := ""
	if a.negated {
		sign = "!"
	}
	return fmt.Sprintf("%s%s(%s, %q)", sign, a.op, a.subject, a.text)
}

// opposite is the check that holds where this one does not.
func (a atom) opposite() atom { a.negated = !a.negated; return a }

// shape is a mapping as alternatives of checks that must all hold.
type shape struct {
	policy.Mapping
	alternatives [][]atom
	known        bool   // it was read, and is small enough
	why          string // there are no alternatives
	never        string // why one of the alternatives cannot hold
}

// maxAlternatives bounds what is looked at. It is that of conditions.
const maxAlternatives = 100

// shape reads a mapping: its groups, its condition and what is sure of everybody whom
// it could be for.
func (c *checker) shape(m policy.Mapping) shape {
	s := shape{Mapping: m}
	all := [][]atom{{}}
	if m.When != nil {
		native, ok := m.When.(hclsyntax.Expression)
		if !ok {
			return s
		}
		if all, ok = normal(native, false); !ok {
			return s
		}
		names := named(native)
		for i := range all {
			all[i] = slices.Concat(all[i], names)
		}
	}
	if s.known = true; len(all) == 0 {
		s.why = "the condition is false"
		return s
	}
	for _, a := range all {
		if why := contradiction(slices.Concat(a, c.sure(m))); why == "" {
			s.alternatives = append(s.alternatives, a)
		} else {
			s.never = why
		}
	}
	s.why = s.never
	if g := groupsOf(m); len(g) > 0 && len(s.alternatives) > 0 {
		joined, ok := both(g, s.alternatives)
		if s.known = ok; ok {
			s.alternatives = joined
		}
	}
	for i, a := range s.alternatives {
		if m.Client != "" {
			a = append(slices.Clone(a), equal("client.id", m.Client))
		}
		s.alternatives[i] = a
	}
	return s
}

func equal(subject, text string) atom {
	return atom{op: "==", subject: subject, text: norm.NFC.String(text)}
}

// sure is what holds of everybody whom a mapping could be for.
func (c *checker) sure(m policy.Mapping) []atom {
	if m.Connection == "" {
		sure := []atom{equal("client.kind", policy.KindClient)}
		if m.Client != "" {
			sure = append(sure, equal("client.id", m.Client))
		}
		return sure
	}
	for _, k := range c.facts.Connections {
		if k.Label == m.Connection && k.Organization != "" {
			return []atom{equal("user.organization", k.Organization)}
		}
	}
	return nil
}

// groupsOf are the groups of a mapping, of which one is enough, as the conditions that
// ask for the same.
func groupsOf(m policy.Mapping) [][]atom {
	var out [][]atom
	op := "contains"
	if m.IgnoreCase {
		op = "contains folded"
	}
	for _, g := range m.Groups {
		out = append(out, []atom{{op: op, subject: "user.groups", text: norm.NFC.String(g)}})
	}
	for _, id := range m.GroupIDs {
		out = append(out, []atom{{op: "contains", subject: "user.group_ids", text: norm.NFC.String(id)}})
	}
	for _, p := range m.GroupPatterns {
		out = append(out, []atom{{op: op + " like", subject: "user.groups", text: norm.NFC.String(p)}})
	}
	return out
}

// named are the attributes of a condition, each of which must be there.
func named(e hclsyntax.Expression) []atom {
	var list []atom
	for _, t := range e.Variables() {
		if a := (atom{op: "attribute", subject: dotted(t)}); !slices.Contains(list, a) && !policy.IsList(a.subject) {
			list = append(list, a)
		}
	}
	return list
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

// normal writes a condition out as alternatives. It reports false for what it does
// not know, or what is too much.
func normal(e hclsyntax.Expression, negate bool) ([][]atom, bool) {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return normal(e.Expression, negate)
	case *hclsyntax.UnaryOpExpr:
		if e.Op == hclsyntax.OpLogicalNot {
			return normal(e.Val, !negate)
		}
	case *hclsyntax.BinaryOpExpr:
		switch e.Op {
		case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
			left, ok1 := normal(e.LHS, negate)
			right, ok2 := normal(e.RHS, negate)
			if !ok1 || !ok2 {
				return nil, false
			}
			if (e.Op == hclsyntax.OpLogicalAnd) != negate {
				return both(left, right)
			}
			return slices.Concat(left, right), len(left)+len(right) <= maxAlternatives
		case hclsyntax.OpEqual:
			return comparison(e, negate), true
		case hclsyntax.OpNotEqual:
			return comparison(e, !negate), true
		}
	case *hclsyntax.FunctionCallExpr:
		if len(e.Args) == 2 {
			subject, ok1 := subjectOf(e.Args[0])
			text, ok2 := textOf(e.Args[1])
			if ok1 && ok2 {
				return [][]atom{{{op: e.Name, subject: subject, text: text, negated: negate}}}, true
			}
		}
	case *hclsyntax.LiteralValueExpr:
		if !e.Val.IsNull() && e.Val.Type() == cty.Bool {
			if e.Val.True() != negate {
				return [][]atom{{}}, true
			}
			return nil, true
		}
	}
	return nil, false
}

// comparison is == or !=. Of two texts the answer is known.
func comparison(e *hclsyntax.BinaryOpExpr, negate bool) [][]atom {
	left, right := e.LHS, e.RHS
	if _, literal := textOf(left); literal {
		left, right = right, left
	}
	subject, ok1 := subjectOf(left)
	text, ok2 := textOf(right)
	if ok1 && ok2 {
		return [][]atom{{{op: "==", subject: subject, text: text, negated: negate}}}
	}
	if one, literal := textOf(left); literal && ok2 {
		if (one == text) != negate {
			return [][]atom{{}}
		}
		return nil
	}
	at := e.Range() // a check that is like no other
	return [][]atom{{{op: "?", subject: at.String(), negated: negate}}}
}

// both joins alternatives by "and".
func both(a, b [][]atom) ([][]atom, bool) {
	if len(a)*len(b) > maxAlternatives {
		return nil, false
	}
	var out [][]atom
	for _, x := range a {
		for _, y := range b {
			out = append(out, slices.Concat(x, y))
		}
	}
	return out, true
}

// subjectOf is an attribute, or one in lower case.
func subjectOf(e hclsyntax.Expression) (string, bool) {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return subjectOf(e.Expression)
	case *hclsyntax.ScopeTraversalExpr:
		return dotted(e.Traversal), true
	case *hclsyntax.FunctionCallExpr:
		if e.Name == "lower" && len(e.Args) == 1 {
			inner, ok := subjectOf(e.Args[0])
			if strings.HasPrefix(inner, lowered) {
				return inner, ok
			}
			return lowered + inner + ")", ok
		}
	}
	return "", false
}

const lowered = "lower("

// textOf is a literal text.
func textOf(e hclsyntax.Expression) (string, bool) {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return textOf(e.Expression)
	case *hclsyntax.TemplateExpr:
		v, ds := e.Value(nil)
		if ds.HasErrors() || v.IsNull() || v.Type() != cty.String {
			return "", false
		}
		return v.AsString(), true
	}
	return "", false
}
