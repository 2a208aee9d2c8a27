package access

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unique"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Principal is who makes a request, with what they may do. It is made anew when
// something that it rests on changes. There is one for each client that is
// known: what several have in common stands once, in ground and rights.
type Principal struct {
	established
	told atomic.Pointer[told] // nil: nobody was told lately
}

// established is what is known of a principal, and stays as it is.
type established struct {
	ID string // a client's id, or a user's; of a credential without a record, "instance/subject"

	recorded bool             // it has a record
	session  *session.Session // of a user; nil: it is a program
	owner    string
	person   *person        // who owns it, or is it; nil: its organization owns it
	verified bool           // of a user: their e-mail address is of a domain of their organization
	granted  []policy.Grant // directly
	deps     change.Deps    // of granted and person
	ground   *ground
	rights   *rights
}

// ground is what the roles of all of one organization rest on, beside what each
// was granted.
type ground struct {
	organization string
	generation   uint32 // of the Service that evaluates the roles
	tag          decided.Tag
	deps         change.Deps
}

// Kind is the kind of the principal.
func (p *Principal) Kind() string {
	if p.session != nil {
		return KindUser
	}
	return KindClient
}

// Organization is the label of the principal's organization.
func (p *Principal) Organization() string { return p.ground.organization }

// Roles are the names of the principal's roles, sorted. Nobody changes them.
func (p *Principal) Roles() []string { return p.rights.roles }

// fresh reports whether nothing has changed that the roles rest on.
func (p *Principal) fresh() bool { return p.deps.Fresh() && p.ground.deps.Fresh() }

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
	roles    []string // their names
	joined   string   // the same, by commas
	scopes   []string
	verdicts []atomic.Pointer[policy.Verdict] // by the rule's index, and after the rules by the upstream's
}

// subject is what is known of a principal before its roles are.
type subject struct {
	id, organization, owner string
	recorded                bool // it has a record
	scopes                  []string
	session                 *session.Session // of a user, whose id is the subject's
}

// sessionID is "" of a program.
func (s subject) sessionID() string {
	if s.session == nil {
		return ""
	}
	return s.session.ID
}

// subject is what the principal was evaluated from.
func (p *Principal) subject() subject {
	return subject{id: p.ID, organization: p.ground.organization, owner: p.owner, recorded: p.recorded, scopes: p.rights.scopes, session: p.session}
}

// of reports whether the principal was evaluated from this subject.
func (p *Principal) of(sub subject) bool {
	return p.ID == sub.id && p.subject().sessionID() == sub.sessionID() && p.ground.organization == sub.organization && p.owner == sub.owner && p.recorded == sub.recorded &&
		slices.Equal(p.rights.scopes, sub.scopes)
}

// hash is where the principal of a subject is kept. Subjects may share it: who
// finds one there asks whether it is of the subject that was meant. The names in
// a subject without a record come from outside, but not the seed.
func (s *Service) hash(sub subject) uint64 {
	var space [256]byte
	b := appendPart(appendPart(appendPart(appendPart(space[:0], sub.id), sub.organization), sub.owner), sub.sessionID())
	for _, scope := range sub.scopes {
		b = appendPart(b, scope)
	}
	return maphash.Bytes(s.seed, b)
}

// principal evaluates the roles of a subject, or takes what was evaluated
// before and is still so.
func (s *Service) principal(ctx context.Context, sub subject) (*Principal, error) {
	key := s.hash(sub)
	before, _ := s.principals.GetIfPresent(key)
	if before != nil && !before.of(sub) {
		before = nil
	}
	if before != nil && s.knows(before) {
		return before, nil
	}
	p := &Principal{established: established{ID: sub.id, recorded: sub.recorded, session: sub.session, owner: unique.Make(sub.owner).Value(), ground: s.ground(sub.organization)}}
	if err := s.grant(ctx, p, before); err != nil {
		return nil, err
	}
	var err error
	if p.rights, err = s.rightsOf(ctx, p, sub); err != nil {
		return nil, err
	}
	if before != nil && slices.Equal(before.rights.roles, p.rights.roles) && before.tells(p) {
		if t := before.told.Load(); t != nil && t.audience == s.audience {
			p.told.Store(t) // it would be told the same
		}
	}
	if before == nil || before.ground.generation <= s.generation { // a request of the configuration before may be late
		s.principals.Set(key, p)
	}
	return p, nil
}

// tells reports whether an assertion says the same of both beside their roles. Of a
// person it has names, and whether an address counts as verified.
func (p *Principal) tells(o *Principal) bool {
	return p.session == nil ||
		p.person.name == o.person.name && p.person.email == o.person.email && p.verified == o.verified && p.ground.generation == o.ground.generation
}

// rightsOf evaluates what a principal may do: a client that a user owns, no more
// than they may.
func (s *Service) rightsOf(ctx context.Context, p *Principal, sub subject) (*rights, error) {
	if p.session != nil {
		return s.rightsOfUser(ctx, p, sub)
	}
	if err := s.mayOwn(p, sub); err != nil {
		return nil, err
	}
	r, err := s.evaluate(ctx, policy.Principal{
		Kind: KindClient, ID: sub.id, Organization: sub.organization, Owner: credential.OwnerOf(sub.owner), Scopes: sub.scopes, Grants: p.granted,
	})
	if err == nil && p.person != nil {
		var bound policy.RoleSet
		if bound, err = s.Policy.RoleSet(ctx, policy.Principal{
			Kind: policy.KindUser, ID: p.person.id, Organization: sub.organization, Grants: p.person.granted,
		}); err == nil {
			r = s.shared(s.Policy.Within(r.roleSet, bound), sub.scopes)
		}
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "the roles of %q cannot be evaluated", sub.id).WithRetryAfter(time.Second)
	}
	return r, nil
}

