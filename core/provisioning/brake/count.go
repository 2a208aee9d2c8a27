package brake

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Leaving is who leaves a connection in one transaction.
type Leaving struct {
	Connection   string // label
	Organization string // label
	Actor        string // who does it, such as "connection:acme-okta"
	TraceID      string
	Users        []Leave
}

// Leave is one of them.
type Leave struct {
	User    string // id
	Deleted bool
	Active  bool // they were active until now: whoever was not does not count
}

// Leaving is called in the transaction in which people leave. Its error fails it.
// In the mode "hold" that is a *HeldError, which Note has to be told of once the
// transaction is over.
func (b *Brake) Leaving(ctx context.Context, tx *store.Tx, l Leaving) error {
	if len(l.Users) == 0 {
		return nil
	}
	w, released, err := b.counting(ctx, tx, l)
	if err != nil {
		return err
	}
	before := w.Leavers
	if err := b.mark(ctx, tx, &w, l.Users, released); err != nil {
		return err
	}
	over := w.Leavers > w.Allowed
	if w.Mode == Hold && w.Leavers > before && (over || w.State == Tripped) {
		return &HeldError{l, problem.New(problem.Unavailable, "too many people of connection %q leave: %d of %d within the window, which is the brake's limit", l.Connection, w.Leavers, w.Active).
			WithHint("the operator of this service releases them with gatehouse brake release, or keeps them with gatehouse brake discard").WithRetryAfter(heldFor)}
	}
	if over && w.State == Open {
		if err := b.trip(ctx, tx, &w, l); err != nil {
			return err
		}
	}
	return b.save(ctx, tx, w)
}

func (b *Brake) trip(ctx context.Context, tx *store.Tx, w *Window, l Leaving) error {
	w.State, w.TrippedAt = Tripped, b.now()
	tripped := *w
	tx.OnCommit(func() { b.warn(tripped) })
	return b.record(ctx, tx, audit.BrakeTripped, l.Actor, l.TraceID, tripped)
}

func (b *Brake) warn(w Window) {
	b.Logger.Warn("the brake has tripped: see gatehouse brake list, then release or discard", "connection", w.Connection, "mode", string(w.Mode), "left", w.Leavers, "active_before", w.Active)
}

// Returned is called in the transaction in which people are active again by
// another's doing than the brake's. They count no more. Their keys stay stopped
// until the window's end: a reactivation does not bring them back.
func (b *Brake) Returned(ctx context.Context, tx *store.Tx, connection string, users []string) error {
	for _, user := range users {
		var window string
		var counted int
		err := tx.QueryRow(ctx, `SELECT w.id, l.counted FROM brake_leaver l JOIN brake_window w ON w.id = l.window_id
			WHERE l.user_id = $1 AND l.state = 'left' AND w.connection = $2 AND w.state IN ('open', 'tripped')`, user, connection).Scan(&window, &counted)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE brake_leaver SET state = 'back', counted = 0 WHERE window_id = $1 AND user_id = $2`, window, user); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE brake_window SET leavers = leavers - $1 WHERE id = $2`, counted, window); err != nil {
			return err
		}
	}
	return nil
}

// counting finds the window that counts now, or opens one. released are those
// whom an operator lets go just now: they do not count again.
func (b *Brake) counting(ctx context.Context, tx *store.Tx, l Leaving) (w Window, released map[string]bool, err error) {
	now, rules := b.now(), b.Rules(l.Connection)
	row := tx.QueryRow(ctx, `SELECT `+windowColumns+` FROM brake_window WHERE connection = $1 AND state IN ('open', 'tripped')`, l.Connection)
	w, err = scanWindow(row.Scan)
	switch {
	case err == nil && (w.State == Tripped || w.EndsAt.After(now)):
	case err == nil: // over: what it waited for is done by Run
		if _, err := tx.Exec(ctx, `UPDATE brake_window SET state = 'finishing' WHERE id = $1`, w.ID); err != nil {
			return Window{}, nil, err
		}
		fallthrough
	case errors.Is(err, store.ErrNotFound):
		if w, err = b.open(ctx, tx, l, rules, now); err != nil {
			return Window{}, nil, err
		}
	default:
		return Window{}, nil, err
	}
	released = map[string]bool{}
	for _, u := range l.Users {
		var one int
		err := tx.QueryRow(ctx, `SELECT 1 FROM brake_leaver l JOIN brake_window w ON w.id = l.window_id
			WHERE l.user_id = $1 AND l.state = 'held' AND w.connection = $2 AND w.state = 'finishing'`, u.User, l.Connection).Scan(&one)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return Window{}, nil, err
		}
		released[u.User] = err == nil
	}
	return w, released, nil
}

