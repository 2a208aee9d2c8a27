package host

import (
	"context"
	"encoding/json"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// leavers does to people in the directory what the brake decides.
type leavers struct{ h *house }

var _ brake.Directory = leavers{}

func (l leavers) Active(ctx context.Context, tx *store.Tx, s directory.Scope) (int, error) {
	return l.h.directory.ActiveUsers(ctx, tx, s)
}

func (l leavers) Restore(ctx context.Context, tx *store.Tx, by credential.By, s directory.Scope, user string, active bool) error {
	who := directory.By{Actor: by.Actor, TraceID: by.TraceID}
	err := l.h.directory.Restore(ctx, tx, who, s.Organization, user)
	if err != nil && !problem.Is(err, problem.NotFound) || !active { // whoever was deactivated only is not found there
		return err
	}
	return l.h.directory.Activate(ctx, tx, who, s.Organization, user)
}

func (l leavers) Purge(ctx context.Context, tx *store.Tx, by credential.By, s directory.Scope, users []string) error {
	for _, user := range users {
		err := l.h.directory.Purge(ctx, tx, directory.By{Actor: by.Actor, TraceID: by.TraceID}, s.Organization, user)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return err
		}
	}
	return l.h.grants.Forget(ctx, tx, grant.By{Actor: by.Actor, TraceID: by.TraceID, Organization: s.Organization}, users)
}

// Leave takes a user away as the IdP wanted it, by the same way.
func (l leavers) Leave(ctx context.Context, by credential.By, s directory.Scope, user string, deleted bool) error {
	page, err := l.h.directory.Find(ctx, s, sdk.Query{Type: sdk.User, ID: user, Limit: 1, Attributes: true})
	if err != nil || len(page.Resources) == 0 {
		return err // whoever is not there any more has left
	}
	var change sdk.Change = sdk.Delete{Type: sdk.User, ID: user}
	if !deleted {
		r := page.Resources[0]
		var attributes map[string]json.RawMessage
		if err := json.Unmarshal(r.Attributes, &attributes); err != nil {
			return err
		}
		attributes["active"] = json.RawMessage("false")
		if r.Attributes, err = json.Marshal(attributes); err != nil {
			return err
		}
		change = sdk.Replace{Resource: r}
	}
	_, err = l.h.directory.Apply(ctx, directory.By{Actor: by.Actor, TraceID: by.TraceID}, s, []sdk.Change{change})
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	return err
}

// brakeRules are those that the configuration in force has for a connection.
func (h *house) brakeRules(connection string) brake.Rules {
	now := h.current.Load()
	if now == nil {
		return brake.DefaultRules()
	}
	for _, c := range now.config.Connections {
		if c.Label == connection {
			return brake.Rules{Share: c.Brake.Share, Window: c.Brake.Window, Mode: brake.Mode(c.Brake.Mode), Least: c.Brake.Least}
		}
	}
	return brake.DefaultRules()
}

// connectionLabels are the connections of the configuration in force.
func (h *house) connectionLabels() (list []string) {
	if now := h.current.Load(); now != nil {
		for _, c := range now.config.Connections {
			list = append(list, c.Label)
		}
	}
	return list
}
