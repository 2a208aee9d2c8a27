package admin

import (
	"context"
	"net/http"
	"regexp"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Links tells how connections are doing, and asks their identity providers.
type Links interface {
	// List returns connections of an organization by label, after one of them; ""
	// is all organizations, and from the first on.
	List(ctx context.Context, organization, after string, limit int) ([]wire.Connection, error)

	// Show returns one that is declared.
	Show(ctx context.Context, label string) (wire.Connection, error)

	// Pull has a pass begin now over the identity provider of one that is declared.
	// The error is a Problem: Invalid where none is asked, Conflict where a
	// pass is under way.
	Pull(ctx context.Context, label string) error
}

var connectionLabel = regexp.MustCompile(labelForm)

func (a *API) listConnections(c *call) (int, any, error) {
	asked, _, err := parseQuery(c.URL.RawQuery, connectionLabel)
	if err != nil {
		return 0, nil, err
	}
	found, err := a.Links.List(c.Context(), c.actor.organization, asked.after, asked.limit+1)
	if err != nil {
		return 0, nil, err
	}
	list := wire.ConnectionPage{Connections: append([]wire.Connection{}, found[:min(len(found), asked.limit)]...)}
	if len(found) > asked.limit {
		list.Next = found[asked.limit-1].Label
	}
	return http.StatusOK, list, nil
}

func (a *API) showConnection(c *call) (int, any, error) {
	connection, ok := a.connection(c.actor, c.PathValue("id"))
	if !ok {
		return 0, nil, noConnection(problem.NotFound, c.PathValue("id"))
	}
	shown, err := a.Links.Show(c.Context(), connection.Label)
	return http.StatusOK, shown, err
}

func (a *API) pullConnection(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	connection, ok := a.connection(c.actor, c.PathValue("id"))
	if !ok {
		return 0, nil, noConnection(problem.NotFound, c.PathValue("id"))
	}
	if err := a.Links.Pull(c.Context(), connection.Label); err != nil {
		return 0, nil, err
	}
	shown, err := a.Links.Show(c.Context(), connection.Label)
	return http.StatusAccepted, shown, err
}
