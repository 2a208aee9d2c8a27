package brake

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// batch bounds one transaction, so that no writer waits long behind it.
const batch = 50

// lookEvery is how often Run looks for windows that are over.
const lookEvery = 10 * time.Second

// Run ends the windows that are over, and goes on with what was decided, until
// ctx ends. What fails is reported, and tried again with the next look.
func (b *Brake) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := b.Advance(ctx); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}

// Advance does once what Run does again and again. A window that fails does not
// keep the others.
func (b *Brake) Advance(ctx context.Context) error {
	var due []Window
	err := b.Store.Read(ctx, func(tx *store.Tx) error {
		due = nil
		rows, err := tx.Query(ctx, `SELECT `+windowColumns+` FROM brake_window
			WHERE state IN ('finishing', 'restoring') OR (state = 'open' AND ends_at <= $1) ORDER BY ends_at, id`, b.now().UnixMicro())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			w, err := scanWindow(rows.Scan)
			if err != nil {
				return err
			}
			due = append(due, w)
		}
		return rows.Err()
	})
	errs := []error{err}
	for _, w := range due {
		if w.State == Open {
			err = b.end(ctx, &w)
			errs = append(errs, err)
		}
		if w.State != Open {
			_, err = b.work(ctx, w)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// end lets the leavers of a window go that is over and has not tripped.
func (b *Brake) end(ctx context.Context, w *Window) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		ended, err := tx.Exec(ctx, `UPDATE brake_window SET state = 'finishing' WHERE id = $1 AND state = 'open' AND ends_at <= $2`, w.ID, b.now().UnixMicro())
		if err == nil && ended == 1 {
			w.State = Finishing
		}
		return err // one that has tripped meanwhile stays
	})
}

// work finishes or restores the leavers of a window, a batch a transaction, and
// removes it when nobody is left. It begins where it was interrupted.
func (b *Brake) work(ctx context.Context, w Window) (stuck int, err error) {
	step := b.finish
	if w.State == Restoring {
		step = b.restore
	}
	by := credential.By{Actor: w.Actor}
	if by.Actor == "" {
		by.Actor = "host:brake"
	}
	for {
		more, err := step(ctx, by, w)
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
	}
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM brake_leaver WHERE window_id = $1`, w.ID).Scan(&stuck); err != nil || stuck > 0 {
			return err
		}
		removed, err := tx.Exec(ctx, `DELETE FROM brake_window WHERE id = $1`, w.ID)
		if err != nil || removed == 0 || w.State != Finishing {
			return err
		}
		return b.record(ctx, tx, audit.BrakeFinished, by.Actor, "", w)
	})
	return stuck, err
}

// finish does what cannot be taken back to a batch of leavers. Those who were
// held leave first, and are then leavers of the window that counts now.
func (b *Brake) finish(ctx context.Context, by credential.By, w Window) (more bool, err error) {
	held, err := b.some(ctx, w, `state = 'held'`, batch)
	if err != nil {
		return false, err
	}
	for _, l := range held {
		if err := b.Directory.Leave(ctx, by, w.scope(), l.User, l.Deleted); err != nil {
			return false, err
		}
		if err := b.Store.Write(ctx, func(tx *store.Tx) error { return drop(ctx, tx, w, []string{l.User}) }); err != nil {
			return false, err
		}
	}
	if len(held) == batch {
		return true, nil
	}
	done := 0
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		list, err := leavers(ctx, tx, someLeavers+`state <> 'held' ORDER BY user_id LIMIT $2`, w.ID, batch)
		if err != nil {
			return err
		}
		done = len(list)
		var all, deleted []string
		for _, l := range list {
			all = append(all, l.User)
			if l.Deleted {
				deleted = append(deleted, l.User)
			}
		}
		if len(all) == 0 {
			return nil
		}
		if err := b.Keys.RevokeOwned(ctx, tx, by, all); err != nil {
			return err
		}
		if len(deleted) > 0 {
			if err := b.Directory.Purge(ctx, tx, by, w.scope(), deleted); err != nil {
				return err
			}
		}
		return drop(ctx, tx, w, all)
	})
	return done == batch, err
}

// restore makes a batch of leavers what they were. Where that fails for one of
// them the batch is done one by one, and that one is stuck.
func (b *Brake) restore(ctx context.Context, by credential.By, w Window) (more bool, err error) {
	list, err := b.some(ctx, w, `state <> 'stuck'`, batch)
	if err != nil || len(list) == 0 {
		return false, err
	}
	err = b.restoreAll(ctx, by, w, list)
	if lost(err) {
		for _, l := range list {
			err = b.restoreAll(ctx, by, w, []Leaver{l})
			if lost(err) {
				err = b.stick(ctx, w, l.User, problem.As(err).Detail)
			}
			if err != nil {
				return false, err
			}
		}
	}
	return len(list) == batch, err
}

// lost reports whether somebody cannot be restored, however often it is tried.
func lost(err error) bool {
	return problem.Is(err, problem.Conflict) || problem.Is(err, problem.NotFound)
}

func (b *Brake) restoreAll(ctx context.Context, by credential.By, w Window, list []Leaver) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		var left []Leaver
		var users, all []string
		for _, l := range list {
			all = append(all, l.User)
			if l.State != Held { // who was held has lost nothing
				left, users = append(left, l), append(users, l.User)
			}
		}
		// They are no leavers of this window any more when others hear of it.
		if err := drop(ctx, tx, w, all); err != nil || len(left) == 0 {
			return err
		}
		for _, l := range left {
			if err := b.Directory.Restore(ctx, tx, by, w.scope(), l.User, l.Active); err != nil {
				return err
			}
		}
		return b.Keys.RestoreOwned(ctx, tx, by, users)
	})
}

func (b *Brake) stick(ctx context.Context, w Window, user, why string) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE brake_leaver SET state = 'stuck', problem = $1 WHERE window_id = $2 AND user_id = $3`, why, w.ID, user)
		return err
	})
}

const someLeavers = `SELECT user_id, deleted, active, state, problem, at FROM brake_leaver WHERE window_id = $1 AND `

func (b *Brake) some(ctx context.Context, w Window, where string, limit int) (list []Leaver, err error) {
	err = b.Store.Read(ctx, func(tx *store.Tx) error {
		list, err = leavers(ctx, tx, someLeavers+where+` ORDER BY user_id LIMIT $2`, w.ID, limit)
		return err
	})
	return list, err
}

func drop(ctx context.Context, tx *store.Tx, w Window, users []string) error {
	for _, user := range users {
		if _, err := tx.Exec(ctx, `DELETE FROM brake_leaver WHERE window_id = $1 AND user_id = $2`, w.ID, user); err != nil {
			return err
		}
	}
	return nil
}
