package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	applicationName = "gatehouse"
	connections     = 16 // that write at once
	txTime          = 30 * time.Second
	firstPause      = 2 * time.Millisecond
	longestPause    = 200 * time.Millisecond
)

func (s *Store) openPostgres(ctx context.Context, o Options) error {
	s.dialect = PostgreSQL
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return problem.Wrap(err, problem.Invalid, "the store's url cannot be read as one of PostgreSQL").
			WithHint("write postgres://user@host:5432/database?sslmode=verify-full")
	}
	limit := o.StatementTime
	if limit == 0 {
		limit = 10 * time.Second
	}
	config.RuntimeParams["application_name"] = applicationName
	config.RuntimeParams["statement_timeout"] = strconv.FormatInt(limit.Milliseconds(), 10)
	config.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(txTime.Milliseconds(), 10)
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTime
	}
	lock, err := lockSession(ctx, config, s.log, s.doubt)
	if err != nil {
		return err
	}
	s.claim = lock
	config.DialFunc = audible(config.DialFunc, limit+graceTime)
	reading := config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on" // Select opens no transaction that could say so
	s.reader = stdlib.OpenDB(*reading)
	// A sequential scan, which is how small tables are read, would set every
	// concurrent serializable writer of the table against this one.
	config.RuntimeParams["enable_seqscan"] = "off"
	s.writer = stdlib.OpenDB(*config)
	s.writer.SetMaxOpenConns(connections)
	s.writer.SetMaxIdleConns(connections)
	s.reader.SetMaxOpenConns(o.Readers)
	s.reader.SetMaxIdleConns(o.Readers)
	p := postgres{db: s.writer, unknown: lock.unknown}
	s.write, s.stop = p.write, func() {}
	return nil
}

// postgres is the writer of PostgreSQL: it runs a function again when it met
// another one's changes.
type postgres struct {
	db *sql.DB
	// unknown is told that the server process pid broke off while it was
	// committing.
	unknown func(pid uint32)
}

func (p postgres) write(ctx context.Context, tries int, fn func(*Tx) error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := p.once(ctx, fn)
		if !repeatable(err) || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rand.N(pause)): //nolint:gosec // jitter, not a secret
		}
		pause = min(2*pause, longestPause)
	}
}

// repeatable errors say that nothing was changed and that another run may
// succeed.
func repeatable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01") {
		return true
	}
	return errors.Is(err, errStale)
}

// errStale is a pooled connection that had died before the transaction began.
var errStale = errors.New("the connection had been closed")

// stale reports whether the error of a BEGIN is that of a connection which
// ended while it lay in the pool.
func stale(err error) bool {
	var (
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		network *net.OpError
	)
	switch {
	case errors.As(err, &connect): // there is no other connection to be had
		return false
	case errors.As(err, &pg):
		return pg.Severity == "FATAL"
	case errors.As(err, &network):
		return !network.Timeout()
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF)
}

// once runs fn in one transaction. The transaction has a time limit of its
// own: the end of ctx stops its statements, but never a COMMIT, whose outcome
// would be unknown.
func (p postgres) once(ctx context.Context, fn func(*Tx) error) error {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	var pid uint32
	if err := conn.Raw(func(c any) error {
		pid = c.(*stdlib.Conn).Conn().PgConn().PID()
		return nil
	}); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTime)
	defer cancel()
	raw, err := conn.BeginTx(limited, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if stale(err) {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	if err != nil {
		return err
	}
	tx := &Tx{raw: raw}
	done := false
	defer func() {
		if !done {
			tx.end()
			_ = raw.Rollback() // fails only with the connection, which the server rolls back
		}
	}()
	if err := tx.run(ctx, fn); err != nil {
		return err
	}
	tx.end()
	done = true
	if err := raw.Commit(); err != nil {
		if !refused(err) {
			p.unknown(pid)
		}
		return err
	}
	tx.committed()
	return nil
}

// refused reports whether a failed COMMIT is known to have changed nothing. A
// server process that is ended while it commits may have committed.
func refused(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Severity == "ERROR"
	}
	return errors.Is(err, sql.ErrTxDone) || errors.Is(err, pgx.ErrTxCommitRollback)
}
