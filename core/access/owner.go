package access

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// person is the user who owns a client, as they were found.
type person struct {
	id           string
	organization string
	connection   string // "" is none
	active       bool   // false also where there is nobody
	name, email  string // as people read them
	granted      []policy.Grant
	mapped       *policy.User // as mappings of sessions read them; nil: there are none, or it is the owner of a client
	until        instant      // when the first of granted ends
}

// ownerOf finds the owner of a client. What the principal rests on includes the
// user, what they were given, and the mappings of their connection, of which is
// known only when the user has been read.
func (s *Service) ownerOf(ctx context.Context, p *Principal, user string) (*person, error) {
	position := s.Feed.Position()
	p.deps.Add(change.User(user))
	p.deps.Add(change.Grants(grant.User(user)))
	found, err := s.owner(ctx, user, p.session != nil)
	if err != nil || found.connection == "" {
		return found, err
	}
	p.deps.Add(change.Connection(found.connection))
	if s.Feed.Position() == position {
		return found, nil
	}
	return s.owner(ctx, user, p.session != nil)
}

func (s *Service) owner(ctx context.Context, user string, signedOn bool) (*person, error) {
	if s.Owners == nil {
		return nil, problem.New(problem.Internal, "nobody knows the users who own clients")
	}
	who, err := s.Owners.Person(ctx, user)
	if problem.Is(err, problem.NotFound) {
		return &person{id: user, until: never}, nil
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "the user who owns this client cannot be found").WithRetryAfter(time.Second)
	}
	name, email := who.Shown()
	found := &person{id: user, organization: who.Organization, connection: who.Connection, active: who.Active, granted: shortened(who.Grants), until: firstEnd(who.Grants), name: name, email: email}
	if signedOn {
		found.mapped = s.mappedOf(&who)
	}
	return found, nil
}

// mayOwn refuses a client whose owner is not there any more: deleted,
// deactivated, of another organization, or of a connection that was taken out of
// the configuration.
func (s *Service) mayOwn(p *Principal, sub subject) error {
	who := p.person
	if who == nil {
		return nil
	}
	if who.active && who.organization == sub.organization && (who.connection == "" || s.Connections[who.connection]) {
		return nil
	}
	return problem.New(problem.Forbidden, "client %q is stopped: the user who owns it has no access", sub.id).
		WithHint("ask the operator of this service for a client with another owner")
}
