package admin

import (
	"context"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Brakes stops mass deactivations, and does what an operator decides.
type Brakes interface {
	List(ctx context.Context, organization string) ([]brake.Window, error)
	Leavers(ctx context.Context, organization, window, after string, limit int) (brake.Window, []brake.Leaver, error)
	Release(ctx context.Context, by credential.By, window string, seen brake.Seen) (brake.Window, error)
	Discard(ctx context.Context, by credential.By, window string) (brake.Window, error)
}

func (a *API) listBrakes(c *call) (int, any, error) {
	windows, err := a.Brakes.List(c.Context(), c.actor.organization)
	if err != nil {
		return 0, nil, err
	}
	list := wire.BrakeList{Windows: []wire.BrakeWindow{}}
	for _, w := range windows {
		list.Windows = append(list.Windows, asBrakeWindow(w))
	}
	return http.StatusOK, list, nil
}

func (a *API) showBrake(c *call) (int, any, error) {
	asked, _, err := parseQuery(c.URL.RawQuery, resourceID)
	if err != nil {
		return 0, nil, err
	}
	id, err := windowID(c)
	if err != nil {
		return 0, nil, err
	}
	w, leavers, err := a.Brakes.Leavers(c.Context(), c.actor.organization, id, asked.after, asked.limit+1)
	if err != nil {
		return 0, nil, err
	}
	detail := wire.BrakeDetail{BrakeWindow: asBrakeWindow(w), Leavers: []wire.BrakeLeaver{}}
	if len(leavers) > asked.limit {
		leavers = leavers[:asked.limit]
		detail.Next = leavers[asked.limit-1].User
	}
	ids := make([]string, len(leavers))
	for i, l := range leavers {
		ids[i] = l.User
	}
	names, err := a.People.UserNames(c.Context(), c.actor.organization, ids)
	if err != nil {
		return 0, nil, err
	}
	for _, l := range leavers {
		detail.Leavers = append(detail.Leavers, wire.BrakeLeaver{User: l.User, UserName: names[l.User], State: string(l.State), Deleted: l.Deleted, Problem: l.Problem, At: l.At.UTC()})
	}
	return http.StatusOK, detail, nil
}

func (a *API) releaseBrake(c *call) (int, any, error) {
	var seen wire.BrakeRelease
	return decideBrake(c, &seen, func(ctx context.Context, by credential.By, window string) (brake.Window, error) {
		return a.Brakes.Release(ctx, by, window, brake.Seen{Left: seen.Left, Held: seen.Held})
	})
}

func (a *API) discardBrake(c *call) (int, any, error) {
	return decideBrake(c, &wire.Empty{}, a.Brakes.Discard)
}

func decideBrake(c *call, asked any, decide func(context.Context, credential.By, string) (brake.Window, error)) (int, any, error) {
	if err := read(c, asked); err != nil {
		return 0, nil, err
	}
	id, err := windowID(c)
	if err != nil {
		return 0, nil, err
	}
	w, err := decide(c.Context(), c.by(), id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, asBrakeWindow(w), nil
}

func windowID(c *call) (string, error) {
	id := c.PathValue("id")
	if !recordID.MatchString(id) {
		return "", problem.New(problem.NotFound, "%s cannot be the id of a brake's window", quoted(id)).WithHint("gatehouse brake list")
	}
	return id, nil
}

func asBrakeWindow(w brake.Window) wire.BrakeWindow {
	return wire.BrakeWindow{
		ID: w.ID, Connection: w.Connection, Organization: w.Organization, State: string(w.State), Mode: string(w.Mode),
		StartedAt: w.StartedAt.UTC(), EndsAt: w.EndsAt.UTC(), TrippedAt: w.TrippedAt.UTC(), Active: w.Active, Allowed: w.Allowed,
		Left: w.Gone(), Held: w.Held, Stuck: w.Stuck, Actor: w.Actor,
	}
}
