package config

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// page is the text of a file and which parts of it may be shown. Every value
// is hidden until a schema says that it is not sensitive: what a plugin does
// not know may be a secret with a mistyped name.
type page struct {
	text     []byte
	body     *hclsyntax.Body // nil: the file has syntax errors
	hidden   map[span][]span // a value, or the labels of a block -> the parts of it that are hidden
	comments []span          // never shown: secrets are commented out
	veiled   []span          // the hidden parts of a file with syntax errors
}

// span is a range of bytes of one file.
type span struct{ from, to int }

func newPage(f File) (*page, hcl.Diagnostics) {
	body, tokens, ds := parse(f)
	p := &page{text: f.Text, body: body, hidden: map[span][]span{}}
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenComment {
			p.comments = append(p.comments, span{t.Range.Start.Byte, t.Range.End.Byte})
		}
	}
	if body == nil {
		p.veiled = veil(f.Text, tokens)
		return p, ds
	}
	p.hide(body)
	return p, ds
}

func (p *page) hide(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		s := valueSpan(a)
		p.hidden[s] = []span{s}
	}
	for _, b := range body.Blocks {
		for _, l := range b.LabelRanges {
			p.hidden[bytesOf(l)] = []span{bytesOf(l)}
		}
		p.hide(b.Body)
	}
}

// showLabels is for the blocks whose labels are names.
func (p *page) showLabels(b *hclsyntax.Block) {
	for _, l := range b.LabelRanges {
		delete(p.hidden, bytesOf(l))
	}
}

// show is for an attribute that is known and not sensitive. A URL with a user
// in it stays hidden wherever it stands: there may be a password beside.
func (p *page) show(a *hclsyntax.Attribute) {
	if s := valueSpan(a); !withUserInfo(p.text[s.from:s.to]) {
		delete(p.hidden, s)
	}
}

// showSource shows of a sensitive attribute that it comes from env() or file(),
// and from which.
func (p *page) showSource(a *hclsyntax.Attribute) {
	var parts []span
	for _, r := range secretParts(a.Expr) {
		parts = append(parts, bytesOf(r))
	}
	if !slices.ContainsFunc(parts, func(s span) bool { return s == bytesOf(a.Expr.Range()) }) {
		p.hidden[valueSpan(a)] = parts
	}
}

// hiddenParts gives what may not be shown of the text between from and to.
func (p *page) hiddenParts(from, to int) []span {
	var parts []span
	add := func(s span) {
		if s.from < to && from < s.to {
			parts = append(parts, span{max(s.from, from), min(s.to, to)})
		}
	}
	for _, value := range p.hidden {
		for _, s := range value {
			add(s)
		}
	}
	for _, s := range p.veiled {
		add(s)
	}
	return parts
}

var word = regexp.MustCompile(`[\pL\pN_-]{3,}`)
var quoted = regexp.MustCompile(`"[^"]*"|\[[^\]]*\]`)

// quotedBy reports whether a sentence of the parser quotes what is hidden.
func (p *page) quotedBy(sentence string) bool {
	for _, q := range quoted.FindAllString(sentence, -1) {
		for _, w := range word.FindAllString(q, -1) {
			for _, s := range p.veiled {
				if bytes.Contains(p.text[s.from:s.to], []byte(w)) {
					return true
				}
			}
		}
	}
	return false
}

// secretParts gives the parts of a sensitive expression that may be a secret:
// everything but calls of env() with a variable's name, and of file().
func secretParts(e hclsyntax.Expression) []hcl.Range {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return secretParts(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return secretParts(e.Wrapped)
	case *hclsyntax.TupleConsExpr:
		var parts []hcl.Range
		for _, x := range e.Exprs {
			parts = append(parts, secretParts(x)...)
		}
		return parts
	case *hclsyntax.ObjectConsExpr:
		var parts []hcl.Range
		for _, x := range e.Items {
			parts = append(parts, secretParts(x.ValueExpr)...)
		}
		return parts
	case *hclsyntax.FunctionCallExpr:
		if e.ExpandFinal || len(e.Args) == 0 {
			break
		}
		name, ok := plainText(e.Args[0])
		switch {
		case ok && e.Name == "env" && variableName.MatchString(name):
			var parts []hcl.Range
			for _, x := range e.Args[1:] {
				parts = append(parts, x.Range())
			}
			return parts
		case ok && e.Name == "file" && len(e.Args) == 1 && !strings.Contains(name, "\n"):
			return nil
		}
	}
	return []hcl.Range{e.Range()}
}

// plainText gives the text of a string without templates.
func plainText(e hclsyntax.Expression) (string, bool) {
	t, ok := e.(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return "", false
	}
	v, ds := t.Value(nil)
	if ds.HasErrors() {
		return "", false
	}
	return v.AsString(), true
}

// valueSpan is everything behind the equals sign.
func valueSpan(a *hclsyntax.Attribute) span {
	return span{a.EqualsRange.End.Byte, max(a.SrcRange.End.Byte, a.Expr.Range().End.Byte)}
}

func bytesOf(r hcl.Range) span { return span{r.Start.Byte, r.End.Byte} }

func withUserInfo(text []byte) bool {
	_, rest, ok := strings.Cut(string(text), "://")
	return ok && strings.Contains(rest, "@")
}
