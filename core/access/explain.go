package access

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Standing is what somebody may do now, found in the way in which a request finds
// it, and with what that was found from.
type Standing struct {
	Who     policy.Principal
	Roles   policy.RoleSet  // by which requests are decided on; also of who is refused
	Own     []policy.Grant  // their roles, before an owner bounds them
	Owner   *policy.RoleSet // of a client that a user owns: what that user has
	Scopes  []string        // of a client
	Grants  []grant.Grant   // as the store has them
	Refused error           // why they have no access, whatever roles they have; nil: they have
}

// StandingOfClient finds that of a client with a record.
func (s *Service) StandingOfClient(ctx context.Context, c credential.Client) (st Standing, err error) {
	sub := subject{id: c.ID, organization: c.Organization, owner: c.Owner, recorded: true, scopes: c.Scopes}
	p := &Principal{established: established{ID: sub.id, recorded: true, owner: sub.owner, ground: s.ground(sub.organization)}}
	if err := s.grant(ctx, p, nil); err != nil {
		return st, err
	}
	if st.Grants, err = s.Granted.Of(ctx, grant.Client(c.ID)); err != nil {
		return st, err
	}
	st.Scopes = c.Scopes
	st.Who = policy.Principal{
		Kind: KindClient, ID: c.ID, Organization: c.Organization, Owner: credential.OwnerOf(c.Owner), Scopes: c.Scopes, Grants: p.granted,
	}
	own, err := s.evaluate(ctx, st.Who)
	if err != nil {
		return st, err
	}
	st.Own, st.Roles = own.roleSet.Roles, own.roleSet
	if p.person != nil {
		bound, err := s.Policy.RoleSet(ctx, policy.Principal{Kind: policy.KindUser, ID: p.person.id, Organization: c.Organization, Grants: p.person.granted})
		if err != nil {
			return st, err
		}
		st.Owner = &bound
	}
	if !c.ExpiresAt.IsZero() && !s.Clock().Before(c.ExpiresAt) {
		st.Refused = problem.New(problem.Expired, "client %q ended at %s", c.ID, c.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if c.State != credential.Active {
		st.Refused = problem.New(problem.Forbidden, "client %q is suspended: its block was taken out of the configuration", c.ID)
	}
	return s.stand(ctx, p, sub, st)
}

// StandingOfUser finds that of a user.
func (s *Service) StandingOfUser(ctx context.Context, who grant.Person) (st Standing, err error) {
	one := &session.Session{User: who.ID, Organization: who.Organization, Connection: who.Connection}
	for label := range s.Connections {
		if one.Connection == "" { // of one with no provisioner, any will do
			one.Connection = label
		}
	}
	sub := subject{id: who.ID, organization: who.Organization, session: one}
	p := &Principal{established: established{ID: sub.id, recorded: true, session: one, ground: s.ground(sub.organization)}}
	if err := s.grant(ctx, p, nil); err != nil {
		return st, err
	}
	st.Grants = who.Grants
	st.Who = policy.Principal{Kind: KindUser, ID: who.ID, Organization: who.Organization, Grants: p.granted}
	set, err := s.Policy.RoleSet(ctx, st.Who)
	if err != nil {
		return st, err
	}
	st.Own, st.Roles = set.Roles, set
	return s.stand(ctx, p, sub, st)
}

// stand evaluates what a request would be decided by.
func (s *Service) stand(ctx context.Context, p *Principal, sub subject, st Standing) (Standing, error) {
	r, err := s.rightsOf(ctx, p, sub)
	switch {
	case err == nil:
		st.Roles = r.roleSet
	case problem.Is(err, problem.Forbidden):
		if st.Refused == nil {
			st.Refused = err
		}
	default:
		return Standing{}, err
	}
	return st, nil
}

// Has reports whether requests are decided by a role.
func (st *Standing) Has(role string) bool { return slices.Contains(st.Roles.Names(), role) }

// Explain says why a rule lets somebody pass, or does not, without regard to how
// they have signed on.
func (s *Service) Explain(ctx context.Context, st *Standing, rule policy.Rule) (policy.Opened, error) {
	var owner []string
	if st.Owner != nil {
		owner = append([]string{}, st.Owner.Names()...)
	}
	var own []string
	for _, g := range st.Own {
		own = append(own, g.Role)
	}
	return s.Policy.ExplainRule(ctx, st.Roles, slices.Compact(own), owner, st.Scopes, rule)
}
