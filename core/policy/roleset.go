package policy

import (
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
	Roles       []Granted // that count, sorted by role, source and rule
	Outranked   []Granted // that do not, because of an exclusive role of a higher priority; sorted likewise
	Permissions []string  // the patterns of all the roles, sorted
	Bounds      []string  // the patterns that the owner has, sorted; see Within
	patterns    ast.Set   // Permissions as Decide reads them; nil: never evaluated
	bounds      ast.Set   // Bounds as Decide reads them; nil: there is no owner
}

// Bounded reports whether the set is that of a client within its owner's.
func (s RoleSet) Bounded() bool { return s.bounds != nil }

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
	answer, err := p.engine.evaluate(ctx, p.engine.grants, p.input(p.reads.of(who)))
	if err != nil {
		return RoleSet{}, err
	}
	set, err := p.roles.readRoleSet(answer, p.distinct)
	if err != nil {
		return RoleSet{}, problem.Wrap(err, problem.Internal, "the policy gave an answer of another form")
	}
	return set, nil
}

// Within is the role set of a client that a user owns: it permits what both
// permit. Roles that permit what the user may not are left out, so that the
// application is not told of them; one that permits nothing by itself stays
// where the user has it too. The sets are of this policy. A set that was never
// evaluated has none within it, and is no bound for others.
func (p *Policy) Within(client, owner RoleSet) RoleSet {
	if client.patterns == nil || owner.patterns == nil {
		return RoleSet{}
	}
	bounded := RoleSet{Outranked: client.Outranked, Permissions: client.Permissions, Bounds: owner.Permissions, patterns: client.patterns, bounds: owner.patterns}
	has := owner.Names()
	for _, r := range client.Roles {
		if slices.Contains(has, r.Role) || p.covers(owner.Permissions, p.roles[r.Role]) {
			bounded.Roles = append(bounded.Roles, r)
		}
	}
	return bounded
}

// covers reports whether each of the patterns permits no more than one of those
// that somebody has; no patterns at all say nothing.
func (p *Policy) covers(has, patterns []string) bool {
	for _, pattern := range patterns {
		if !slices.ContainsFunc(covering(pattern), func(c string) bool { return slices.Contains(has, c) }) {
			return false
		}
	}
	return len(patterns) > 0
}

// permissionsOf are the patterns of each declared role. Which roles somebody has
// OPA says; to look up here what is in them costs half of an evaluation less.
type permissionsOf map[string][]string

func patternsOf(roles []Role) permissionsOf {
	of := permissionsOf{}
	for _, r := range roles {
		of[string([]rune(r.Name))] = r.Permissions // as quote writes a name that is not UTF-8
	}
	return of
}

// readRoleSet checks the shape of an answer: every grant says role, rule and
// source, and its role is declared. What is outranked permits nothing.
func (of permissionsOf) readRoleSet(answer any, d distinct) (RoleSet, error) {
	grants, ok := answer.([]any)
	if !ok {
		return RoleSet{}, fmt.Errorf("grants are missing")
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
		if _, declared := of[role]; !declared {
			return RoleSet{}, fmt.Errorf("a grant is of a role that is not declared")
		}
		set.Roles = append(set.Roles, Granted{Role: role, Source: source, Rule: rule})
	}
	sortGrants(set.Roles)
	set.Roles, set.Outranked = d.rank(set.Roles)
	for _, g := range set.Roles {
		set.Permissions = append(set.Permissions, of[g.Role]...)
	}
	slices.Sort(set.Permissions)
	set.Permissions = slices.Compact(set.Permissions)
	for _, pattern := range set.Permissions {
		set.patterns.Add(ast.StringTerm(pattern))
	}
	return set, nil
}
