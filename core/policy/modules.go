package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Module is one package of what runs, as text.
type Module struct {
	Name       string // of its package, such as gatehouse.connections.acme
	Connection string // whose it is; "": it is for all
	Source     string
}

// Modules are the packages that Rego shows, apart.
func (p *Policy) Modules() []Module {
	var modules []Module
	var comments, body strings.Builder // comments stand before their package
	flush := func() {
		if body.Len() > 0 {
			modules = append(modules, module(body.String()))
		}
		body.Reset()
	}
	for line := range strings.Lines(p.Rego()) {
		switch {
		case strings.HasPrefix(line, "package "): // no text of the configuration begins a line
			flush()
			body.WriteString(comments.String() + line)
			comments.Reset()
		case strings.HasPrefix(line, "#"), line == "\n" && comments.Len() > 0:
			comments.WriteString(line)
		default:
			body.WriteString(comments.String() + line)
			comments.Reset()
		}
	}
	body.WriteString(comments.String())
	flush()
	return modules
}

func module(source string) Module {
	m := Module{Name: "gatehouse", Source: strings.TrimRight(source, "\n") + "\n"}
	parsed, err := ast.ParseModuleWithOpts("", source, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil { // it has been compiled from the same text
		return m
	}
	var words []string
	for _, t := range parsed.Package.Path[1:] {
		word, _ := t.Value.(ast.String)
		words = append(words, string(word))
	}
	if m.Name = strings.Join(words, "."); len(words) > 2 {
		m.Connection = words[len(words)-1]
	}
	return m
}

// FormatRego lays a file of Rego out as OPA does.
func FormatRego(name string, text []byte) ([]byte, error) {
	return format.SourceWithOpts(name, text, format.Opts{RegoVersion: ast.RegoV1})
}
