package access

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/session"
)

// Subject is a principal of whom somebody else asks what they may do.
type Subject struct {
	Kind         string // KindClient or KindUser
	ID           string
	Organization string
	Owner        string   // of a client, as its record says
	Scopes       []string // of a client
	Connection   string   // of a user
}

// asked is the name of the session that nobody has: of somebody who is asked about
// there may be none, or several, and what the mappings give to one of them is not
// theirs as a whole.
const asked = "asked"

// Permits answers whether a subject has a permission, by the roles that a request of
// theirs would be decided by. Who may not come at all, as one who was deactivated or a
// client whose owner was, is a Problem (Forbidden), as it would be for a request. That
// there is such a subject, and that its record is in force, the caller knows.
func (s *Service) Permits(ctx context.Context, who Subject, permission string) (policy.Verdict, error) {
	of := subject{id: who.ID, organization: who.Organization}
	if who.Kind == KindUser {
		of.session = &session.Session{ID: asked, User: who.ID, Organization: who.Organization, Connection: who.Connection}
	} else {
		of.recorded, of.owner, of.scopes = true, who.Owner, who.Scopes
	}
	p, err := s.principal(ctx, of)
	if err != nil {
		return policy.Verdict{}, err
	}
	return s.Policy.Permits(ctx, p.rights.roleSet, p.rights.scopes, permission)
}
