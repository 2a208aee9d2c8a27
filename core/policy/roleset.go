package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Granted is one role of a principal and why they have it.
type Granted = Grant

// RoleSet is what a principal has: evaluated when the principal or the policy
// changes, and kept until then. Only Policy.RoleSet makes one; the zero value
// is no answer, and Decide refuses it.
type RoleSet struct {
	Roles       []Granted // sorted by role, source and rule
	Permissions []string  // the patterns of all the roles, sorted
	patterns    ast.Set   // Permissions as Decide reads them; nil: never evaluated
}

// Names lists the roles, sorted, each once.
func (s RoleSet) Names() []string {
	var names []string
	for _, r := range s.Roles {
		names = append(names, r.Role)
	}
	return slices.Compact(names)
}

// RoleSet evaluates which roles a principal has, by mappings and directly. A
// role that the configuration no longer declares is left out. On an error there
// is no role set, which is a refusal and not "no roles".
func (p *Policy) RoleSet(ctx context.Context, who Principal) (RoleSet, error) {
	if err := who.check(); err != nil {
		return RoleSet{}, err
	}
	answer, err := p.engine.evaluate(ctx, p.engine.roleSet, who.input())
	if err != nil {
		return RoleSet{}, err
	}
	set, err := readRoleSet(answer)
	if err != nil {
		return RoleSet{}, problem.Wrap(err, problem.Internal, "the policy gave an answer of another form")
	}
	return set, nil
}

// readRoleSet checks the shape of an answer: every grant says role, rule and
// source.
func readRoleSet(answer any) (RoleSet, error) {
	parts, _ := answer.(map[string]any)
	grants, ok1 := parts["grants"].([]any)
	permissions, ok2 := parts["permissions"].([]any)
	if !ok1 || !ok2 {
		return RoleSet{}, fmt.Errorf("grants or permissions are missing")
	}
	set := RoleSet{patterns: ast.NewSet()}
	for _, g := range grants {
		fields, _ := g.(map[string]any)
		role, ok1 := fields["role"].(string)
		source, ok2 := fields["source"].(string)
		rule, ok3 := fields["rule"].(string)
		if !ok1 || !ok2 || !ok3 {
			return RoleSet{}, fmt.Errorf("a grant does not say role, source and rule")
		}
		set.Roles = append(set.Roles, Granted{Role: role, Source: source, Rule: rule})
	}
	for _, p := range permissions {
		pattern, ok := p.(string)
		if !ok {
			return RoleSet{}, fmt.Errorf("a permission is no text")
		}
		set.Permissions = append(set.Permissions, pattern)
		set.patterns.Add(ast.StringTerm(pattern))
	}
	slices.SortFunc(set.Roles, func(a, b Granted) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Rule, b.Rule))
	})
	slices.Sort(set.Permissions)
	return set, nil
}
