package policy

import (
	"context"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Opened says why a rule lets somebody pass, or does not.
type Opened struct {
	Rule    Rule
	Verdict Verdict
	By      []string // the roles that have the permission, of those that they have
	Owner   []string // of those that the owner of the client has; nil where nobody owns it
	Could   []string // the roles that would have it, of those that are declared; sorted
	More    int      // further ones
}

// maxCould bounds the roles that could be given to somebody, as they are told.
const maxCould = 20

// ExplainRule decides as Decide does, and has each role decided on by itself, so as
// to say which of them have the permission. own are the roles of somebody before an
// owner bounds them, owner those of the owner; nil is that there is none.
func (p *Policy) ExplainRule(ctx context.Context, has RoleSet, own, owner, scopes []string, rule Rule) (Opened, error) {
	o := Opened{Rule: rule}
	var err error
	if o.Verdict, err = p.Decide(ctx, has, scopes, rule); err != nil || rule.Deny || rule.Permission == "" {
		return o, err
	}
	if o.By, err = p.having(ctx, own, rule); err != nil {
		return Opened{}, err
	}
	if owner != nil {
		if o.Owner, err = p.having(ctx, owner, rule); err != nil {
			return Opened{}, err
		}
		o.Owner = append([]string{}, o.Owner...)
	}
	if o.Could, err = p.having(ctx, slices.Sorted(maps.Keys(p.roles)), rule); err != nil {
		return Opened{}, err
	}
	if n := len(o.Could) - maxCould; n > 0 {
		o.Could, o.More = o.Could[:maxCould], n
	}
	return o, nil
}

// having are those of some roles that permit what a rule asks for.
func (p *Policy) having(ctx context.Context, roles []string, rule Rule) (list []string, err error) {
	for _, name := range roles {
		verdict, err := p.Decide(ctx, p.alone(name), nil, rule)
		if err != nil {
			return nil, err
		}
		if verdict.Allow {
			list = append(list, name)
		}
	}
	return list, nil
}

// alone is what one role permits.
func (p *Policy) alone(role string) RoleSet {
	set := RoleSet{Roles: []Granted{{Role: role}}, Permissions: p.roles[role], patterns: ast.NewSet()}
	for _, pattern := range set.Permissions {
		set.patterns.Add(ast.StringTerm(pattern))
	}
	return set
}

// Withheld are the permissions that routes ask for, that a role has, and that the
// scopes of a client do not cover.
func (p *Policy) Withheld(ctx context.Context, role string, scopes []string) (list []string, err error) {
	if len(scopes) == 0 {
		return nil, nil
	}
	set := p.alone(role)
	for _, name := range slices.Sorted(maps.Keys(p.permissions)) {
		verdict, err := p.Decide(ctx, set, scopes, Rule{Index: NoRule, Permission: name})
		if err != nil {
			return nil, err
		}
		if verdict.Reason == ReasonScopeMissing {
			list = append(list, name)
		}
	}
	return list, nil
}
