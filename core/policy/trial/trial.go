// Package trial tries what a configuration's mappings give: it evaluates test
// blocks and Rego tests with the policy that would run, says why one fails, and
// which mappings, groups and branches of conditions no test reaches.
//
// It has no rules of its own. What somebody has is what the policy answers, for
// parts of a mapping too: these are compiled as mappings, and asked for like others.
package trial

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// MaxTests bounds the tests of a configuration, and with them the time that a
// reload takes.
const MaxTests = 50_000

// Test is somebody, and the roles that they must have.
type Test struct {
	Name         string
	Where        string            // file:line
	Connection   string            // whose user is tried; "": a client is
	Organization string            // of the connection
	Client       *policy.Principal // as the client block says in which the test stands; nil: in none
	Who          hcl.Expression    // a map of attributes; nil: the client as it is
	Auth         hcl.Expression    // the same of how a user signed on; nil: nothing is known of it
	Roles        []string          // exactly these, in any order
	Range        hcl.Range
}

// Result is what came of a test.
type Result struct {
	Test
	Got     []policy.Granted // sorted by role, source and rule
	Missing []string         // roles that are expected and were not given, sorted
	Surplus []string         // roles that were given and are not expected, sorted
	who     subject
}

// Passed reports whether the roles are those that are expected.
func (r *Result) Passed() bool { return len(r.Missing)+len(r.Surplus) == 0 }

// Suite tries a policy.
type Suite struct {
	policy  *policy.Policy
	rules   policy.Rules
	clients map[string]policy.Principal
}

// New is for a policy that was compiled from rules, and the clients of the
// configuration as their blocks say.
func New(p *policy.Policy, rules policy.Rules, clients []policy.Principal) *Suite {
	s := &Suite{policy: p, rules: rules, clients: map[string]policy.Principal{}}
	for _, c := range clients {
		s.clients[c.ID] = c
	}
	return s
}

// Run evaluates tests. What is wrong with a test itself is a diagnostic, and then
// it has no result. An error is one of the evaluation: there are no results at all.
func (s *Suite) Run(ctx context.Context, tests []Test) ([]Result, hcl.Diagnostics, error) {
	if len(tests) > MaxTests {
		return nil, hcl.Diagnostics{complaint(tests[MaxTests].Range, "Too many tests", "A configuration has at most %d tests.", MaxTests)}, nil
	}
	var results []Result
	var diags hcl.Diagnostics
	var subjects []subject
	for _, t := range tests {
		who, ds := s.subject(t)
		if diags = append(diags, ds...); ds.HasErrors() {
			continue
		}
		subjects = append(subjects, who)
		results = append(results, Result{Test: t, who: who})
	}
	got, err := granted(ctx, s.policy, subjects)
	if err != nil {
		return nil, diags, fmt.Errorf("trying the mappings: %w", err)
	}
	for i := range results {
		results[i].Got = got[i]
		results[i].compare()
	}
	return results, diags, nil
}

// compare finds out what is missing and what is too much.
func (r *Result) compare() {
	has := namesOf(r.Got)
	for _, role := range slices.Compact(slices.Sorted(slices.Values(r.Roles))) {
		if !slices.Contains(has, role) {
			r.Missing = append(r.Missing, role)
		}
	}
	for _, role := range has {
		if !slices.Contains(r.Roles, role) {
			r.Surplus = append(r.Surplus, role)
		}
	}
}

// namesOf lists the roles of sorted grants, each once.
func namesOf(grants []policy.Granted) []string {
	var names []string
	for _, g := range grants {
		names = append(names, g.Role)
	}
	return slices.Compact(names)
}

// granted is what a policy gives to each of some: by its mappings, and directly. It
// is asked as it is for people and clients that come, and each question once.
func granted(ctx context.Context, p *policy.Policy, subjects []subject) ([][]policy.Granted, error) {
	var users []policy.User
	for _, who := range subjects {
		if who.user != nil {
			users = append(users, *who.user)
		}
	}
	mapped, err := p.Mapped(ctx, users)
	if err != nil {
		return nil, err
	}
	known := map[string][]policy.Granted{}
	out := make([][]policy.Granted, len(subjects))
	for i, who := range subjects {
		principal := who.client
		reasons := map[[2]string]string{}
		if who.user != nil {
			principal = policy.Principal{Kind: policy.KindUser, ID: who.user.ID, Organization: who.user.Organization, Grants: mapped[0]}
			if principal.Grants, err = more(ctx, p, who, mapped[0]); err != nil {
				return nil, err
			}
			for _, g := range principal.Grants {
				reasons[[2]string{g.Role, g.Rule}] = g.Reason
			}
			mapped = mapped[1:]
		}
		question := p.Question(principal)
		has, ok := known[question]
		if !ok {
			set, err := p.RoleSet(ctx, principal)
			if err != nil {
				return nil, err
			}
			has = set.Roles
			known[question] = has
		}
		if len(reasons) > 0 {
			has = slices.Clone(has)
			for j, g := range has {
				has[j].Reason = reasons[[2]string{g.Role, g.Rule}]
			}
		}
		out[i] = has
	}
	return out, nil
}

// more adds to what mappings give to a user what their session and the own Rego of the
// connection do.
func more(ctx context.Context, p *policy.Policy, who subject, grants []policy.Granted) ([]policy.Granted, error) {
	inSession, err := p.Sessional(ctx, *who.user, who.auth)
	if err != nil {
		return nil, err
	}
	owned, err := p.Owned(ctx, *who.user)
	if err != nil {
		return nil, err
	}
	return slices.Concat(grants, inSession, owned), nil
}

func complaint(at hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...)}
	if at != (hcl.Range{}) {
		d.Subject = at.Ptr()
	}
	return d
}

// Groups are those in which the users of a connection are in tests, by name and by
// id, sorted.
func Groups(results []Result, connection string) []string {
	var all []string
	for i := range results {
		if u := results[i].who.user; u != nil && u.Connection == connection {
			for _, g := range u.Groups {
				all = append(all, g.Name+g.ID) // a test has one of both
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
