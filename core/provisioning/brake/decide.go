package brake

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Seen is whom an operator has looked at: how many had left, and were held, then.
type Seen struct{ Left, Held int }

// Release lets those go who wait within a window: what was held back happens. It
// has to have tripped, or to have people whom nothing can restore. When it returns
// nil it is decided; what is left to do then is done by Run. The error is a
// Problem: NotFound, Conflict where there is nothing to decide, or Changed where
// others have left than were seen: it cannot be taken back.
func (b *Brake) Release(ctx context.Context, by credential.By, window string, seen Seen) (Window, error) {
	return b.decide(ctx, by, window, Finishing, audit.BrakeReleased, func(w Window) error {
		if w.Gone() == seen.Left && w.Held == seen.Held {
			return nil
		}
		return problem.New(problem.Changed, "from connection %q %d have left by now and %d are held, not %d and %d: nobody was released",
			w.Connection, w.Gone(), w.Held, seen.Left, seen.Held).WithHint("look who they are, and release them then: gatehouse brake list %s", w.Connection)
	})
}

// Discard restores everybody of the window as they were: active, with their
// memberships, grants and keys. The window may be one that has not tripped. Where
// a name was given away meanwhile, that person is stuck, and the others are
// restored.
func (b *Brake) Discard(ctx context.Context, by credential.By, window string) (Window, error) {
	return b.decide(ctx, by, window, Restoring, audit.BrakeDiscarded, func(Window) error { return nil })
}

func (b *Brake) decide(ctx context.Context, by credential.By, window string, to State, action audit.Action, check func(Window) error) (w Window, err error) {
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		if w, err = decidable(ctx, tx, by.Within, window, to); err != nil {
			return err
		}
		if err := check(w); err != nil {
			return err
		}
		w.Leavers = w.Gone()
		w.State, w.Actor = to, by.Actor
		if to == Restoring { // those who are stuck are tried again
			if _, err := tx.Exec(ctx, `UPDATE brake_leaver SET state = 'left', problem = '' WHERE window_id = $1 AND state = 'stuck'`, w.ID); err != nil {
				return err
			}
		}
		if err := b.record(ctx, tx, action, by.Actor, by.TraceID, w); err != nil {
			return err
		}
		return b.save(ctx, tx, w)
	})
	if err != nil {
		return Window{}, err
	}
	stuck, err := b.work(ctx, w)
	if err != nil { // it is decided, and Run goes on with it
		b.Logger.WarnContext(ctx, "what the operator has decided is not done yet, and goes on", "connection", w.Connection, "error", err)
	}
	w.Stuck = stuck
	return w, nil
}
