package admin

import (
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func (a *API) updateClient(c *call) (int, any, error) {
	matches, err := precondition(c.Request)
	if err != nil {
		return 0, nil, err
	}
	var asked wire.ClientChange
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	edit, err := a.edit(asked)
	if err != nil {
		return 0, nil, err
	}
	id := c.PathValue("id")
	if !credential.IsClientID(id) {
		return 0, nil, noClientID(id)
	}
	change := func(old credential.Client) (credential.Client, error) {
		if err := matches(old); err != nil {
			return old, err
		}
		return edit(old), nil
	}
	by := c.by()
	client, err := a.Records.Update(c.Context(), by, id, change, func(tx *store.Tx, client credential.Client) error {
		roles, given := asked.Roles.Get()
		if !given {
			return nil
		}
		granter := grant.By{Actor: by.Actor, TraceID: by.TraceID, Organization: client.Organization}
		return a.Grants.Replace(c.Context(), tx, granter, grant.Client(client.ID), grant.API, "", roles)
	})
	if err != nil {
		return 0, nil, err
	}
	c.header.Set("ETag", etag(client))
	return http.StatusOK, asClient(client), nil
}

// edit checks what was asked for as newClient does, and returns what it does to
// a client.
func (a *API) edit(asked wire.ClientChange) (func(credential.Client) credential.Client, error) {
	if asked.IsZero() {
		return nil, problem.New(problem.Invalid, "the body changes nothing").WithHint("it may hold: expires_at, name, networks, rate, roles, scopes")
	}
	name, naming := asked.Name.Get()
	if err := checkText("name", name); err != nil {
		return nil, err
	}
	roles, _ := asked.Roles.Get()
	if err := a.checkRoles(roles); err != nil {
		return nil, err
	}
	scopes, scoping := asked.Scopes.Get()
	if err := checkPatterns(scopes); err != nil {
		return nil, err
	}
	texts, moving := asked.Networks.Get()
	networks, err := parseNetworks(texts)
	if err != nil {
		return nil, err
	}
	limit, limiting := asked.Rate.Get()
	rate, err := parseRate(limit)
	if err != nil {
		return nil, err
	}
	end, ending := asked.ExpiresAt.Get()
	if err := checkEnd("expires_at", end, a.Clock()); err != nil {
		return nil, err
	}
	return func(c credential.Client) credential.Client {
		if naming {
			c.Name = name
		}
		if scoping {
			c.Scopes = scopes
		}
		if moving {
			c.Networks = networks
		}
		if limiting {
			c.Rate = rate
		}
		if ending {
			c.ExpiresAt = end
		}
		return c
	}, nil
}
