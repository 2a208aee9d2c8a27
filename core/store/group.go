package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
)

// group is the writer of SQLite. A commit costs a wait for the disk, so the
// functions that wait at one time share a transaction: each runs under a
// savepoint of its own, on its caller's goroutine, one after the other; the
// transaction is committed once, and then everybody is answered.
type group struct {
	db      *sql.DB
	ctx     context.Context // of the shared transactions: no caller's
	queue   chan *turn
	quit    chan struct{}
	stopped chan struct{}
	doubt   func()
}

// maxTurns is the number of functions that share one commit at most, so that
// the first one's wait has a bound.
const maxTurns = 128

// turn is one function's place in the queue. The writer says on reply that it
// may run (or why not), hears on ran whether its work is to be kept, and says
// on reply how the commit ended.
type turn struct {
	reply chan error
	ran   chan bool
	tx    *sql.Tx // set before the first reply
}

// errLost is what happens to those whose shared transaction another one broke.
var errLost = errors.New("the shared transaction was rolled back")

var errClosed = errors.New("the store is closed")

func newGroup(ctx context.Context, db *sql.DB, doubt func()) *group {
	g := &group{
		db: db, ctx: context.WithoutCancel(ctx), doubt: doubt,
		queue: make(chan *turn), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	go g.serve()
	return g
}

// stop lets the transaction that has begun end.
func (g *group) stop() {
	close(g.quit)
	<-g.stopped
}

func (g *group) write(ctx context.Context, tries int, fn func(*Tx) error) error {
	var err error
	for range tries {
		if err = g.once(ctx, fn); !errors.Is(err, errLost) {
			return err
		}
	}
	return unavailable(err, "the database gave up a transaction again and again", "repeat the request; if it persists, look at the cause in the log")
}

func (g *group) once(ctx context.Context, fn func(*Tx) error) error {
	t := &turn{reply: make(chan error, 1), ran: make(chan bool, 1)}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.stopped:
		return errClosed
	case g.queue <- t:
	}
	if err := <-t.reply; err != nil {
		return err
	}
	tx := &Tx{raw: t.tx, whole: true}
	runErr := t.run(ctx, tx, fn)
	if err := <-t.reply; err != nil {
		return err
	}
	if runErr != nil {
		return runErr
	}
	tx.committed()
	return nil
}

// run calls fn and tells the writer, also when fn panics or ends its goroutine.
func (t *turn) run(ctx context.Context, tx *Tx, fn func(*Tx) error) (err error) {
	keep := false
	defer func() {
		tx.end()
		t.ran <- keep
	}()
	err = tx.run(ctx, fn)
	keep = err == nil
	return err
}

func (g *group) serve() {
	defer close(g.stopped)
	for {
		select {
		case <-g.quit:
			return
		case t := <-g.queue:
			g.batch(t)
		}
	}
}

// batch serves first and whoever waits behind it with one commit.
func (g *group) batch(first *turn) {
	tx, err := g.db.BeginTx(g.ctx, nil)
	if err != nil { // for all who have waited with it, and nobody who comes later
		failed := []*turn{first}
		for t := g.next(); t != nil; t = g.next() {
			failed = append(failed, t)
		}
		answer(failed, err)
		return
	}
	var kept []*turn
	for served, t := 1, first; t != nil; served++ {
		keep, err := g.lend(tx, t)
		if keep {
			kept = append(kept, t)
		}
		if err != nil {
			_ = tx.Rollback() // SQLite has mostly done so by itself
			answer(kept, fmt.Errorf("%w: %w", errLost, err))
			return
		}
		if t = nil; served < maxTurns {
			t = g.next()
		}
	}
	if len(kept) == 0 {
		_ = tx.Rollback()
		return
	}
	if err = tx.Commit(); err != nil {
		g.doubt()
	}
	answer(kept, err)
}

// lend lets t run on tx. It reports whether its work stands, and an error if
// the transaction as a whole does not.
func (g *group) lend(tx *sql.Tx, t *turn) (keep bool, err error) {
	if _, err := tx.ExecContext(g.ctx, `SAVEPOINT turn`); err != nil {
		t.reply <- err
		return false, err
	}
	t.tx = tx
	t.reply <- nil
	if <-t.ran {
		if _, err := tx.ExecContext(g.ctx, `RELEASE turn`); err != nil {
			t.reply <- err // it broke the transaction, so it is not run again
			return false, err
		}
		return true, nil
	}
	_, err = tx.ExecContext(g.ctx, `ROLLBACK TO turn; RELEASE turn`)
	t.reply <- nil
	return false, err
}

// next is the one who waits longest, or nil. Those that the last commit woke
// get a chance to queue up first.
func (g *group) next() *turn {
	for range 2 {
		select {
		case t := <-g.queue:
			return t
		default:
			runtime.Gosched()
		}
	}
	return nil
}

func answer(turns []*turn, err error) {
	for _, t := range turns {
		t.reply <- err
	}
}
