package trial

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

const possible = "Who is tried is a map of attributes, each a text in quotation marks, a list of such, or true or false: { department = \"Analytics\", groups = [\"Data\"] }. A test is the same everywhere, so there are no functions in it."

// readMap reads a map of literal texts and lists. An attribute that is null is left
// out: it is absent.
func readMap(e hcl.Expression) (map[string]given, hcl.Diagnostics) {
	refuse := func(at hcl.Range) hcl.Diagnostics {
		return hcl.Diagnostics{complaint(at, "Not possible in a test", "%s", possible)}
	}
	object, ok := bare(e).(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil, refuse(e.Range())
	}
	fields := map[string]given{}
	var diags hcl.Diagnostics
	for _, item := range object.Items {
		name, ok := keyOf(item.KeyExpr)
		if !ok {
			diags = append(diags, refuse(item.KeyExpr.Range())...)
			continue
		}
		if _, twice := fields[name]; twice {
			diags = append(diags, complaint(item.KeyExpr.Range(), "Stands twice", "The attribute %.100q stands in this map already.", name))
			continue
		}
		f, ok, at := readValue(item.ValueExpr)
		if !ok {
			diags = append(diags, refuse(at)...)
			continue
		}
		if f.key, f.value = item.KeyExpr.Range(), item.ValueExpr.Range(); !isNull(item.ValueExpr) {
			fields[name] = f
		}
	}
	return fields, diags
}

// keyOf is a word, or a text in quotation marks.
func keyOf(e hclsyntax.Expression) (string, bool) {
	key, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return "", false
	}
	if word := hcl.ExprAsKeyword(key.Wrapped); word != "" && !key.ForceNonLiteral {
		return word, true
	}
	return plain(key.Wrapped)
}

// readValue reads a text, a list of texts, true, false, or null. It tells where something else
// stands.
func readValue(e hclsyntax.Expression) (f given, ok bool, at hcl.Range) {
	if isNull(e) {
		return f, true, at
	}
	if list, is := bare(e).(*hclsyntax.TupleConsExpr); is {
		f.kind, f.list = aList, []string{}
		for _, x := range list.Exprs {
			text, ok := plain(bare(x))
			if !ok {
				return f, false, x.Range()
			}
			f.list = append(f.list, text)
		}
		return f, true, at
	}
	if l, is := bare(e).(*hclsyntax.LiteralValueExpr); is && l.Val.Type() == cty.Bool {
		f.kind, f.truth = aTruth, l.Val.True()
		return f, true, at
	}
	f.kind = aText
	f.text, ok = plain(bare(e))
	return f, ok, e.Range()
}

func isNull(e hclsyntax.Expression) bool {
	l, ok := bare(e).(*hclsyntax.LiteralValueExpr)
	return ok && l.Val.IsNull()
}

// plain gives a text into which nothing is put.
func plain(e hclsyntax.Expression) (string, bool) {
	t, ok := e.(*hclsyntax.TemplateExpr)
	if !ok {
		return "", false
	}
	text := ""
	for _, part := range t.Parts {
		l, ok := part.(*hclsyntax.LiteralValueExpr)
		if !ok || l.Val.IsNull() || l.Val.Type() != cty.String {
			return "", false
		}
		text += l.Val.AsString()
	}
	return text, true
}

// bare takes parentheses away.
func bare(e hcl.Expression) hclsyntax.Expression {
	native, _ := e.(hclsyntax.Expression)
	for {
		p, ok := native.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return native
		}
		native = p.Expression
	}
}
