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
		rows, err := tx.Query(ctx, `SELECT `+windowColumns+`,
			(SELECT count(*) FROM brake_leaver WHERE window_id = id AND brake_leaver.state = 'held'),
			(SELECT count(*) FROM brake_leaver WHERE window_id = id AND brake_leaver.state = 'stuck')
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

// Leavers returns who left within a window, by id, after the given one; at most
// limit.
func (b *Brake) Leavers(ctx context.Context, window, after string, limit int) (list []Leaver, err error) {
	err = b.Store.Read(ctx, func(tx *store.Tx) error {
		list, err = leavers(ctx, tx, `SELECT user_id, deleted, state, problem, at FROM brake_leaver
			WHERE window_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3`, window, after, limit)
		return err
	})
	return list, err
}

func leavers(ctx context.Context, tx *store.Tx, query string, args ...any) (list []Leaver, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l Leaver
		var deleted int
		var at int64
		if err := rows.Scan(&l.User, &deleted, &l.State, &l.Problem, &at); err != nil {
			return nil, err
		}
		l.Deleted, l.At = deleted == 1, time.UnixMicro(at)
		list = append(list, l)
	}
	return list, rows.Err()
}

// waiting finds the window of a connection that an operator can decide on: the
// tripped one, or one whose people are stuck; to discard also the one that
// counts. organization confines it; "" does not.
func waiting(ctx context.Context, tx *store.Tx, organization, connection string, open bool) (Window, error) {
	row := tx.QueryRow(ctx, `SELECT `+windowColumns+` FROM brake_window
		WHERE connection = $1 AND ($2 = '' OR organization = $2) AND (state = 'tripped' OR (state = 'open' AND $3 = 1) OR
			(state = 'restoring' AND EXISTS (SELECT 1 FROM brake_leaver WHERE window_id = id AND brake_leaver.state = 'stuck')))
		ORDER BY CASE state WHEN 'tripped' THEN 0 WHEN 'open' THEN 1 ELSE 2 END, started_at LIMIT 1`, connection, organization, number(open))
	w, err := scanWindow(row.Scan)
	if errors.Is(err, store.ErrNotFound) {
		return Window{}, problem.New(problem.NotFound, "the brake of connection %q has nothing to decide on", connection).WithHint("gatehouse brake list")
	}
	return w, err
}
