package grant

import (
	"context"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Directory is what grants of users are made from.
type Directory interface {
	Facts(ctx context.Context, tx *store.Tx, users []string) (map[string]directory.Facts, error)
	Standing(ctx context.Context, tx *store.Tx, users []string) (map[string]directory.Standing, error)
	UsersIn(ctx context.Context, tx *store.Tx, groups []string) ([]string, error)
	UsersOf(ctx context.Context, tx *store.Tx, s directory.Scope, after string, limit int) ([]string, error)
}

// Changed implements directory.Listener: the grants of whom a change concerns
// are brought up to it.
func (g *Grants) Changed(ctx context.Context, tx *store.Tx, by directory.By, s directory.Scope, events []directory.Event) error {
	var users, groups []string
	for _, e := range events {
		if e.User != "" {
			users = append(users, e.User)
		}
		if e.Kind == directory.GroupChanged {
			groups = append(groups, e.Group)
		}
		// Who became a member, or ceased to be one, is a user or a group.
		for _, members := range [][]string{e.Added, e.Removed} {
			users, groups = append(users, members...), append(groups, members...)
		}
	}
	if len(groups) > 0 && len(users) <= atOnce { // beyond it all of the connection are stale anyway
		within, err := g.directory.UsersIn(ctx, tx, groups)
		if err != nil {
			return err
		}
		users = append(users, within...)
	}
	slices.Sort(users)
	return g.Refresh(ctx, tx, By{Actor: by.Actor, TraceID: by.TraceID, Organization: s.Organization}, s.Connection, slices.Compact(users))
}
