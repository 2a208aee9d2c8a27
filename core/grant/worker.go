package grant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
)

const (
	perStep   = 200         // users that one transaction of the worker brings up to their mappings
	lookEvery = time.Minute // how often the worker looks where nobody wakes it
)

// Run brings stale grants up to the mappings in force, one connection after the
// other, and removes the grants that have ended, until ctx ends. failed is told of
// what went wrong, which is tried again.
func (g *Grants) Run(ctx context.Context, failed func(error)) {
	for {
		wait, whole := lookEvery, true
		look := func(ctx context.Context) (err error) {
			wait, err = g.untilEnd(ctx)
			return err
		}
		for _, work := range []func(context.Context) error{g.Clear, g.Expire, g.Review, look} { // one that fails does not keep the others
			if err := work(ctx); err != nil && ctx.Err() == nil {
				failed(err)
				whole = false
			}
		}
		if !whole {
			wait = lookEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-g.woken:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// wake has the worker look, also where it is busy with another look.
func (g *Grants) wake() {
	select {
	case g.woken <- struct{}{}:
	default:
	}
}

// Clear brings what is stale up to the mappings in force. What becomes stale
// meanwhile, or has other mappings than this process runs with, is left to the
// next time.
func (g *Grants) Clear(ctx context.Context) error {
	var stale []string
	err := g.store.Select(ctx, func(rows *sql.Rows) error {
		var connection string
		err := rows.Scan(&connection)
		stale = append(stale, connection)
		return err
	}, `SELECT connection FROM grant_rules WHERE stale = 1 ORDER BY connection`)
	if err != nil {
		return fmt.Errorf("looking for stale grants: %w", err)
	}
	var all []error // what goes wrong with one connection holds up no other
	for _, connection := range stale {
		if err := g.clear(ctx, connection); err != nil {
			all = append(all, fmt.Errorf("bringing the grants of connection %q up to its mappings: %w", connection, err))
		}
	}
	return errors.Join(all...)
}

func (g *Grants) clear(ctx context.Context, connection string) error {
	var first rules
	err := g.store.Read(ctx, func(tx *store.Tx) (err error) {
		first, err = rulesOf(ctx, tx, connection)
		return err
	})
	if err != nil {
		return err
	}
	if p := g.policy.Load(); p != nil && p.HasOwn(connection) {
		if err := g.failing.pausing(p, connection, g.clock()); err != nil {
			return err
		}
	}
	for after, done := "", false; !done; {
		var late bool
		err := g.store.Write(ctx, func(tx *store.Tx) error {
			last, more, tooLate, err := g.step(ctx, tx, first, after)
			if err == nil {
				after, done, late = last, !more, tooLate
			}
			return err
		})
		if err != nil {
			return err
		}
		if late {
			return fmt.Errorf("its own rego gave no answer in time, and is asked again: %w", context.DeadlineExceeded)
		}
	}
	return nil
}

// step does the next users, and says after the last that all are done. more is
// false also where it is not for this pass to go on; late, where own Rego was.
func (g *Grants) step(ctx context.Context, tx *store.Tx, first rules, after string) (last string, more, late bool, err error) {
	now, err := rulesOf(ctx, tx, first.connection)
	p := g.policy.Load()
	if err != nil || !now.stale || now.pass != first.pass || p == nil || p.Digest(now.connection) != now.digest {
		return after, false, false, err
	}
	some := few(p, now.connection, perStep)
	users, err := g.directory.UsersOf(ctx, tx, directory.Scope{Organization: now.organization, Connection: now.connection}, after, some)
	if err != nil {
		return after, false, false, err
	}
	if len(users) > 0 {
		by := By{Actor: workerActor, Organization: now.organization, Why: "the mappings of connection " + now.connection}
		if late, err = g.refresh(ctx, tx, by, p, users, false); err != nil || late {
			return after, false, late, err
		}
		after = users[len(users)-1]
	}
	if len(users) == some {
		return after, true, false, nil
	}
	if _, err := tx.Exec(ctx, `UPDATE grant_rules SET stale = 0 WHERE connection = $1`, now.connection); err != nil {
		return after, false, false, err
	}
	return after, false, false, g.feed.Append(ctx, tx, change.Connection(now.connection))
}
