package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Reason says why a request was allowed or refused. The words are stable.
type Reason string

// The reasons; the first three allow.
const (
	ReasonPublic            Reason = "public"             // the route is open to everybody
	ReasonAuthenticated     Reason = "authenticated"      // the route asks for no permission
	ReasonPermitted         Reason = "permitted"          // a role has the permission, and no scope takes it away
	ReasonNoRule            Reason = "no_rule"            // no rule opens this, and the upstream is closed
	ReasonPermissionMissing Reason = "permission_missing" // no role has the permission
	ReasonOwnerMissing      Reason = "owner_missing"      // a role has it, and no role of the user who owns the client
	ReasonScopeMissing      Reason = "scope_missing"      // a role has it, the credential's scopes do not cover it
)

// allows are the reasons of an allowed request.
func (r Reason) allows() bool {
	return r == ReasonPublic || r == ReasonAuthenticated || r == ReasonPermitted
}

// refuses are the reasons of a refused one.
func (r Reason) refuses() bool {
	return r == ReasonNoRule || r.names()
}

// names reports whether a refusal is for the want of the rule's permission.
func (r Reason) names() bool {
	return r == ReasonPermissionMissing || r == ReasonOwnerMissing || r == ReasonScopeMissing
}

// Verdict is the answer for one rule. Permission is the one that was missing,
// "" when none was.
type Verdict struct {
	Allow      bool
	Reason     Reason
	Permission string
}

// Decide answers whether a principal with these roles may do what the rule is
// about. Scopes are patterns like those of roles: if there are any, a permission
// counts only where one of them covers it as well. The rule comes from Route, or
// names one of Rules.Permissions. On an error the verdict refuses.
func (p *Policy) Decide(ctx context.Context, has RoleSet, scopes []string, rule Rule) (Verdict, error) {
	patterns := has.patterns
	switch {
	case patterns == nil && !rule.Public:
		return Verdict{}, problem.New(problem.Internal, "the roles of this principal were never evaluated")
	case patterns == nil:
		patterns = ast.NewSet()
	}
	covered := p.permissions[rule.Permission]
	if rule.Permission != "" && covered == nil {
		return Verdict{}, problem.New(problem.Internal, "the policy was compiled without the permission %q", rule.Permission)
	}
	return p.decide(ctx, patterns, has.bounds, scopes, rule, covered)
}

// Permits answers whether a principal with these roles, and scopes if there are any,
// has a permission, whether or not a route asks for it. The error is a Problem
// (Invalid) where the name is that of no permission. On an error the verdict refuses.
func (p *Policy) Permits(ctx context.Context, has RoleSet, scopes []string, permission string) (Verdict, error) {
	if err := checkPermission(permission, false); err != nil {
		return Verdict{}, problem.New(problem.Invalid, "%v", err)
	}
	if has.patterns == nil {
		return Verdict{}, problem.New(problem.Internal, "the roles of this principal were never evaluated")
	}
	covered := p.permissions[permission]
	if covered == nil {
		covered = coveringTerm(permission)
	}
	return p.decide(ctx, has.patterns, has.bounds, scopes, Rule{Index: NoRule, Permission: permission}, covered)
}

func (p *Policy) decide(ctx context.Context, patterns, bounds ast.Set, scopes []string, rule Rule, covered *ast.Term) (Verdict, error) {
	answer, err := p.engine.evaluate(ctx, p.engine.decision, decisionInput(patterns, bounds, scopes, rule, covered))
	if err != nil {
		return Verdict{}, err
	}
	reason, ok := answer.(string)
	v := Verdict{Allow: Reason(reason).allows(), Reason: Reason(reason)}
	if !ok || !v.Allow && !v.Reason.refuses() {
		return Verdict{}, problem.New(problem.Internal, "the policy gave an answer of another form")
	}
	if v.Reason.names() {
		v.Permission = rule.Permission
	}
	return v, nil
}

// coveringTerm are the patterns that cover a permission, as rules read them.
func coveringTerm(permission string) *ast.Term {
	all := ast.NewSet()
	for _, pattern := range covering(permission) {
		all.Add(ast.StringTerm(pattern))
	}
	return ast.NewTerm(all)
}

// decisionInput writes what the decision is made of as rules read it. covered is nil
// for a rule that asks for no permission.
func decisionInput(patterns, bounds ast.Set, scopes []string, rule Rule, covered *ast.Term) ast.Value {
	if covered == nil {
		covered = ast.NewTerm(ast.NewSet())
	}
	within := ast.NullTerm()
	if bounds != nil {
		within = ast.NewTerm(bounds)
	}
	restricted := ast.NewSet()
	for _, s := range scopes {
		restricted.Add(ast.StringTerm(s))
	}
	return ast.NewObject(
		ast.Item(ast.InternedTerm("asks"), ast.InternedTerm(rule.asks())),
		ast.Item(ast.InternedTerm("bounds"), within),
		ast.Item(ast.InternedTerm("covering"), covered),
		ast.Item(ast.InternedTerm("permission"), ast.StringTerm(rule.Permission)),
		ast.Item(ast.InternedTerm("permissions"), ast.NewTerm(patterns)),
		ast.Item(ast.InternedTerm("scopes"), ast.NewTerm(restricted)),
	)
}

// asks is what a rule wants of a principal, in the word that the generated
// rules have for it.
func (r Rule) asks() string {
	switch {
	case r.Deny:
		return "nobody"
	case r.Public:
		return "nothing"
	case r.Permission == "":
		return "authentication"
	}
	return "permission"
}
