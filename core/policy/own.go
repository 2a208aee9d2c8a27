package policy

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Own is Rego that an operator has written for the users of a connection. It gives
// roles beside the connection's mappings.
type Own struct {
	Connection string
	Source     string        // a module of the package gatehouse.custom
	Where      string        // file:line
	Range      hcl.Range     // for diagnostics; may be zero
	Limit      time.Duration // of an evaluation; 0 is 50 ms
}

// Limits of own Rego. What it says is checked, and how long it takes; how much memory it
// takes meanwhile nobody can tell of OPA, so that what makes much of little is no part
// of the language (see checkOwn).
const (
	maxOwnSource  = 64 << 10 // bytes
	ownLimit      = 50 * time.Millisecond
	ownCompile    = 15 * time.Second       // however busy the machine is
	ownPatience   = 500 * time.Millisecond // for one that does not stop
	maxOwnGrants  = 64
	maxOwnReason  = 256 // bytes
	ownDefault    = "grants"
	ownRulePrefix = "rego:"
)

// own is the policy of one connection. It is compiled when it is first asked, with no
// other: no policy can read another's. One evaluation goes on at a time.
type own struct {
	Own
	roles   map[string]bool // that it may give
	turn    chan struct{}
	compile func() (*ownCompiled, error)
}

// ownCompiled is what an evaluation needs.
type ownCompiled struct {
	compiler *ast.Compiler
	query    ast.Body
	store    storage.Store
}

func newOwn(o Own, roles map[string]bool) *own {
	o.Limit = cmp.Or(o.Limit, ownLimit)
	return &own{
		Own: o, roles: roles, turn: make(chan struct{}, 1),
		compile: sync.OnceValues(func() (*ownCompiled, error) { return compileOwn(o.Source) }),
	}
}

// ownQuery asks for the set as a whole.
const ownQuery = "grants = data.gatehouse.custom.grants"

// compileOwn parses, checks and compiles a policy. It gives up on one that takes too
// long, which OPA cannot stop.
func compileOwn(source string) (*ownCompiled, error) {
	type result struct {
		*ownCompiled
		error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil { // in OPA, which takes nobody else down
				done <- result{nil, fmt.Errorf("compiling it fails: %v", r)}
			}
		}()
		c, err := compileOwnNow(source)
		done <- result{c, err}
	}()
	late := time.NewTimer(ownCompile)
	defer late.Stop()
	select {
	case r := <-done:
		return r.ownCompiled, r.error
	case <-late.C:
		return nil, fmt.Errorf("it takes longer than %s to compile", ownCompile)
	}
}

func compileOwnNow(source string) (*ownCompiled, error) {
	if err := checkOwnText(source); err != nil {
		return nil, err
	}
	module, err := ast.ParseModuleWithOpts(ownFile, source, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: ownCapabilities()})
	if err != nil {
		return nil, mistakes(err)
	}
	if err := checkOwn(module); err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(ownCapabilities())
	if compiler.Compile(map[string]*ast.Module{ownFile: module}); compiler.Failed() {
		return nil, mistakes(compiler.Errors)
	}
	// Where two definitions of a rule differ, OPA writes both values into its error, and
	// shared parts as often as they are shared. It does so for rules with a place only.
	for _, m := range compiler.Modules {
		ast.WalkRules(m, func(r *ast.Rule) bool {
			r.Location = nil
			return false
		})
	}
	query, err := compiler.QueryCompiler().Compile(ast.MustParseBodyWithOpts(ownQuery, ast.ParserOptions{RegoVersion: ast.RegoV1}))
	if err != nil {
		return nil, err
	}
	return &ownCompiled{compiler, query, inmem.New()}, nil
}

// HasOwn reports whether a connection has Rego of its own.
func (p *Policy) HasOwn(connection string) bool {
	c := p.connections[connection]
	return c != nil && c.own != nil
}

// Owned evaluates what a connection's own Rego gives to a user, sorted by role and rule.
// On an error there is no answer at all, which is not "no roles": who asks goes on with
// what the user had.
func (p *Policy) Owned(ctx context.Context, user User) ([]Granted, error) {
	if err := user.check(); err != nil {
		return nil, err
	}
	if !p.HasOwn(user.Connection) {
		return nil, nil
	}
	o := p.connections[user.Connection].own
	granted, err := o.evaluate(ctx, user.whole())
	if err != nil && ctx.Err() == nil {
		return nil, problem.Wrap(err, problem.Internal, "the rego of connection %q gave no answer", user.Connection)
	}
	return granted, err
}

// evaluate has the policy evaluated, and checks what it says. OPA looks at the time
// between two steps; where one step takes long, the caller does not wait for its end,
// and nobody else begins before.
func (o *own) evaluate(ctx context.Context, input ast.Value) ([]Granted, error) {
	compiled, err := o.compile()
	if err != nil {
		return nil, fmt.Errorf("compiling it: %w", err)
	}
	patience := time.NewTimer(o.Limit + ownPatience)
	defer patience.Stop()
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, fmt.Errorf("an evaluation of it has not ended yet: %w", context.DeadlineExceeded)
	}
	type result struct {
		granted []Granted
		err     error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- result{nil, fmt.Errorf("evaluating it fails: %v", r)}
			}
			<-o.turn
		}()
		granted, err := o.now(ctx, compiled, input)
		done <- result{granted, err}
	}()
	patience.Reset(o.Limit + ownPatience)
	select {
	case r := <-done:
		return r.granted, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, fmt.Errorf("it does not stop: %w", context.DeadlineExceeded)
	}
}

func (o *own) now(ctx context.Context, c *ownCompiled, input ast.Value) ([]Granted, error) {
	txn, err := c.store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, err
	}
	defer c.store.Abort(ctx, txn)
	cancel := topdown.NewCancel()
	limit := time.AfterFunc(o.Limit, cancel.Cancel)
	defer limit.Stop()
	given := context.AfterFunc(ctx, cancel.Cancel)
	defer given()
	// The answer stays a term of OPA's: as Go values it could be far larger.
	results, err := topdown.NewQuery(c.query).WithCompiler(c.compiler).WithStore(c.store).WithTransaction(txn).
		WithInput(ast.NewTerm(input)).WithCancel(cancel).WithStrictBuiltinErrors(true).Run(ctx)
	switch {
	case cancel.Cancelled():
		return nil, fmt.Errorf("it takes longer than %s: %w", o.Limit, context.DeadlineExceeded)
	case err != nil:
		return nil, err
	case len(results) != 1:
		return nil, fmt.Errorf("its grants are undefined")
	}
	return o.read(results[0][ast.Var("grants")])
}

// whole writes all that is known of a user, as conditions would name it. Lists are sets,
// as they may be long, and OPA compares long arrays on the stack.
func (u *User) whole() ast.Value {
	user := ast.NewObject()
	for name, kind := range userAttributes() {
		name = name[len("user."):]
		if kind == list {
			set := ast.NewSet()
			for _, v := range u.list(name) {
				set.Add(ast.StringTerm(valid(norm.NFC.String(v))))
			}
			user.Insert(ast.StringTerm(name), ast.NewTerm(set))
		} else if text := u.text(name); text != "" {
			user.Insert(ast.StringTerm(name), ast.StringTerm(valid(norm.NFC.String(text))))
		}
	}
	return ast.NewObject(
		ast.Item(ast.InternedTerm("connection"), ast.StringTerm(u.Connection)), ast.Item(ast.InternedTerm("user"), ast.NewTerm(user)),
	)
}
