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

	OwnCapabilities = ownCapabilities
	OwnBuiltins     = ownBuiltins
)

// Sees is what the conditions of a connection look at.
func (p *Policy) Sees(label string) (texts, lists []string) {
	return p.connections[label].kept.texts, p.connections[label].kept.lists
}

// Table is the rows of the mappings of a connection, and what is shown of them.
func (p *Policy) Table(label string) (rows ast.Value, shown string) {
	var b strings.Builder
	p.connections[label].kept.write(&b, "x", "x")
	return p.connections[label].kept.rows, b.String()
}

// Input is what rules read of a principal.
func (p *Policy) Input(who Principal) ast.Value { return p.input(who) }

// Whole evaluates the roles of a principal from everything that is known of it.
func (p *Policy) Whole(ctx context.Context, who Principal) (RoleSet, error) {
	answer, err := p.engine.evaluate(ctx, p.engine.grants, p.input(who))
	if err != nil {
		return RoleSet{}, err
	}
	return p.roles.readRoleSet(answer, p.distinct)
}

// Condition is a compiled `when` over attributes of the test's choice.
type Condition struct {
	*Policy
	*table
}

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
	eng, err := newEngine(ctx, writeRego([]Role{{Name: "r"}}))
	if err != nil {
		return nil, err
	}
	eng.limit = time.Minute // what is tested is the answer, on a machine that may be busy
	m := rule{Mapping: Mapping{Name: "m", Roles: []string{"r"}}, when: &when}
	return &Condition{&Policy{engine: eng}, newTable([]rule{m}, known, newTerms())}, nil
}

// Holds evaluates the condition for attributes that are texts, numbers, truths and lists.
func (c *Condition) Holds(ctx context.Context, facts map[string]any) (bool, error) {
	v := values{single: map[string]value{}, lists: map[string]map[string]bool{}}
	for name, of := range facts {
		switch of := of.(type) {
		case string:
			v.single[name] = value{text: of}
		case float64:
			v.single[name] = value{number: of}
		case bool:
			v.single[name] = value{truth: of}
		case []any:
			v.lists[name] = map[string]bool{}
			for _, one := range of {
				v.lists[name][one.(string)] = true
			}
		}
	}
	given, err := c.mapped(ctx, c.table, c.hold(&v, []string{everybody}))
	if err != nil {
		return false, err
	}
	if len(given) > 1 {
		return false, errors.New("one mapping gave several grants of one role")
	}
	return len(given) == 1, nil
}

// Text is the condition as it is shown.
func (c *Condition) Text() string { return c.conditions[0].String() }

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
	_, err := newEngine(ctx, writeRego(nil)+"\nline if {\n"+line+"\n}\n")
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	return nil
}
