package access

import (
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Principal is who makes a request, with what they may do. It is made anew when
// something that it rests on changes.
type Principal struct {
	ID           string // a client's id; of a credential without a record, "instance/subject"
	Kind         string // "client"
	Organization string
	Roles        []string

	client     string // id of the record, "" without one
	owner      string
	generation uint64 // of the Service that evaluated the roles
	deps       change.Deps
	rights     *rights
	told       *told
}

// told is what the upstreams were told lately, by their index.
type told struct {
	audience *audience
	signed   []atomic.Pointer[signedIdentity]
}

// audience is what all assertions of a configuration have in common. Services
// of which it is the same share one.
type audience struct {
	issuer    string
	upstreams []string
}

func (a *audience) equal(b *audience) bool {
	return a.issuer == b.issuer && slices.Equal(a.upstreams, b.upstreams)
}

// rights are what verdicts depend on, and the verdicts that were given. Those
// who have the same roles and scopes share them.
type rights struct {
	roleSet  policy.RoleSet
	scopes   []string
	verdicts []atomic.Pointer[policy.Verdict] // by the rule's index, and after the rules by the upstream's
}

// subject is what is known of a principal before its roles are.
type subject struct {
	id, client, organization, owner string
	scopes                          []string
}

// subject is what the principal was evaluated from.
func (p *Principal) subject() subject {
	return subject{id: p.ID, client: p.client, organization: p.Organization, owner: p.owner, scopes: p.rights.scopes}
}

// key tells subjects apart, whatever bytes are in their names: those of
// credentials without a record come from outside.
func (s subject) key() string {
	b := appendPart(appendPart(appendPart(nil, s.id), s.organization), s.owner)
	for _, scope := range s.scopes {
		b = appendPart(b, scope)
	}
	return string(b)
}

// principal evaluates the roles of a subject, or takes what was evaluated
// before and is still so.
func (s *Service) principal(ctx context.Context, sub subject) (*Principal, error) {
	key := sub.key()
	before, _ := s.principals.GetIfPresent(key)
	if before != nil && s.knows(before) {
		return before, nil
	}
	name := grant.Client(sub.id)
	deps := s.Feed.Observe(change.Grants(name), change.Organization(sub.organization), change.Policy())
	granted, err := s.Granted.Of(ctx, name)
	if err != nil {
		return nil, err
	}
	grants := make([]policy.Grant, len(granted))
	for i, g := range granted {
		grants[i] = policy.Grant{Role: g.Role, Source: string(g.Source), Rule: g.Rule}
	}
	roleSet, err := s.Policy.RoleSet(ctx, policy.Principal{
		Kind: KindClient, ID: sub.id, Organization: sub.organization, Owner: personOf(sub.owner), Scopes: sub.scopes, Grants: grants,
	})
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "the roles of %q cannot be evaluated", sub.id).WithRetryAfter(time.Second)
	}
	p := &Principal{
		ID: sub.id, Kind: KindClient, Organization: sub.organization, Roles: roleSet.Names(), client: sub.client,
		owner: sub.owner, generation: s.generation, deps: deps, rights: s.shared(roleSet, sub.scopes),
	}
	if before != nil && before.told.audience == s.audience && slices.Equal(before.Roles, p.Roles) {
		p.told = before.told // it would be told the same
	} else {
		p.told = &told{s.audience, make([]atomic.Pointer[signedIdentity], len(s.Assertions.Upstreams))}
	}
	if before == nil || before.generation <= s.generation { // a request of the configuration before may be late
		s.principals.Set(key, p)
	}
	return p, nil
}

// shared returns the rights of a role set with scopes. A policy never changes,
// so what it said of them once it says again.
func (s *Service) shared(roleSet policy.RoleSet, scopes []string) *rights {
	key := binary.AppendUvarint(nil, uint64(len(roleSet.Permissions)))
	for _, pattern := range roleSet.Permissions {
		key = appendPart(key, pattern)
	}
	for _, scope := range scopes {
		key = appendPart(key, scope)
	}
	if r, ok := s.rights.GetIfPresent(string(key)); ok {
		return r
	}
	r := &rights{roleSet: roleSet, scopes: scopes, verdicts: make([]atomic.Pointer[policy.Verdict], s.Rules+len(s.Assertions.Upstreams))}
	s.rights.Set(string(key), r)
	return r
}

// KindClient is the kind of a principal that is a program.
const KindClient = policy.KindClient

// personOf is the user who owns a client; "" where its organization does.
func personOf(owner string) string {
	if owner == credential.OrganizationOwned {
		return ""
	}
	return owner
}

// may asks the policy once for each rule, and remembers.
func (s *Service) may(ctx context.Context, p *Principal, upstream int, rule policy.Rule) error {
	index := rule.Index
	if index == policy.NoRule {
		index = s.Rules + upstream
	}
	slot := &p.rights.verdicts[index]
	verdict := slot.Load()
	if verdict == nil {
		v, err := s.Policy.Decide(ctx, p.rights.roleSet, p.rights.scopes, rule)
		if err != nil {
			return problem.Wrap(err, problem.Unavailable, "the rule for this path cannot be evaluated").WithRetryAfter(time.Second)
		}
		verdict = &v
		slot.Store(verdict)
	}
	if verdict.Allow {
		return nil
	}
	switch verdict.Reason {
	case policy.ReasonScopeMissing:
		return problem.New(problem.Forbidden, "the scopes of this credential do not cover %q, which this path asks for", verdict.Permission).
			WithPermission(verdict.Permission).WithHint("use a key with this scope, or ask the operator of this service to add it")
	case policy.ReasonNoRule:
		return problem.New(problem.Forbidden, "no rule lets anybody call this path").WithHint("ask the operator of this service for a route")
	default:
		return problem.New(problem.Forbidden, "%s %q does not have the permission %q that this path asks for", p.Kind, p.ID, verdict.Permission).
			WithPermission(verdict.Permission).WithHint("ask the operator of this service for a role with this permission")
	}
}
