package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyconvert "github.com/zclconf/go-cty/cty/convert"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// attr is the value of one attribute.
type attr struct {
	value     any                  // string, float64, bool, []string or map[string]string
	at        hcl.Range            // its expression, or the block's header for a default
	parts     map[string]hcl.Range // of the elements of a list ("0") or a map (its keys)
	given     bool                 // it stands in the file
	unknown   bool                 // a variable is not set, and that is allowed: no check applies
	concealed bool                 // it is not repeated in words
}

// converted is what convert gives: a value or a mistake, with the key of the
// element that it is about.
type converted struct {
	value any
	parts map[string]hcl.Range
	bad   *mistake
	key   []string
}

// convert gives the Go value of an evaluated expression. It does not turn a
// number into a string or the other way round, as HCL would; only what comes
// from env() or file(), which know strings alone, is read as a number or a bool.
func convert(t schema.Type, v hclValue, e hclsyntax.Expression, ctx *hcl.EvalContext) converted {
	at := e.Range()
	wrong := func(at hcl.Range, want string, got cty.Value) *mistake {
		return &mistake{at, CodeType, "Wrong type", fmt.Sprintf("Expected %s, found %s.", want, nameOf(got))}
	}
	switch t { //nolint:exhaustive // the others are scalars, below
	case schema.Strings:
		if !v.Type().IsTupleType() {
			return converted{bad: wrong(at, "a list of strings, such as [\"a\", \"b\"]", v.Value)}
		}
		parts, list := listParts(e), []string{}
		for i, x := range v.AsValueSlice() {
			key := strconv.Itoa(i)
			if x.IsNull() || x.Type() != cty.String {
				return converted{bad: wrong(partOr(parts, key, at), "a string", x), key: []string{key}}
			}
			list = append(list, x.AsString())
		}
		return converted{value: list, parts: parts}
	case schema.Map:
		if !v.Type().IsObjectType() {
			return converted{bad: wrong(at, "a map of strings, such as { key = \"value\" }", v.Value)}
		}
		parts, twice := mapParts(e, ctx)
		if twice != nil {
			return converted{bad: twice}
		}
		m := map[string]string{}
		for key, x := range v.AsValueMap() {
			if x.IsNull() || x.Type() != cty.String {
				return converted{bad: wrong(partOr(parts, key, at), "a string", x), key: []string{key}}
			}
			m[key] = x.AsString()
		}
		return converted{value: m, parts: parts}
	case schema.Number:
		n := v.Value
		if v.concealed && n.Type() == cty.String {
			if c, err := ctyconvert.Convert(n, cty.Number); err == nil {
				n = c
			}
		}
		if n.Type() != cty.Number {
			return converted{bad: wrong(at, "a number without quotation marks", n)}
		}
		f, _ := n.AsBigFloat().Float64()
		if f-f != 0 { // infinite
			return converted{bad: &mistake{at, CodeValue, "Number too large", "The number is beyond what a computer's floating point holds."}}
		}
		return converted{value: f}
	case schema.Bool:
		b := v.Value
		if v.concealed && b.Type() == cty.String {
			if c, err := ctyconvert.Convert(b, cty.Bool); err == nil {
				b = c
			}
		}
		if b.Type() != cty.Bool {
			return converted{bad: wrong(at, "true or false without quotation marks", b)}
		}
		return converted{value: b.True()}
	}
	if v.Type() != cty.String {
		return converted{bad: wrong(at, "a string in quotation marks", v.Value)}
	}
	s := v.AsString()
	if t == schema.Duration {
		if _, err := time.ParseDuration(s); err != nil {
			return converted{bad: &mistake{at, CodeValue, "Not a duration", durationRule}}
		}
	}
	return converted{value: s}
}

const durationRule = `A duration is a number with a unit, such as "90s" or "1h30m".`

func nameOf(v cty.Value) string {
	switch t := v.Type(); {
	case v.IsNull():
		return "null"
	case t == cty.String:
		return "a string"
	case t == cty.Number:
		return "a number"
	case t == cty.Bool:
		return "true or false"
	case t.IsTupleType():
		return "a list"
	}
	return "a map"
}

func partOr(parts map[string]hcl.Range, key string, other hcl.Range) hcl.Range {
	if r, ok := parts[key]; ok {
		return r
	}
	return other
}

func bare(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		p, ok := e.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return e
		}
		e = p.Expression
	}
}

// listParts gives the place of each element of a list.
func listParts(e hclsyntax.Expression) map[string]hcl.Range {
	parts := map[string]hcl.Range{}
	if t, ok := bare(e).(*hclsyntax.TupleConsExpr); ok {
		for i, x := range t.Exprs {
			parts[strconv.Itoa(i)] = x.Range()
		}
	}
	return parts
}

// mapParts gives the place of each value of a map. HCL would take the last of
// two values with one key; here that is a mistake.
func mapParts(e hclsyntax.Expression, ctx *hcl.EvalContext) (map[string]hcl.Range, *mistake) {
	parts := map[string]hcl.Range{}
	if o, ok := bare(e).(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range o.Items {
			k, ds := item.KeyExpr.Value(ctx)
			if ds.HasErrors() || k.IsNull() || k.Type() != cty.String {
				continue
			}
			if first, ok := parts[k.AsString()]; ok {
				return nil, &mistake{item.KeyExpr.Range(), CodeDuplicate, "Key stands twice", fmt.Sprintf("The same key stands on line %d.", first.Start.Line)}
			}
			parts[k.AsString()] = item.ValueExpr.Range()
		}
	}
	return parts, nil
}