// open begins a window. Whoever leaves now was active when it began.
func (b *Brake) open(ctx context.Context, tx *store.Tx, l Leaving, rules Rules, now time.Time) (Window, error) {
	active, err := b.Directory.Active(ctx, tx, directory.Scope{Organization: l.Organization, Connection: l.Connection})
	if err != nil {
		return Window{}, err
	}
	for _, u := range l.Users {
		if u.Active {
			active++
		}
	}
	id, err := secret.NewID(b.Random, "B", 15)
	if err != nil {
		return Window{}, err
	}
	w := Window{
		ID: id, Connection: l.Connection, Organization: l.Organization, State: Open, Mode: rules.Mode, StartedAt: now, EndsAt: now.Add(rules.Window),
		Active: active, Allowed: rules.allowed(active),
	}
	_, err = tx.Exec(ctx, `INSERT INTO brake_window (id, connection, organization, state, mode, started_at, ends_at, active, allowed, leavers, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '')`, w.ID, w.Connection, w.Organization, string(w.State), string(w.Mode),
		w.StartedAt.UnixMicro(), w.EndsAt.UnixMicro(), w.Active, w.Allowed)
	return w, err
}

// mark writes down who leaves, and counts those who did not before.
func (b *Brake) mark(ctx context.Context, tx *store.Tx, w *Window, users []Leave, released map[string]bool) error {
	for _, u := range users {
		counted, was, active := 0, 0, 0
		if u.Active && !released[u.User] {
			counted = 1
		}
		err := tx.QueryRow(ctx, `SELECT counted, active FROM brake_leaver WHERE window_id = $1 AND user_id = $2`, w.ID, u.User).Scan(&was, &active)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		counted, active = max(counted, was), max(active, number(u.Active))
		if _, err := tx.Exec(ctx, `INSERT INTO brake_leaver (window_id, user_id, deleted, active, counted, state, problem, at) VALUES ($1, $2, $3, $4, $5, 'left', '', $6)
			ON CONFLICT (window_id, user_id) DO UPDATE SET deleted = excluded.deleted, active = excluded.active, counted = excluded.counted, state = 'left'`,
			w.ID, u.User, number(u.Deleted), active, counted, b.now().UnixMicro()); err != nil {
			return err
		}
		w.Leavers += counted - was
	}
	return nil
}

func (b *Brake) save(ctx context.Context, tx *store.Tx, w Window) error {
	_, err := tx.Exec(ctx, `UPDATE brake_window SET state = $1, leavers = $2, tripped_at = $3, actor = $4 WHERE id = $5`,
		string(w.State), w.Leavers, micros(w.TrippedAt), w.Actor, w.ID)
	return err
}

func (b *Brake) record(ctx context.Context, tx *store.Tx, action audit.Action, actor, trace string, w Window) error {
	return b.Audit.Append(ctx, tx, audit.Record{
		Action: action, Actor: actor, TraceID: trace, Organization: w.Organization, Subject: w.Connection,
		After: map[string]any{"window": w.ID, "state": w.State, "mode": w.Mode, "active": w.Active, "allowed": w.Allowed, "left": w.Leavers},
	})
}

// now is the clock at the store's precision.
func (b *Brake) now() time.Time { return b.Clock().Truncate(time.Microsecond) }

func micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
