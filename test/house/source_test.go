package house_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// maxLines is where a file of ours has become two.
const maxLines = 500

// source is one parsed file.
type source struct {
	name string // from the top of the repository
	file *ast.File
	set  *token.FileSet
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.set.Position(n.Pos()).Line)
}

// longFiles lists the files that are too long to be about one thing.
func longFiles(files []source) []string {
	var bad []string
	for _, s := range files {
		if n := s.set.File(s.file.Pos()).LineCount(); n > maxLines && !ast.IsGenerated(s.file) {
			bad = append(bad, fmt.Sprintf("%s has %d lines", s.name, n))
		}
	}
	return bad
}

// silent reports whether no file of a package says what it is for. A generated
// file need not.
func silent(files []source) bool {
	return !slices.ContainsFunc(files, func(s source) bool { return s.file.Doc.Text() != "" || ast.IsGenerated(s.file) })
}

// initFunctions lists what runs because a package was imported.
func initFunctions(files []source) []string {
	var bad []string
	for _, s := range files {
		if ast.IsGenerated(s.file) {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				bad = append(bad, s.at(f)+" has a function init")
			}
		}
	}
	return bad
}

// mutableState lists the package variables of one package that are changed
// after their declaration, or made for it: assigned, counted up, or of a kind
// that is nothing unless it changes (locks, atomics, channels, a variable
// without a value). What is done through a pointer or a method does not show.
func mutableState(files []source) []string {
	var bad []string
	declared := map[string]bool{}
	for _, s := range files {
		if s.test() || ast.IsGenerated(s.file) {
			continue
		}
		for _, spec := range packageVars(s.file) {
			for i, name := range spec.Names {
				if name.Name == "_" {
					continue
				}
				declared[name.Name] = true
				if why := madeToChange(spec, i); why != "" && !embedded(s.file, spec) {
					bad = append(bad, fmt.Sprintf("%s: the package variable %s %s", s.at(name), name.Name, why))
				}
			}
		}
	}
	for _, s := range files {
		if s.test() || ast.IsGenerated(s.file) {
			continue
		}
		own := map[*ast.ValueSpec]bool{}
		for _, spec := range packageVars(s.file) {
			own[spec] = true
		}
		changed(s.file, func(id *ast.Ident) {
			if id.Obj != nil { // resolved within the file: a local, unless it is a package variable
				if spec, ok := id.Obj.Decl.(*ast.ValueSpec); !ok || !own[spec] {
					return
				}
			}
			if declared[id.Name] {
				bad = append(bad, fmt.Sprintf("%s changes the package variable %s", s.at(id), id.Name))
			}
		})
	}
	return bad
}

func packageVars(f *ast.File) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				specs = append(specs, s.(*ast.ValueSpec))
			}
		}
	}
	return specs
}

// embedded reports whether the variable is filled by the compiler.
func embedded(f *ast.File, spec *ast.ValueSpec) bool {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || !slices.Contains(g.Specs, ast.Spec(spec)) {
			continue
		}
		for _, group := range []*ast.CommentGroup{g.Doc, spec.Doc} {
			if group != nil && slices.ContainsFunc(group.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
				return true
			}
		}
	}
	return false
}

// madeToChange says why the i-th variable of a declaration is nothing unless it
// changes; "" where that cannot be told from the declaration.
func madeToChange(spec *ast.ValueSpec, i int) string {
	if len(spec.Values) == 0 {
		return "has no value"
	}
	if i >= len(spec.Values) {
		return ""
	}
	value := spec.Values[i]
	if u, ok := value.(*ast.UnaryExpr); ok && u.Op == token.AND {
		value = u.X
	}
	switch v := value.(type) {
	case *ast.CallExpr:
		if f, ok := v.Fun.(*ast.Ident); ok && (f.Name == "make" || f.Name == "new") {
			return "is made empty, to be filled"
		}
	case *ast.CompositeLit:
		if t, ok := v.Type.(*ast.SelectorExpr); ok {
			if p, ok := t.X.(*ast.Ident); ok && (p.Name == "sync" || p.Name == "atomic") {
				return "is a " + p.Name + "." + t.Sel.Name
			}
		}
		if _, ok := v.Type.(*ast.MapType); ok && len(v.Elts) == 0 {
			return "is an empty map, to be filled"
		}
	}
	return ""
}

// changed calls visit with the variable at the root of each expression that is
// assigned, counted up or down, or filled by range.
func changed(f *ast.File, visit func(*ast.Ident)) {
	root := func(e ast.Expr) {
		for {
			switch v := e.(type) {
			case *ast.Ident:
				visit(v)
				return
			case *ast.SelectorExpr:
				e = v.X
			case *ast.IndexExpr:
				e = v.X
			case *ast.StarExpr:
				e = v.X
			case *ast.ParenExpr:
				e = v.X
			default:
				return
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch v := n.(type) {
		case *ast.AssignStmt:
			if v.Tok != token.DEFINE {
				for _, e := range v.Lhs {
					root(e)
				}
			}
		case *ast.IncDecStmt:
			root(v.X)
		case *ast.RangeStmt:
			if v.Tok == token.ASSIGN {
				root(v.Key)
				root(v.Value)
			}
		}
		return true
	})
}
