package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/open-policy-agent/opa/v1/ast"
)

// The parts that tests look at from outside.
var (
	Covering     = covering
	DidYouMean   = didYouMean
	Capabilities = capabilities
	Builtins     = builtins
)

// Sees is what the mappings of a connection look at.
func (p *Policy) Sees(label string) (texts, lists []string) {
	return p.connections[label].texts, p.connections[label].lists
}

// Input is what rules read of a principal.
func Input(p Principal) ast.Value { return p.input() }

// Whole evaluates the roles of a principal from everything that is known of it.
func (p *Policy) Whole(ctx context.Context, who Principal) (RoleSet, error) {
	answer, err := p.engine.evaluate(ctx, p.engine.grants, who.input())
	if err != nil {
		return RoleSet{}, err
	}
	return p.roles.readRoleSet(answer)
}

// Condition is a compiled `when` over attributes of the test's choice.
type Condition struct{ engine *engine }

// CompileCondition compiles an expression as Compile does, over attributes
// "<root>.<name>" of the type that the first letter of their name says: t(ext),
// n(umber), b(ool), l(ist).
func CompileCondition(ctx context.Context, e hcl.Expression, names []string) (*Condition, error) {
	known := attributes{}
	for _, name := range names {
		_, field, _ := strings.Cut(name, ".")
		known[name] = map[byte]kind{'t': text, 'n': number, 'b': truth, 'l': list}[field[0]]
	}
	when, diags := readCondition(e, known)
	if diags.HasErrors() {
		return nil, diags
	}
	m := Mapping{Name: "m", Roles: []string{"r"}}
	eng, err := newEngine(ctx, []string{writeRego([]Role{{Name: "r"}}, []rule{{Mapping: m, bodies: when.bodies()}})})
	if err != nil {
		return nil, err
	}
	eng.limit = time.Minute // what is tested is the answer, on a machine that may be busy
	return &Condition{eng}, nil
}

// Holds evaluates the condition for an input of nested maps.
func (c *Condition) Holds(ctx context.Context, input map[string]any) (bool, error) {
	input["grants"], input["client"] = []any{}, map[string]any{}
	value, err := ast.InterfaceToValue(input)
	if err != nil {
		return false, err
	}
	answer, err := c.engine.evaluate(ctx, c.engine.grants, value)
	if err != nil {
		return false, err
	}
	set, err := permissionsOf{"r": nil}.readRoleSet(answer)
	if err != nil {
		return false, err
	}
	if len(set.Roles) > 1 {
		return false, errors.New("one mapping gave several grants of one role")
	}
	return len(set.Roles) == 1, nil
}

// Rego is what was compiled.
func (c *Condition) Rego() string { return c.engine.source }

// WithLimit is the policy with another time limit for an evaluation.
func (p *Policy) WithLimit(d time.Duration) *Policy {
	e := *p.engine
	e.limit = d
	other := *p
	other.engine = &e
	return &other
}

// Compiles reports whether our engine takes a line of Rego as the body of a rule.
func Compiles(ctx context.Context, line string) error {
	body := [][]string{{line}}
	_, err := newEngine(ctx, []string{writeRego([]Role{{Name: "r"}}, []rule{{Mapping: Mapping{Name: "m", Roles: []string{"r"}}, bodies: body}})})
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	return nil
}
