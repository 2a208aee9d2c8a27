package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

// Tx is a transaction that Write or Read lends to its function. It is used by
// one goroutine and is of no use after the function has returned.
//
// The first statement that fails ends it: later ones are refused, and Write
// keeps nothing even if the function returns nil. PostgreSQL has this rule,
// and so SQLite gets it too.
type Tx struct {
	raw     *sql.Tx
	whole   bool // statements are not interrupted when their context ends
	failed  error
	rows    []*sql.Rows
	effects []func()
	over    atomic.Bool
}

var errOver = errors.New("the transaction is over")

// Exec runs a statement and returns how many rows it touched. The error of a
// row whose key is taken is ErrConflict.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	if ctx, err = t.ready(ctx); err != nil {
		return 0, err
	}
	res, err := t.raw.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, t.fail(err)
	}
	return n, nil
}

// Query runs a statement that answers rows. They are read and closed before
// the next statement; the caller looks at their Err. What is left open is
// closed when the transaction ends.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := t.raw.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, t.fail(err)
	}
	t.rows = append(t.rows, rows)
	return rows, nil
}

// QueryRow runs a statement that answers one row. Its errors come from Scan.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	ctx, err := t.ready(ctx)
	if err != nil {
		return &Row{err: err}
	}
	return &Row{tx: t, row: t.raw.QueryRowContext(ctx, query, args...)}
}

// Row is the answer of QueryRow.
type Row struct {
	tx  *Tx
	row *sql.Row
	err error
}

// Scan copies the row's columns to dest. Without a row it is ErrNotFound,
// after which the transaction goes on.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	err := r.row.Scan(dest...)
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return explain(err)
	}
	return r.tx.fail(err)
}

// OnCommit registers an effect outside of the database. Effects run after the
// commit, in order, on the goroutine that called Write and before Write
// returns; never if there is no commit.
func (t *Tx) OnCommit(effect func()) { t.effects = append(t.effects, effect) }

// ready refuses a statement on a transaction that has failed or is over. A
// SQLite write is not interrupted while it runs: SQLite would roll back the
// whole transaction, which others share.
func (t *Tx) ready(ctx context.Context) (context.Context, error) {
	if t.over.Load() {
		return nil, errOver
	}
	for _, rows := range t.rows {
		if err := rows.Err(); err != nil {
			return nil, t.fail(err)
		}
	}
	if t.failed != nil {
		return nil, t.failed
	}
	if err := ctx.Err(); err != nil {
		return nil, t.fail(err)
	}
	if t.whole {
		ctx = context.WithoutCancel(ctx)
	}
	return ctx, nil
}

func (t *Tx) fail(err error) error {
	if t.failed == nil {
		t.failed = fmt.Errorf("the transaction failed: %w", explain(err))
	}
	return t.failed
}

// run calls fn. Its error is the function's, or that of a statement which the
// function did not mind.
func (t *Tx) run(ctx context.Context, fn func(*Tx) error) error {
	if _, err := t.ready(ctx); err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return err
	}
	for _, rows := range t.rows {
		if err := rows.Err(); err != nil {
			return t.fail(err)
		}
	}
	return t.failed
}

// end closes what the function left open.
func (t *Tx) end() {
	t.over.Store(true)
	for _, rows := range t.rows {
		_ = rows.Close() // its error was looked at by run
	}
}

// committed runs the effects. One that panics does not keep the others from
// running.
func (t *Tx) committed() { inOrder(t.effects) }

func inOrder(effects []func()) {
	if len(effects) == 0 {
		return
	}
	defer inOrder(effects[1:])
	effects[0]()
}
