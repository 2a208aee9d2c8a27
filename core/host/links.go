package host

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/provisioning/pull"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// links tells operators how the connections of the configuration in force are
// doing, out of what each room knows.
type links struct{ h *house }

var _ admin.Links = links{}

func (l links) List(ctx context.Context, organization, after string, limit int) ([]wire.Connection, error) {
	declared := slices.Clone(l.h.current.Load().config.Connections)
	slices.SortFunc(declared, func(a, b config.Connection) int { return compare(a.Label, b.Label) })
	list := []wire.Connection{}
	windows, pulls, err := l.lately(ctx, organization)
	if err != nil {
		return nil, err
	}
	for i := range declared {
		c := &declared[i]
		if c.Label <= after || organization != "" && c.Organization != organization {
			continue
		}
		if len(list) == limit {
			break
		}
		shown, err := l.show(ctx, c, windows, pulls)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	return list, nil
}

func (l links) Show(ctx context.Context, label string) (wire.Connection, error) {
	for _, c := range l.h.current.Load().config.Connections {
		if c.Label == label {
			windows, pulls, err := l.lately(ctx, c.Organization)
			if err != nil {
				return wire.Connection{}, err
			}
			return l.show(ctx, &c, windows, pulls)
		}
	}
	return wire.Connection{}, problem.New(problem.NotFound, "there is no connection %q in the configuration any more", label)
}

func (l links) Pull(ctx context.Context, label string) error {
	asked := false
	for _, s := range l.h.sources() {
		if s.Connection != label {
			continue
		}
		asked = true
		if err := l.h.pulls.Ask(ctx, s); err != nil {
			return err
		}
	}
	if !asked {
		return problem.New(problem.Invalid, "connection %q has no provisioner that asks its identity provider", label).
			WithHint("its identity provider pushes, in its own time: most have a button for that")
	}
	return nil
}

// lately is what has happened to all connections of an organization.
func (l links) lately(ctx context.Context, organization string) ([]brake.Window, []pull.Status, error) {
	windows, err := l.h.brake.List(ctx, organization)
	if err != nil {
		return nil, nil, err
	}
	pulls, err := l.h.pulled(ctx)
	return windows, pulls, err
}

func (l links) show(ctx context.Context, c *config.Connection, windows []brake.Window, pulls []pull.Status) (wire.Connection, error) {
	shown := wire.Connection{
		Label: c.Label, Organization: c.Organization, Provider: string(c.Provider), Brake: "closed", Provisioners: []wire.Provisioner{},
	}
	for _, w := range windows { // those that wait for an operator come first
		if w.Connection == c.Label {
			shown.Brake = string(w.State)
			break
		}
	}
	if last := l.h.traffic.Last(c.Label, 1); len(last) == 1 {
		shown.LastRequest, shown.LastStatus = last[0].At.UTC(), last[0].Status
	}
	declared, _ := connections(l).Connection(c.Label)
	for _, block := range c.Provisioners {
		one := wire.Provisioner{Instance: block.Name}
		for _, p := range declared.Provisioners {
			if p.Instance == block.Name {
				one.URL = strings.TrimSuffix(l.h.publicURL(), "/") + p.Mount
			}
		}
		for _, p := range pulls {
			if p.Instance == block.Name {
				status := asPull(p)
				one.Pull = &status
			}
		}
		shown.Provisioners = append(shown.Provisioners, one)
	}
	err := l.h.store.Read(ctx, func(tx *store.Tx) (err error) {
		shown.ActiveUsers, err = l.h.directory.ActiveUsers(ctx, tx, directory.Scope{Organization: c.Organization, Connection: c.Label})
		return err
	})
	if err != nil {
		return wire.Connection{}, err
	}
	// Of those that can be used there are two at most, and they are the newest.
	const newest = 10
	tokens, err := l.h.provisioningTokens.List(ctx, c.Organization, c.Label, "", newest)
	for _, t := range tokens {
		if t.RevokedAt.IsZero() && t.ExpiresAt.After(l.h.clock()) {
			shown.LiveTokens++
		}
	}
	return shown, err
}
