package brake

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const windowColumns = `id, connection, organization, state, mode, started_at, ends_at, active, allowed, leavers, tripped_at, actor`

// counts are of those of a window who were held, and who are stuck.
const counts = `, (SELECT count(*) FROM brake_leaver WHERE window_id = brake_window.id AND brake_leaver.state = 'held'),
	(SELECT count(*) FROM brake_leaver WHERE window_id = brake_window.id AND brake_leaver.state = 'stuck')`

func scanWindow(scan func(...any) error, more ...any) (w Window, err error) {
	var started, ends int64
	var tripped sql.NullInt64
	to := []any{&w.ID, &w.Connection, &w.Organization, &w.State, &w.Mode, &started, &ends, &w.Active, &w.Allowed, &w.Leavers, &tripped, &w.Actor}
	if err := scan(append(to, more...)...); err != nil {
		return Window{}, err
	}
	w.StartedAt, w.EndsAt = time.UnixMicro(started), time.UnixMicro(ends)
	if tripped.Valid {
		w.TrippedAt = time.UnixMicro(tripped.Int64)
	}
	return w, nil
}

// List returns the windows of an organization ("" is all): those that wait for an
// operator, then those that count, then those that something is left to do of.
// Each connection has one that counts at most, so there are few.
func (b *Brake) List(ctx context.Context, organization string) (list []Window, err error) {
	err = b.Store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		rows, err := tx.Query(ctx, `SELECT `+windowColumns+counts+`
			FROM brake_window WHERE ($1 = '' OR organization = $1)
			ORDER BY CASE state WHEN 'tripped' THEN 0 WHEN 'open' THEN 1 ELSE 2 END, connection, started_at, id`, organization)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var held, stuck int
			w, err := scanWindow(rows.Scan, &held, &stuck)
			if err != nil {
				return err
			}
			w.Held, w.Stuck = held, stuck
			list = append(list, w)
		}
		return rows.Err()
	})
	return list, err
}

// Leavers returns a window of an organization ("" is any), and who left within it,
// by id, after the given one; at most limit. The error is a Problem (NotFound)
// where there is no such window.
func (b *Brake) Leavers(ctx context.Context, organization, window, after string, limit int) (w Window, list []Leaver, err error) {
	err = b.Store.Read(ctx, func(tx *store.Tx) error {
		if w, err = find(ctx, tx, organization, window); err != nil {
			return err
		}
		list, err = leavers(ctx, tx, `SELECT user_id, deleted, active, state, problem, at FROM brake_leaver
			WHERE window_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3`, window, after, limit)
		return err
	})
	return w, list, err
}

func leavers(ctx context.Context, tx *store.Tx, query string, args ...any) (list []Leaver, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l Leaver
		var deleted, active int
		var at int64
		if err := rows.Scan(&l.User, &deleted, &active, &l.State, &l.Problem, &at); err != nil {
			return nil, err
		}
		l.Deleted, l.Active, l.At = deleted == 1, active == 1, time.UnixMicro(at)
		list = append(list, l)
	}
	return list, rows.Err()
}

// find returns a window. organization confines it; "" does not.
func find(ctx context.Context, tx *store.Tx, organization, id string) (w Window, err error) {
	row := tx.QueryRow(ctx, `SELECT `+windowColumns+counts+` FROM brake_window WHERE id = $1 AND ($2 = '' OR organization = $2)`, id, organization)
	var held, stuck int
	w, err = scanWindow(row.Scan, &held, &stuck)
	if errors.Is(err, store.ErrNotFound) {
		return Window{}, problem.New(problem.NotFound, "there is no window %q of a brake", id).WithHint("gatehouse brake list")
	}
	w.Held, w.Stuck = held, stuck
	return w, err
}

// decidable finds a window that an operator can send to a state. One that counts
// ends by itself, but can be discarded.
func decidable(ctx context.Context, tx *store.Tx, organization, id string, to State) (Window, error) {
	w, err := find(ctx, tx, organization, id)
	switch {
	case err != nil, w.State == Tripped, w.State == Open && to == Restoring, w.State == Restoring && w.Stuck > 0:
		return w, err
	case w.State == Open:
		return Window{}, problem.New(problem.Conflict, "the brake of connection %q has not tripped", w.Connection).
			WithHint("what waits for the end of its window happens then; gatehouse brake discard restores everybody of it")
	}
	return Window{}, problem.New(problem.Conflict, "the window of connection %q is decided already: it is %s", w.Connection, w.State)
}
