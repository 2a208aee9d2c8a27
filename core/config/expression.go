package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// mistake is what is wrong with an expression, and where.
type mistake struct {
	at     hcl.Range
	code   Code
	title  string
	detail string
}

func refused(e hclsyntax.Expression, detail string) *mistake {
	return &mistake{e.Range(), CodeExpression, "Expression not allowed", detail}
}

// allowed says why an expression may not be the value of an attribute. Values
// are literal, so that a file can be read without being run and costs no more
// than its length: strings, numbers, bools, lists, maps, env() and file().
func allowed(e hclsyntax.Expression) *mistake {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return nil
	case *hclsyntax.ParenthesesExpr:
		return allowed(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return allowed(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		return allAllowed(e.Parts)
	case *hclsyntax.TupleConsExpr:
		return allAllowed(e.Exprs)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if m := allowedKey(item.KeyExpr); m != nil {
				return m
			}
			if m := allowed(item.ValueExpr); m != nil {
				return m
			}
		}
		return nil
	case *hclsyntax.UnaryOpExpr:
		if _, number := e.Val.(*hclsyntax.LiteralValueExpr); number && e.Op == hclsyntax.OpNegate {
			return nil
		}
	case *hclsyntax.ScopeTraversalExpr:
		return refused(e, "A word without quotation marks is no value. Write text in quotation marks; true and false stand alone.")
	case *hclsyntax.FunctionCallExpr:
		return allowedCall(e)
	}
	return refused(e, "A value is a string, a number, true or false, a list, a map, or comes from env(\"NAME\") or file(\"path\").")
}

func allAllowed(es []hclsyntax.Expression) *mistake {
	for _, e := range es {
		if m := allowed(e); m != nil {
			return m
		}
	}
	return nil
}

func allowedKey(e hclsyntax.Expression) *mistake {
	key, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return allowed(e)
	}
	if hcl.ExprAsKeyword(key.Wrapped) != "" && !key.ForceNonLiteral {
		return nil
	}
	if _, ok := plainText(key.Wrapped); ok {
		return nil
	}
	return refused(e, "A key of a map is a word or a text in quotation marks.")
}

func allowedCall(e *hclsyntax.FunctionCallExpr) *mistake {
	most := map[string]int{"env": 2, "file": 1}[e.Name]
	switch {
	case most == 0:
		return refused(e, "The functions are env(\"NAME\"), env(\"NAME\", \"default\") and file(\"path\").")
	case e.ExpandFinal || len(e.Args) == 0 || len(e.Args) > most:
		return refused(e, "Write env(\"NAME\"), env(\"NAME\", \"default\") or file(\"path\").")
	}
	return allAllowed(e.Args)
}

// evaluate gives the value of an allowed expression, marked where it came from
// env() or file().
func evaluate(e hclsyntax.Expression, ctx *hcl.EvalContext) (v hclValue, bad *mistake) {
	if m := allowed(e); m != nil {
		return v, m
	}
	value, ds := e.Value(ctx)
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			return v, fault(e, d)
		}
	}
	unmarked, marks := value.UnmarkDeep()
	return hclValue{Value: unmarked, concealed: len(marks) > 0}, nil
}

// fault puts an error of the evaluation into words that repeat nothing of the
// expression.
func fault(e hclsyntax.Expression, d *hcl.Diagnostic) *mistake {
	at := e.Range()
	if call, ok := d.Expression.(*hclsyntax.FunctionCallExpr); ok {
		at = call.Range()
	} else if d.Subject != nil {
		at = *d.Subject
	}
	if x, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok {
		if u := asUnresolved(x.FunctionCallError()); u != nil {
			return &mistake{at, CodeUnresolved, u.summary, u.detail}
		}
		return &mistake{at, CodeExpression, "Wrong argument", "The arguments of env() and file() are strings."}
	}
	return &mistake{at, CodeExpression, "Expression without a value", "The parts of this expression do not fit together: only strings, numbers and bools stand within a string."}
}
