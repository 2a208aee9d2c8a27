package brake

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// heldFor is when an IdP comes again. Okta doubles it, ten times.
const heldFor = 5 * time.Minute

// HeldError says that people were kept from leaving.
type HeldError struct {
	Leaving
	*problem.Problem
}

// Unwrap gives the Problem to errors.As.
func (e *HeldError) Unwrap() error { return e.Problem }

// Note writes down whom a HeldError kept from leaving, in a transaction of its own:
// the one in which they would have left is undone. It returns the error for
// whoever asked, and every other error as it is. If it cannot be written, the
// IdP's next attempt is held, and noted, again.
func (b *Brake) Note(ctx context.Context, err error) error {
	var held *HeldError
	if !errors.As(err, &held) {
		return err
	}
	// Whoever asked may be gone; they were kept from leaving all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if failed := b.Store.Write(ctx, func(tx *store.Tx) error { return b.note(ctx, tx, held.Leaving) }); failed != nil {
		b.Logger.ErrorContext(ctx, "whom the brake has held could not be noted", "connection", held.Connection, "error", failed)
	}
	return held.Problem
}

const noteTime = 5 * time.Second

func (b *Brake) note(ctx context.Context, tx *store.Tx, l Leaving) error {
	kept := l
	kept.Users = nil // who are active still, and counted as such
	w, _, err := b.counting(ctx, tx, kept)
	if err != nil {
		return err
	}
	for _, u := range l.Users {
		if !u.Active {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO brake_leaver (window_id, user_id, deleted, active, counted, state, problem, at) VALUES ($1, $2, $3, 1, 0, 'held', '', $4)
			ON CONFLICT (window_id, user_id) DO UPDATE SET deleted = excluded.deleted, state = 'held'`,
			w.ID, u.User, number(u.Deleted), b.now().UnixMicro()); err != nil {
			return err
		}
	}
	if w.State == Open {
		if err := b.trip(ctx, tx, &w, l); err != nil {
			return err
		}
	}
	return b.save(ctx, tx, w)
}
