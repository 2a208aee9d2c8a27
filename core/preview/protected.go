package preview

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// few is how many users are read at once where they are not read in order.
const few = 200

// others compares users whose connections stay as they are. For them only that
// can change which was given otherwise than by mappings: a role counts no more
// once the configuration does not declare it.
func (c *comparison) others(ctx context.Context) error {
	oneSided := map[string]bool{}
	for name := range c.before.Roles {
		oneSided[name] = !c.after.counts(name)
	}
	for name := range c.after.Roles {
		oneSided[name] = !c.before.counts(name)
	}
	for _, role := range slices.Sorted(maps.Keys(oneSided)) {
		if !oneSided[role] {
			continue
		}
		err := c.holding(ctx, role, true, func(f directory.Facts, direct []grant.Grant) (bool, error) {
			if !f.Active || c.passed[f.Connection] || !c.before.standing(f.Connection) {
				return true, nil
			}
			var of []grant.Grant // of another such role they are told another time
			for _, g := range direct {
				if g.Role == role {
					of = append(of, g)
				}
			}
			c.sums.users++
			return true, c.user(&f, shown(grant.Reading(f)), c.before.has(nil, granted(of)), c.after.has(nil, granted(of)), "", "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// holding calls f for the users who have grants of a role, in the order of their
// ids, until it answers false.
func (c *comparison) holding(ctx context.Context, role string, direct bool, f func(directory.Facts, []grant.Grant) (bool, error)) error {
	const users = "user:"
	for after := users; ; {
		var principals, ids []string
		var facts map[string]directory.Facts
		var given map[string][]grant.Grant
		err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
			if principals, err = c.Grants.Holders(ctx, tx, role, direct, after, few); err != nil {
				return err
			}
			ids = nil
			for _, one := range principals {
				if id, is := strings.CutPrefix(one, users); is {
					ids = append(ids, id)
				}
			}
			if facts, err = c.Directory.Facts(ctx, tx, ids); err != nil || !direct {
				return err
			}
			given, err = c.Grants.Direct(ctx, tx, principals)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if one, there := facts[id]; there {
				if more, err := f(one, given[grant.User(id)]); err != nil || !more {
					return err
				}
			}
		}
		if len(ids) < few { // those behind them, if any, are no users
			return nil
		}
		after = principals[len(principals)-1]
	}
}

// lockouts are the protected roles that nobody could use any more who has one
// now. A program does not stand in for a person, but a person does for a program.
// A role that is not declared any more is protected if it was; one that is, if it
// is to be.
func (c *comparison) lockouts(ctx context.Context) ([]wire.Lockout, error) {
	list := []wire.Lockout{}
	for at, h := range c.sums.holders {
		role, declared := c.after.Roles[at.role]
		if !declared {
			role = c.before.Roles[at.role]
		}
		people := h.before[aUser] > 0 && h.after[aUser] == 0
		programs := h.before[aUser] == 0 && h.after[aUser] == 0 && h.before[aClient] > 0 && h.after[aClient] == 0
		if !role.Protected || !people && !programs {
			continue
		}
		someone, err := c.held(ctx, at)
		if err != nil {
			return nil, err
		}
		if !someone {
			list = append(list, wire.Lockout{Role: at.role, Organization: at.organization, Users: h.before[aUser], Clients: h.before[aClient]})
		}
	}
	slices.SortFunc(list, func(a, b wire.Lockout) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Organization, b.Organization))
	})
	return list, nil
}

// held reports whether a user has a role whose connection stays as it is.
func (c *comparison) held(ctx context.Context, at held) (found bool, err error) {
	if !c.after.counts(at.role) {
		return false, nil
	}
	err = c.holding(ctx, at.role, false, func(f directory.Facts, _ []grant.Grant) (bool, error) {
		found = f.Active && f.Organization == at.organization && !c.passed[f.Connection] && c.after.standing(f.Connection)
		return !found, nil
	})
	return found, err
}
