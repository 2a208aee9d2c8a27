package access

import (
	"context"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
)

// Mappings that read how somebody signed on give roles to one session. They are in no
// store: they are evaluated with the session's rights, and are forgotten with them.

// mappedOf is a user as such mappings read them; nil where there are none, so that a
// principal has no room for what nobody reads.
func (s *Service) mappedOf(who *grant.Person) *policy.User {
	if !s.Policy.IsSessional(who.Connection) {
		return nil
	}
	user := who.Mapped()
	return &user
}

// lacks reports whether a principal was found by a configuration without such mappings,
// and this one has some.
func (s *Service) lacks(p *Principal) bool {
	return p.session != nil && p.person != nil && p.person.mapped == nil && s.Policy.IsSessional(p.person.connection)
}

// granted are the roles of a user's session: those that were given to the user, and those
// that it is given itself.
func (s *Service) granted(ctx context.Context, p *Principal) ([]policy.Grant, error) {
	if p.person.mapped == nil || p.session.ID == asked { // whoever is asked about has signed on in no way
		return p.granted, nil
	}
	a := p.session.Authentication
	more, err := s.Policy.Sessional(ctx, *p.person.mapped, policy.Auth{
		MultiFactor: a.MultiFactor, Context: a.Context, Methods: a.Methods, Connection: p.session.Connection, Instance: p.session.Instance,
	})
	if err != nil || len(more) == 0 {
		return p.granted, err
	}
	return slices.Concat(p.granted, more), nil
}
