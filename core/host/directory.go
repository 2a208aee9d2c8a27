package host

import (
	"context"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// directoryService lets provisioners read and change what is of their own
// connection.
type directoryService struct{ h *house }

var _ pluginhost.Directory = directoryService{}

// scopeOf is what a call may reach: the connection that its instance stands in.
func scopeOf(at pluginhost.Caller) (directory.Scope, error) {
	connection, _, ok := strings.Cut(at.Instance, "/")
	if !ok || at.Organization == "" {
		return directory.Scope{}, problem.New(problem.Forbidden, "instance %q belongs to no connection, and so has no directory", at.Instance)
	}
	return directory.Scope{Organization: at.Organization, Connection: connection}, nil
}

func (d directoryService) Find(ctx context.Context, at pluginhost.Caller, q sdk.Query) (sdk.Page, error) {
	scope, err := scopeOf(at)
	if err != nil {
		return sdk.Page{}, err
	}
	return d.h.directory.Find(ctx, scope, q)
}

func (d directoryService) Members(ctx context.Context, at pluginhost.Caller, group, after string, limit int) ([]sdk.Member, bool, error) {
	scope, err := scopeOf(at)
	if err != nil {
		return nil, false, err
	}
	return d.h.directory.Members(ctx, scope, group, after, limit)
}

func (d directoryService) Apply(ctx context.Context, at pluginhost.Caller, changes []sdk.Change) ([]sdk.Outcome, error) {
	scope, err := scopeOf(at)
	if err != nil {
		return nil, err
	}
	by := directory.By{Actor: "connection:" + scope.Connection, TraceID: at.TraceID, Pass: d.h.pulls.PassOf(at.TraceID)}
	return d.h.mount.Applying(ctx, scope.Connection, at.TraceID, changes, func() ([]sdk.Outcome, error) {
		return d.h.directory.Apply(ctx, by, scope, changes)
	})
}

// listener does all that follows from a change in the directory, in the
// transaction of the change and whoever caused it.
type listener struct{ h *house }

var _ directory.Listener = listener{}

func (l listener) Changed(ctx context.Context, tx *store.Tx, by directory.By, s directory.Scope, events []directory.Event) error {
	if err := l.h.grants.Changed(ctx, tx, by, s, events); err != nil {
		return err
	}
	var leave []brake.Leave
	var left, back []string
	for _, e := range events {
		switch e.Kind { //nolint:exhaustive // the others leave keys and the brake as they are
		case directory.UserDeactivated:
			leave, left = append(leave, brake.Leave{User: e.User, Active: true}), append(left, e.User)
		case directory.UserDeleted:
			leave, left = append(leave, brake.Leave{User: e.User, Deleted: true, Active: e.Active}), append(left, e.User)
		case directory.UserReactivated, directory.UserRestored:
			back = append(back, e.User)
		}
	}
	if by.TraceID != "" {
		tx.OnCommit(func() { l.switched(s.Connection, by.TraceID, events) })
	}
	actor := credential.By{Actor: by.Actor, TraceID: by.TraceID}
	if len(left) > 0 {
		if _, err := l.h.sessions.EndOf(ctx, tx, session.By{Actor: by.Actor, TraceID: by.TraceID}, session.UserLeft, left); err != nil {
			return err
		}
		if err := l.h.records.StopOwned(ctx, tx, actor, left); err != nil {
			return err
		}
		if err := l.h.brake.Leaving(ctx, tx, brake.Leaving{
			Connection: s.Connection, Organization: s.Organization, Actor: by.Actor, TraceID: by.TraceID, Users: leave,
		}); err != nil {
			return err
		}
	}
	return l.h.brake.Returned(ctx, tx, s.Connection, back)
}

// switched tells the traffic log who is not active any more, or is again.
func (l listener) switched(connection, trace string, events []directory.Event) {
	for _, e := range events {
		switch e.Kind { //nolint:exhaustive // of the others the log says what was asked for
		case directory.UserDeactivated:
			l.h.mount.Switched(connection, trace, e.User, "deactivated")
		case directory.UserReactivated:
			l.h.mount.Switched(connection, trace, e.User, "reactivated")
		}
	}
}
