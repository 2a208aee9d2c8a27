package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Limits of Rego tests, which are the operator's own: they bound a mistake. How much
// memory an evaluation takes nobody bounds.
const (
	oneLimit = 5 * time.Second
	allLimit = time.Minute
	maxShown = 4 << 10 // bytes of what a test prints
)

// File is a file of Rego tests.
type File struct {
	Name string
	Text []byte
}

// RegoResult is what came of one Rego test.
type RegoResult struct {
	Name    string // with its package
	File    string
	Line    int
	Passed  bool
	Skipped bool
	Error   string // why it could not be evaluated
	Printed string
	Took    time.Duration
}

// Rego is what came of all.
type Rego struct {
	Results []RegoResult // by file and line
	Asked   *Asked       // whom they have asked about
	Lines   float64      // of the generated policy, in percent, that they ran by themselves
}

// RunRego runs the tests of files. They see the policy as gatehouse.user_roles and
// gatehouse.client_roles, which answer as the host would, and what was generated below
// data.gatehouse; they can reach neither network, files nor environment. A mistake in
// a file is a Problem (Invalid).
func (s *Suite) RunRego(ctx context.Context, files []File, organizations map[string]string) (*Rego, error) {
	ctx, cancel := context.WithTimeout(ctx, allLimit)
	defer cancel()
	out := &Rego{Asked: &Asked{}}
	modules, err := s.regoModules(files)
	if err != nil {
		return nil, err
	}
	functions := s.functions(out.Asked, organizations)
	compiler := ast.NewCompiler().WithCapabilities(testCapabilities(functions)).WithEnablePrintStatements(true)
	lines := cover.New()
	runner := tester.NewRunner().SetCompiler(compiler).SetModules(modules).AddCustomBuiltins(functions).
		CapturePrintOutput(true).RaiseBuiltinErrors(true).SetTimeout(oneLimit).SetParallel(1).SetCoverageQueryTracer(lines).SetCoverageRuns(nil)
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		return nil, mistakes(err)
	}
	for r := range results {
		out.Results = append(out.Results, regoResult(r))
	}
	if ctx.Err() != nil {
		return nil, problem.Wrap(ctx.Err(), problem.DeadlineExceeded, "the Rego tests did not end within %s", allLimit)
	}
	slices.SortFunc(out.Results, func(a, b RegoResult) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name))
	})
	generated := map[string]*ast.Module{}
	for name, m := range compiler.Modules {
		if isGenerated(m) {
			generated[name] = m
		}
	}
	out.Lines = linesOf(lines.Report(generated), generated)
	return out, nil
}

// linesOf is how many percent of the lines of some modules were run.
func linesOf(report cover.Report, modules map[string]*ast.Module) float64 {
	ran, all := 0, 0
	for name := range modules {
		if f := report.Files[name]; f != nil {
			ran += f.CoveredLines
			all += f.CoveredLines + f.NotCoveredLines
		}
	}
	if all == 0 {
		return 0
	}
	return 100 * float64(ran) / float64(all)
}

func regoResult(r *tester.Result) RegoResult {
	out := RegoResult{
		Name: strings.TrimPrefix(r.Package, "data.") + "." + r.Name, File: r.Location.File, Line: r.Location.Row,
		Passed: r.Pass(), Skipped: r.Skip, Printed: string(r.Output[:min(len(r.Output), maxShown)]), Took: r.Duration,
	}
	if r.Error != nil {
		out.Error = r.Error.Error()
	}
	return out
}

// regoModules are those of the policy and of the files. A test stands in a package of
// its own, so that it changes nothing of what it tries.
func (s *Suite) regoModules(files []File) (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	for _, m := range s.policy.Modules() {
		parsed, err := ast.ParseModuleWithOpts(m.Name, m.Source, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, fmt.Errorf("parsing the generated rules: %w", err)
		}
		modules[m.Name] = parsed
	}
	var wrong ast.Errors
	for _, f := range files {
		m, err := ast.ParseModuleWithOpts(f.Name, string(f.Text), ast.ParserOptions{RegoVersion: ast.RegoV1})
		var several ast.Errors
		switch {
		case errors.As(err, &several):
			wrong = append(wrong, several...)
		case err != nil:
			return nil, problem.Wrap(err, problem.Invalid, "%s is no Rego", f.Name)
		case isGenerated(m):
			wrong = append(wrong, ast.NewError(ast.CompileErr, m.Package.Location, "tests stand in a package of their own, such as gatehouse_test"))
		default:
			modules[f.Name] = m
		}
	}
	if len(wrong) > 0 {
		return nil, mistakes(wrong)
	}
	return modules, nil
}

// isGenerated reports whether a module is in the package gatehouse, or below it.
func isGenerated(m *ast.Module) bool {
	path := m.Package.Path
	return len(path) > 1 && path[1].Value.Compare(ast.String("gatehouse")) == 0
}

// mistakes puts what is wrong with test files into a list of lines.
func mistakes(err error) error {
	var several ast.Errors
	if !errors.As(err, &several) {
		return problem.Wrap(err, problem.Invalid, "the Rego tests cannot be run")
	}
	var lines []string
	for _, e := range several {
		line := e.Message
		if e.Location != nil && e.Location.File != "" {
			line = fmt.Sprintf("%s:%d: %s", e.Location.File, e.Location.Row, line)
		}
		lines = append(lines, line)
	}
	const most = 20
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more", more))
	}
	return problem.New(problem.Invalid, "the Rego tests do not compile").WithHint("%s", strings.Join(lines, "\n"))
}
