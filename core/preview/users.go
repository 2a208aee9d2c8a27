package preview

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// page is how many users or clients are looked at in one transaction. While they
// are evaluated, the next are read.
const page = 1000

// prepare finds out whose users have to be evaluated: those of a connection that
// comes, goes, or has other mappings. Of the others the grants are as they are
// kept, unless they are stale.
func (c *comparison) prepare(ctx context.Context) error {
	all := maps.Clone(c.before.Connections)
	maps.Copy(all, c.after.Connections)
	c.passed = map[string]bool{}
	return c.Store.Read(ctx, func(tx *store.Tx) error {
		stale, err := c.Grants.StaleOf(ctx, tx)
		if err != nil {
			return err
		}
		c.labels, c.progress = nil, wire.PlanProgress{}
		for _, label := range slices.Sorted(maps.Keys(all)) {
			access, _ := c.admission(label)
			if access == "" && !stale[label] && c.before.Policy.Digest(label) == c.after.Policy.Digest(label) {
				continue
			}
			n, err := c.Directory.Users(ctx, tx, directory.Scope{Organization: all[label].Organization, Connection: label})
			if err != nil {
				return err
			}
			c.labels, c.passed[label] = append(c.labels, label), true
			c.progress.Total += n
		}
		return nil
	})
}

// part is some users as they were read.
type part struct {
	facts  []directory.Facts
	direct map[string][]grant.Grant
}

// users evaluates all users of a connection by both configurations.
func (c *comparison) users(ctx context.Context, label string) error {
	scope := directory.Scope{Organization: cmp.Or(c.after.Connections[label].Organization, c.before.Connections[label].Organization), Connection: label}
	before, after := c.before.Policy.Evaluator(), c.after.Policy.Evaluator()
	alike := c.before.Policy.Digest(label) == c.after.Policy.Digest(label)
	group, ctx := errgroup.WithContext(ctx)
	parts := make(chan part, 1)
	group.Go(func() error {
		defer close(parts)
		return c.read(ctx, scope, parts)
	})
	group.Go(func() error {
		for some := range parts {
			if err := c.evaluate(ctx, label, some, before, after, alike); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// read hands on all users of a connection in parts.
func (c *comparison) read(ctx context.Context, scope directory.Scope, into chan<- part) error {
	crowd := c.Directory.Crowd(scope)
	for {
		var some part
		at := *crowd // a transaction may be run again
		err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
			*crowd = at
			if some.facts, err = crowd.Next(ctx, tx, page); err != nil {
				return err
			}
			principals := make([]string, len(some.facts))
			for i, f := range some.facts {
				principals[i] = grant.User(f.ID)
			}
			some.direct, err = c.Grants.Direct(ctx, tx, principals)
			return err
		})
		if err != nil {
			return err
		}
		select {
		case into <- some:
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(some.facts) < page {
			return nil
		}
	}
}

// evaluate compares what some users have.
func (c *comparison) evaluate(ctx context.Context, label string, some part, before, after *policy.Evaluator, alike bool) error {
	var who []policy.User
	var facts []*directory.Facts
	for i := range some.facts {
		if f := &some.facts[i]; f.Active { // who is not has nothing of mappings, and no access
			who, facts = append(who, grant.Reading(*f)), append(facts, f)
		}
	}
	was, will, err := both(ctx, who, before, after, alike)
	if err != nil {
		return err
	}
	access, because := c.admission(label)
	for i, f := range facts {
		direct := granted(some.direct[grant.User(f.ID)])
		has, gets := c.before.has(was[i], direct), c.after.has(will[i], direct)
		if err := c.user(f, shown(who[i]), has, gets, access, because); err != nil {
			return err
		}
	}
	c.sums.users += len(some.facts)
	return c.advance(len(some.facts))
}

// both evaluates users by two policies at once, which have nothing in common.
func both(ctx context.Context, who []policy.User, before, after *policy.Evaluator, alike bool) (was, will [][]policy.Granted, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		was, err = before.Mapped(ctx, who)
		return err
	})
	if !alike {
		group.Go(func() (err error) {
			will, err = after.Mapped(ctx, who)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	if alike {
		will = was
	}
	return was, will, nil
}

// shown is what people call a user.
func shown(u policy.User) string {
	return cmp.Or(u.Texts["email"], u.Texts["display_name"], u.Texts["user_name"])
}

// user counts what one active user holds, and what changes for them.
func (c *comparison) user(f *directory.Facts, name string, has, gets has, access, because string) error {
	stays := c.after.standing(f.Connection) && access != wire.AccessLost
	c.sums.hold(aUser, f.Organization, has.roles, gets.roles, c.before.standing(f.Connection), stays)
	one := wire.PlannedChange{
		Principal: grant.User(f.ID), Organization: f.Organization, Connection: f.Connection,
		Name: name, Gains: gets.without(has), Loses: has.without(gets), Access: access, Because: because,
	}
	return c.changed(one, aUser, f.Connection)
}

// granted is what the policy needs of grants.
func granted(list []grant.Grant) []policy.Granted {
	var out []policy.Granted
	for _, g := range list {
		out = append(out, policy.Granted{Role: g.Role, Source: string(g.Source), Rule: g.Rule, Reason: g.Reason})
	}
	return out
}
