package grant

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// workerActor is who the audit log says did what the worker does.
const workerActor = "grants"

// untilEnd is how long it is until the next grant ends, at most lookEvery.
func (g *Grants) untilEnd(ctx context.Context) (time.Duration, error) {
	var next sql.NullInt64
	err := g.store.Select(ctx, func(rows *sql.Rows) error { return rows.Scan(&next) },
		`SELECT MIN(expires_at) FROM principal_grant WHERE expires_at IS NOT NULL AND kept_at IS NULL`)
	if err != nil || !next.Valid {
		return lookEvery, err
	}
	return max(0, min(lookEvery, time.UnixMicro(next.Int64).Sub(g.clock()))), nil
}

// Expire removes the grants whose end has come. They count no more since then;
// here the audit log says so, and the last of a protected role is kept.
func (g *Grants) Expire(ctx context.Context) error {
	for more := true; more; {
		var over []Grant
		now := g.clock().UnixMicro()
		err := g.store.Select(ctx, func(rows *sql.Rows) error {
			one, err := scan(rows)
			over = append(over, one)
			return err
		}, `SELECT `+grantColumns+` FROM principal_grant WHERE expires_at IS NOT NULL AND kept_at IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2`, now, perStep)
		if err != nil {
			return fmt.Errorf("looking for grants that have ended: %w", err)
		}
		for _, one := range over {
			if err := g.store.Write(ctx, func(tx *store.Tx) error { return g.end(ctx, tx, one, now) }); err != nil {
				return fmt.Errorf("ending a grant of %s: %w", one.Principal, err)
			}
		}
		more = len(over) == perStep
	}
	return nil
}

// end ends one grant, if its end is still what it was.
func (g *Grants) end(ctx context.Context, tx *store.Tx, one Grant, now int64) error {
	found, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE principal = $1 AND role = $2 AND source = $3 AND rule = $4
		AND kept_at IS NULL AND expires_at <= $5`, one.Principal, one.Role, string(one.Source), one.Rule, now)
	if err != nil || len(found) == 0 {
		return err
	}
	if err := remove(ctx, tx, found); err != nil {
		return err
	}
	by := By{Actor: workerActor, Organization: one.Organization, Why: "its end, " + one.EndsAt.UTC().Format(time.RFC3339)}
	return g.write(ctx, tx, by, differences{taken: found, ended: audit.GrantEnded, tags: []change.Tag{change.Grants(one.Principal)}})
}

// Review takes what was kept and need not be any more: because somebody who has
// the role as well is active again.
func (g *Grants) Review(ctx context.Context) error {
	var kept []Grant
	err := g.store.Select(ctx, func(rows *sql.Rows) error {
		var one Grant
		err := rows.Scan(&one.Role, &one.Organization)
		kept = append(kept, one)
		return err
	}, `SELECT DISTINCT role, organization FROM principal_grant WHERE kept_at IS NOT NULL ORDER BY role, organization`)
	if err != nil {
		return fmt.Errorf("looking for grants that are kept: %w", err)
	}
	for _, one := range kept {
		var someone bool
		err := g.store.Read(ctx, func(tx *store.Tx) (err error) {
			someone, err = g.held(ctx, tx, one.Role, one.Organization)
			return err
		})
		if err == nil && someone {
			err = g.store.Write(ctx, func(tx *store.Tx) error {
				by := By{Actor: workerActor, Organization: one.Organization}
				var d differences
				if err := g.settle(ctx, tx, by, &d, one.Role, nil); err != nil {
					return err
				}
				return g.write(ctx, tx, by, d)
			})
		}
		if err != nil {
			return fmt.Errorf("looking whether role %q of organization %q has another holder: %w", one.Role, one.Organization, err)
		}
	}
	return nil
}
