package brake

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Release lets those go who wait: what was held back happens. The error is a
// Problem (NotFound) where the brake of the connection has not tripped. When it
// returns nil it is decided; what is left to do then is done by Run.
func (b *Brake) Release(ctx context.Context, by credential.By, connection string) (Window, error) {
	return b.decide(ctx, by, connection, Finishing, audit.BrakeReleased)
}

// Discard restores everybody of the window as they were: active, with their
// memberships, grants and keys. The window may be one that has not tripped. Where
// a name was given away meanwhile, that person is stuck, and the others are
// restored.
func (b *Brake) Discard(ctx context.Context, by credential.By, connection string) (Window, error) {
	return b.decide(ctx, by, connection, Restoring, audit.BrakeDiscarded)
}

func (b *Brake) decide(ctx context.Context, by credential.By, connection string, to State, action audit.Action) (w Window, err error) {
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		if w, err = waiting(ctx, tx, by.Within, connection, to == Restoring); err != nil {
			return err
		}
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
		b.Logger.WarnContext(ctx, "what the operator has decided is not done yet, and goes on", "connection", connection, "error", err)
	}
	w.Stuck = stuck
	return w, nil
}