// ground returns that of an organization. There are as many as organizations.
func (s *Service) ground(organization string) *ground {
	if known, ok := s.grounds.Load(organization); ok {
		if g, _ := known.(*ground); g.deps.Fresh() {
			return g
		}
	}
	g := &ground{organization: organization, generation: s.generation, tag: decided.TagOf(organization), deps: s.Feed.Observe(change.Organization(organization), change.Policy())}
	s.grounds.Store(organization, g)
	return g
}

// grant finds which roles a principal was given directly: as before, unless
// that has changed. So another configuration reads none of them.
func (s *Service) grant(ctx context.Context, p, before *Principal) error {
	if before != nil && before.deps.Fresh() {
		p.granted, p.person, p.deps = before.granted, before.person, before.deps
		return nil
	}
	if p.session != nil {
		return s.grantUser(ctx, p)
	}
	name := grant.Client(p.ID)
	p.deps = s.Feed.Observe(change.Grants(name))
	list, err := s.Granted.Of(ctx, name)
	if err != nil {
		return err
	}
	p.granted = shortened(list)
	if user := credential.OwnerOf(p.owner); user != "" {
		p.person, err = s.ownerOf(ctx, p, user)
	}
	return err
}

// shortened is what the policy needs of grants. Many were given the same.
func shortened(list []grant.Grant) []policy.Grant {
	granted := make([]policy.Grant, len(list))
	for i, g := range list {
		granted[i] = policy.Grant{
			Role: unique.Make(g.Role).Value(), Source: unique.Make(string(g.Source)).Value(), Rule: unique.Make(g.Rule).Value(),
		}
	}
	return granted
}

// evaluate asks the policy for the rights of a principal. It never changes, and
// what it answered once it answers again.
func (s *Service) evaluate(ctx context.Context, who policy.Principal) (*rights, error) {
	question := s.Policy.Question(who)
	if r, ok := s.answers.GetIfPresent(question); ok {
		return r, nil
	}
	roleSet, err := s.Policy.RoleSet(ctx, who)
	if err != nil {
		return nil, err
	}
	r := s.shared(roleSet, who.Scopes)
	s.answers.Set(question, r)
	return r, nil
}

// shared returns the rights of a role set with scopes, for the verdicts on them.
func (s *Service) shared(roleSet policy.RoleSet, scopes []string) *rights {
	roles := roleSet.Names()
	var key []byte
	if roleSet.Bounded() {
		key = append(key, 'b')
	}
	for _, list := range [][]string{roles, roleSet.Permissions, scopes, roleSet.Bounds} {
		key = binary.AppendUvarint(key, uint64(len(list)))
		for _, name := range list {
			key = appendPart(key, name)
		}
	}
	if r, ok := s.rights.GetIfPresent(string(key)); ok {
		return r
	}
	r := &rights{
		roleSet: roleSet, roles: roles, joined: strings.Join(roles, ","), scopes: scopes,
		verdicts: make([]atomic.Pointer[policy.Verdict], s.Rules+len(s.Assertions.Upstreams)),
	}
	s.rights.Set(string(key), r)
	return r
}

// The kinds of principals: a program, and a person.
const (
	KindClient = policy.KindClient
	KindUser   = policy.KindUser
)

// may asks the policy once for each rule, and remembers.
func (s *Service) may(ctx context.Context, p *Principal, upstream int, rule policy.Rule) (policy.Reason, error) {
	index := rule.Index
	if index == policy.NoRule {
		index = s.Rules + upstream
	}
	slot := &p.rights.verdicts[index]
	verdict := slot.Load()
	if verdict == nil {
		v, err := s.Policy.Decide(ctx, p.rights.roleSet, p.rights.scopes, rule)
		if err != nil {
			return "", problem.Wrap(err, problem.Unavailable, "the rule for this path cannot be evaluated").WithRetryAfter(time.Second)
		}
		verdict = &v
		slot.Store(verdict)
	}
	if verdict.Allow {
		return verdict.Reason, nil
	}
	return verdict.Reason, p.lacks(verdict)
}

// lacks tells a principal why a rule does not let them pass.
func (p *Principal) lacks(verdict *policy.Verdict) error {
	switch verdict.Reason {
	case policy.ReasonScopeMissing:
		return problem.New(problem.Forbidden, "the scopes of this credential do not cover %q, which this path asks for", verdict.Permission).
			WithPermission(verdict.Permission).WithHint("use a key with this scope, or ask the operator of this service to add it")
	case policy.ReasonOwnerMissing:
		return problem.New(problem.Forbidden, "the user who owns client %q does not have the permission %q that this path asks for", p.ID, verdict.Permission).
			WithPermission(verdict.Permission).WithHint("a client does no more than its owner may: ask the operator of this service for a client with another owner")
	case policy.ReasonNoRule:
		return problem.New(problem.Forbidden, "no rule lets anybody call this path").WithHint("ask the operator of this service for a route")
	default:
		return problem.New(problem.Forbidden, "%s %q does not have the permission %q that this path asks for", p.Kind(), p.ID, verdict.Permission).
			WithPermission(verdict.Permission).WithHint("ask the operator of this service for a role with this permission")
	}
}
