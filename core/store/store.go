// Package store is the one way to the database: SQLite in a file, or
// PostgreSQL. It opens and migrates it, runs transactions, and says in plain
// words what is wrong when it cannot. It knows tables only as far as their
// migrations; the statements stand with the rooms that own the data.
//
// One statement text serves both databases: parameters are $1, $2, ids are
// TEXT, times BIGINT microseconds of our own clock, JSON is TEXT. There are no
// triggers and no clock of the database.
package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// tries bounds how often something is run that is safe to repeat.
const tries = 10

// Dialect is the kind of database behind a Store.
type Dialect string

// The databases that are supported.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Options say which database to open and how. Only URL is needed.
type Options struct {
	// URL is sqlite:///absolute/path.db, sqlite://relative/path.db or
	// postgres://... as libpq reads it.
	URL string
	// Logger receives what an operator should know; nil discards it.
	Logger *slog.Logger
	// Readers is the number of connections that read at once; 0 means 8.
	Readers int
	// StatementTime bounds one statement on PostgreSQL and the wait for
	// another process's lock on SQLite; 0 means 10 s and 2 s.
	StatementTime time.Duration
}

// Store is an open database. Its methods may be called by many goroutines.
type Store struct {
	dialect  Dialect
	log      *slog.Logger
	writer   *sql.DB
	reader   *sql.DB
	claim    claim
	present  func() error // nil while the database is where it was opened
	write    func(ctx context.Context, tries int, fn func(*Tx) error) error
	stop     func() // ends what write needs
	observer Observer
	turns    *turns // of WriteInTurn

	close    sync.Once
	closing  chan struct{}
	closeErr error // what Close answers

	doubts struct {
		sync.Mutex
		fns []func()
	}
}

// claim is the right to be the only host on a database.
type claim interface {
	// held is nil while the claim stands, else a Problem.
	held() error
	release() error
}

// Open opens the database and claims it for this process. The error of a
// database that another process holds is a Problem (Conflict) that names it;
// one of a database that is not there, locked, read-only or damaged is a
// Problem (Unavailable). The tables are made by Migrate.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Readers == 0 {
		o.Readers = 8
	}
	s := &Store{log: o.Logger, closing: make(chan struct{}), present: func() error { return nil }, turns: newTurns()}
	scheme, rest, _ := strings.Cut(o.URL, "://")
	switch scheme {
	case "sqlite":
		if err := s.openSQLite(ctx, rest, o); err != nil {
			return nil, err
		}
	case "postgres", "postgresql":
		if err := s.openPostgres(ctx, o); err != nil {
			return nil, err
		}
	default:
		return nil, problem.New(problem.Invalid, "the store's url is neither sqlite:// nor postgres://").
			WithHint("write sqlite:///var/lib/gatehouse/gatehouse.db or postgres://user@host/database")
	}
	return s, nil
}

// Dialect says which database this is. Statements seldom need to know.
func (s *Store) Dialect() Dialect { return s.dialect }

// Close waits for the transactions that have begun and gives the database
// free. Later calls are refused.
func (s *Store) Close() error {
	s.close.Do(func() {
		close(s.closing)
		s.stop()
		s.closeErr = errors.Join(s.reader.Close(), s.writer.Close(), s.claim.release())
	})
	return s.closeErr
}

// Write runs fn in a transaction that is durable when Write returns nil.
//
// fn may be run again, so it changes nothing outside of the transaction: what
// must happen elsewhere is given to Tx.OnCommit. It calls no other process and
// waits for nothing, least of all for another Write. If it returns an error,
// panics, or one of its statements failed, nothing of it is kept. Transactions
// are serializable on both databases. A ctx that ends before fn's turn has come
// drops it without effect.
//
// On SQLite, functions that wait at the same time share one commit, each under
// a savepoint of its own.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) (err error) {
	defer s.observe(Writing, time.Now(), &err)
	if err := s.writable(); err != nil {
		return err
	}
	return s.answer(s.write(ctx, tries, fn))
}

// writable is nil while the store is usable, and the database where it was.
func (s *Store) writable() error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.present()
}

// Read runs fn on one consistent snapshot, in which it cannot write.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) (err error) {
	defer s.observe(Reading, time.Now(), &err)
	if err := s.usable(); err != nil {
		return err
	}
	isolation := sql.LevelDefault // SQLite reads every transaction from one snapshot
	if s.dialect == PostgreSQL {
		isolation = sql.LevelRepeatableRead
	}
	raw, err := s.reader.BeginTx(ctx, &sql.TxOptions{Isolation: isolation, ReadOnly: true})
	for try := 1; stale(err) && try < tries; try++ {
		raw, err = s.reader.BeginTx(ctx, &sql.TxOptions{Isolation: isolation, ReadOnly: true})
	}
	if err != nil {
		return s.answer(err)
	}
	tx := &Tx{raw: raw}
	defer func() {
		tx.end()
		_ = raw.Rollback() // nothing was written; a failed connection is thrown away by the pool
	}()
	return s.answer(tx.run(ctx, fn))
}

// usable is nil while the store is open and this process is its only host.
func (s *Store) usable() error {
	select {
	case <-s.closing:
		return explain(errClosed)
	default:
		return s.claim.held()
	}
}

// answer explains an error; one that nobody can explain during Close comes from
// that.
func (s *Store) answer(err error) error {
	err = explain(err)
	var p *problem.Problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	select {
	case <-s.closing:
		return explain(errors.Join(errClosed, err))
	default:
		return err
	}
}

// Ping reports whether the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	return s.Read(ctx, func(tx *Tx) error {
		var one int
		return tx.QueryRow(ctx, `SELECT 1`).Scan(&one)
	})
}

// Check reports whether the database can be read and written: it commits a
// row, because a full disk shows nowhere else. Its error says which of the two
// failed and why.
func (s *Store) Check(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return err
	}
	return s.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO write_probe (id, writes) VALUES ('check', 1)
			ON CONFLICT (id) DO UPDATE SET writes = write_probe.writes + 1`)
		return err
	})
}

// OnDoubt registers fn, which is called when what this process remembers of
// the database may be out of date and no commit of ours will say so: another
// host may have written, or the outcome of a commit is unknown. What is read
// after fn was called is right again.
func (s *Store) OnDoubt(fn func()) {
	s.doubts.Lock()
	defer s.doubts.Unlock()
	s.doubts.fns = append(s.doubts.fns, fn)
}

func (s *Store) doubt() {
	s.doubts.Lock()
	fns := s.doubts.fns
	s.doubts.Unlock()
	for _, fn := range fns {
		fn()
	}
}
