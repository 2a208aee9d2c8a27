package host

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/policy"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// authorizer says what others may do, by the generation in force.
type authorizer struct{ h *house }

var _ admin.Authorizer = authorizer{}

// Permits implements admin.Authorizer.
func (z authorizer) Permits(ctx context.Context, within, kind, id, permission string) (policy.Verdict, error) {
	who, err := z.subject(ctx, within, kind, id)
	if err != nil {
		return policy.Verdict{}, err
	}
	return z.h.current.Load().access.Permits(ctx, who, permission)
}

func (z authorizer) subject(ctx context.Context, within, kind, id string) (access.Subject, error) {
	if kind == access.KindUser {
		e, err := people(z).one(ctx, within, sdk.User, id)
		return access.Subject{Kind: kind, ID: id, Organization: e.Scope.Organization, Connection: e.Scope.Connection}, err
	}
	c, err := z.h.records.Client(ctx, within, id)
	if err != nil {
		return access.Subject{}, err
	}
	if c.State != credential.Active {
		return access.Subject{}, problem.New(problem.Forbidden, "client %q is suspended", id)
	}
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(z.h.clock()) {
		return access.Subject{}, problem.New(problem.Forbidden, "client %q has ended", id)
	}
	return access.Subject{Kind: kind, ID: id, Organization: c.Organization, Owner: c.Owner, Scopes: c.Scopes}, nil
}

// Subjects implements admin.Authorizer.
func (z authorizer) Subjects(ctx context.Context, within, kind, after string, limit int) (ids []string, err error) {
	if kind == access.KindUser {
		for more := true; more && len(ids) < limit; {
			var part []directory.Entry
			part, more, err = z.h.directory.List(ctx, directory.Scope{Organization: within}, sdk.User, after, min(limit-len(ids), sdk.PageLimit))
			if err != nil {
				return nil, err
			}
			for _, e := range part {
				ids, after = append(ids, e.ID), e.ID
			}
		}
		return ids, nil
	}
	clients, err := z.h.records.Clients(ctx, within, after, limit)
	for _, c := range clients {
		ids = append(ids, c.ID)
	}
	return ids, err
}
