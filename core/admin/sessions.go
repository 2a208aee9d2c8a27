package admin

import (
	"context"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/session"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Sessions are those of people with a browser.
type Sessions interface {
	List(ctx context.Context, q session.Query) ([]session.Session, error)
	End(ctx context.Context, by session.By, reason session.Reason, id string) (session.Session, error)
}

// Pins are the names by which identity providers know users.
type Pins interface {
	// Unpin forgets those of a user. The error is a Problem (NotFound) where there
	// is none, or they are another organization's than by is confined to.
	Unpin(ctx context.Context, by session.By, user string) error
}

// sessionRoutes are those of who has signed on.
func sessionRoutes() []route {
	text := object{"type": "string", "minLength": 1}
	return []route{
		{http.MethodGet, "/sessions", ReadSessions, oneOrganization, (*API).listSessions, contract{
			id: "listSessions", summary: "List the sessions of people, newest first", out: wire.SessionPage{}, status: http.StatusOK,
			parameters: append(paging(recordIDForm),
				parameter{"organization", "query", "label of an organization; only what is of it", text},
				parameter{"connection", "query", "label of a connection; only what is of it", object{"type": "string", "pattern": labelForm}},
				parameter{"user", "query", "id of a user; only theirs", object{"type": "string", "pattern": resourceIDForm}}),
		}},
		{http.MethodPost, "/sessions/{id}/revoke", WriteSessions, oneOrganization, (*API).revokeSession, contract{
			id: "revokeSession", summary: "End a session with the next request", in: wire.Empty{}, out: wire.Session{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodPost, "/users/{id}/unpin", WriteSessions, oneOrganization, (*API).unpinUser, contract{
			id: "unpinUser", summary: "Forget by which names the identity providers know a user", in: wire.Empty{}, status: http.StatusNoContent, parameters: id(resourceIDForm),
		}},
	}
}

func (a *API) listSessions(c *call) (int, any, error) {
	asked, query, err := parseQuery(c.URL.RawQuery, recordID, "organization", "connection", "user")
	if err != nil {
		return 0, nil, err
	}
	organization := c.actor.organization
	if query.Has("organization") {
		organization = query.Get("organization")
		if err := a.checkOrganization(c.actor, organization); err != nil {
			return 0, nil, err
		}
	}
	if connection := query.Get("connection"); query.Has("connection") {
		if _, ok := a.connection(c.actor, connection); !ok {
			return 0, nil, noConnection(problem.Invalid, connection)
		}
	}
	found, err := a.Sessions.List(c.Context(), session.Query{
		Organization: organization, Connection: query.Get("connection"), User: query.Get("user"), After: asked.after, Limit: asked.limit + 1,
	})
	if err != nil {
		return 0, nil, err
	}
	list := wire.SessionPage{Sessions: []wire.Session{}}
	for i, one := range found {
		if i == asked.limit {
			list.Next = found[i-1].ID
			break
		}
		list.Sessions = append(list.Sessions, asSession(one))
	}
	return http.StatusOK, list, nil
}

func (a *API) revokeSession(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	ended, err := a.Sessions.End(c.Context(), c.sessionBy(), session.Revoked, c.PathValue("id"))
	return http.StatusOK, asSession(ended), err
}

func (a *API) unpinUser(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.Pins.Unpin(c.Context(), c.sessionBy(), c.PathValue("id"))
}

func (c *call) sessionBy() session.By {
	return session.By{Actor: c.actor.name, TraceID: c.trace, Within: c.actor.organization}
}

func asSession(n session.Session) wire.Session {
	return wire.Session{
		ID: n.ID, Organization: n.Organization, User: n.User, Connection: n.Connection, Instance: n.Instance, Host: n.Host,
		StartedAt: n.StartedAt.UTC(), SeenAt: n.SeenAt.UTC(), EndsAt: n.EndsAt.UTC(), SignedOnAt: n.Authentication.Time.UTC(),
		Context: n.Authentication.Context, Methods: n.Authentication.Methods, MultiFactor: n.Authentication.MultiFactor == authn.MultiFactorYes,
		Agent: n.Agent, Address: n.Address,
	}
}
