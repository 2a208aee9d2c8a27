package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// evaluationLimit is how long one evaluation may take. The rules that we write
// take microseconds, but on a machine that is busy the clock goes on while others
// have the processor, and to refuse then would refuse everybody.
const evaluationLimit = time.Second

// builtins are what generated rules may call. None reads the clock, the
// network, the environment or randomness: equal inputs have equal answers.
func builtins() []string {
	return []string{
		ast.Assign.Name, ast.Equality.Name, ast.Equal.Name, ast.NotEqual.Name,
		ast.Member.Name, ast.And.Name,
		ast.StartsWith.Name, ast.EndsWith.Name, ast.Lower.Name,
	}
}

// engine is compiled modules with their questions, prepared once. It is safe for
// concurrent use.
type engine struct {
	source   string
	grants   rego.PreparedEvalQuery
	decision rego.PreparedEvalQuery
	mapped   rego.PreparedEvalQuery
	limit    time.Duration
}

// newEngine formats and compiles modules. What is compiled is the formatted
// text, so that what is shown is what runs.
func newEngine(ctx context.Context, sources []string) (*engine, error) {
	compiler, shown, err := compile(sources)
	if err != nil {
		return nil, err
	}
	e := &engine{source: strings.Join(shown, "\n"), limit: evaluationLimit}
	for query, into := range map[string]*rego.PreparedEvalQuery{
		"data.gatehouse.grants": &e.grants, "data.gatehouse.decision": &e.decision,
		"data.gatehouse.connections[input.connection].grants": &e.mapped,
	} {
		if *into, err = prepare(ctx, compiler, query); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// compile formats modules, and compiles them with nothing but our builtins.
func compile(sources []string) (compiler *ast.Compiler, shown []string, err error) {
	modules := map[string]*ast.Module{}
	for i, source := range sources {
		name := fmt.Sprintf("gatehouse-%d.rego", i)
		formatted, err := format.Source(name, []byte(source))
		if err != nil {
			return nil, nil, fmt.Errorf("formatting the generated rules: %w", err)
		}
		modules[name], err = ast.ParseModuleWithOpts(name, string(formatted), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, nil, fmt.Errorf("parsing the generated rules: %w", err)
		}
		shown = append(shown, string(formatted))
	}
	compiler = ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities())
	if compiler.Compile(modules); compiler.Failed() {
		return nil, nil, fmt.Errorf("compiling the generated rules: %w", compiler.Errors)
	}
	return compiler, shown, nil
}

func prepare(ctx context.Context, compiler *ast.Compiler, query string) (rego.PreparedEvalQuery, error) {
	prepared, err := rego.New(rego.Query(query), rego.Compiler(compiler), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	if err != nil {
		return prepared, fmt.Errorf("preparing %s: %w", query, err)
	}
	return prepared, nil
}

// capabilities is this version of OPA with nothing but our builtins.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	allowed := builtins()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return !slices.Contains(allowed, b.Name) })
	c.AllowNet = []string{}
	return c
}

// evaluate answers a query that has exactly one answer. Anything else, an error,
// no answer or one that came too late, is an error: it is never taken for an
// empty answer.
func (e *engine) evaluate(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value) (any, error) {
	began := time.Now()
	cancel := topdown.NewCancel()
	limit := time.AfterFunc(e.limit, cancel.Cancel)
	defer limit.Stop()
	given := context.AfterFunc(ctx, cancel.Cancel)
	defer given()
	// Left alone, OPA starts a goroutine for each evaluation, to wait for its end.
	results, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalExternalCancel(cancel))
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("evaluating the policy: %w", ctx.Err())
	case cancel.Cancelled(), time.Since(began) > e.limit:
		return nil, problem.Wrap(errors.Join(context.DeadlineExceeded, err), problem.DeadlineExceeded, "the policy could not be evaluated in time")
	case err != nil:
		return nil, problem.Wrap(err, problem.Internal, "the policy could not be evaluated")
	case len(results) != 1 || len(results[0].Expressions) != 1:
		return nil, problem.New(problem.Internal, "the policy gave no answer")
	}
	return results[0].Expressions[0].Value, nil
}
