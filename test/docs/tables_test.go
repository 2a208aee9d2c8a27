package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The table of codes has every code of sdk/problem with its status, and no
// other.
func TestCodes(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, code := range constants(t, "sdk/problem/problem.go", "Code") {
		want[code] = strconv.Itoa(problem.Code(code).Status())
	}
	got := map[string]string{}
	for _, cells := range table(t, "docs/reference/http.md", "code") {
		got[cells[0]] = cells[1]
	}
	compare(t, want, got)
}

// The table of metrics has every metric of ours with its type and labels.
func TestMetrics(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, file := range files(t, ".go") {
		if strings.HasPrefix(file, "core/") && !strings.HasSuffix(file, "_test.go") {
			maps.Copy(want, metrics(t, file))
		}
	}
	got := map[string]string{}
	for _, cells := range table(t, "docs/reference/metrics.md", "metric") {
		got[cells[0]] = strings.TrimSpace(cells[1] + " " + strings.ReplaceAll(cells[2], "`", ""))
	}
	compare(t, want, got)
}

func compare(t *testing.T, want, got map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("the code has none: the test looks in the wrong place")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table and the code differ (-code +table):\n%s", diff)
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// constants are the values of a file's constants of one type.
func constants(t *testing.T, file, typeName string) []string {
	t.Helper()
	var values []string
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
			for _, v := range spec.Values {
				values = append(values, text(v))
			}
		}
		return true
	})
	return values
}

var aMetric = regexp.MustCompile(`^New(Counter|Gauge|Histogram|Summary)(Vec|Func)?$`)

// metrics are those that a file makes: name to type and labels.
func metrics(t *testing.T, file string) map[string]string {
	t.Helper()
	found := map[string]string{}
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fn, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		kind := aMetric.FindStringSubmatch(fn.Sel.Name)
		if from, ok := fn.X.(*ast.Ident); kind == nil || !ok || from.Name != "prometheus" {
			return true
		}
		name, labels := "", []string{}
		ast.Inspect(call.Args[0], func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok && fmt.Sprint(pair.Key) == "Name" {
				name = text(pair.Value)
			}
			return true
		})
		for _, more := range call.Args[1:] {
			if list, ok := more.(*ast.CompositeLit); ok {
				for _, l := range list.Elts {
					labels = append(labels, text(l))
				}
			}
		}
		slices.Sort(labels)
		found[name] = strings.TrimSpace(strings.ToLower(kind[1]) + " " + strings.Join(labels, ", "))
		return true
	})
	return found
}

func text(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return value
}

// table reads the rows of the tables of a page whose first column has this
// title. The first cell is without its backquotes.
func table(t *testing.T, file, title string) [][]string {
	t.Helper()
	var rows [][]string
	in := false
	for line := range strings.Lines(read(t, file)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			in = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case strings.EqualFold(cells[0], title):
			in = true
		case in && !strings.HasPrefix(cells[0], "---"):
			cells[0] = strings.Trim(cells[0], "`")
			rows = append(rows, cells)
		}
	}
	return rows
}
