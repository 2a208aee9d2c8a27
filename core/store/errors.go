package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// What callers branch on. Both come wrapped in a Problem of the same code.
var (
	// ErrConflict: a row with this key exists.
	ErrConflict = errors.New("a row with this key exists")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("there is no such row")
)

// explain turns what a driver or the operating system said into a Problem. An
// error that is none of theirs, or is a Problem already, stays as it is. So a
// database that is not there is never mistaken for one that is empty.
func explain(err error) error {
	var p *problem.Problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return problem.Wrap(fmt.Errorf("%w: %w", ErrNotFound, err), problem.NotFound, "there is no such record")
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return explainSQLite(err, lite.Code())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return explainPostgres(err, pg)
	}
	return explainOther(err)
}

func conflict(err error) error {
	return problem.Wrap(fmt.Errorf("%w: %w", ErrConflict, err), problem.Conflict, "a record with this name or id exists already")
}

// unavailable is a database that cannot be used now. what says in plain words
// what is the matter, hint what an operator does.
func unavailable(cause error, what, hint string) error {
	return problem.Wrap(cause, problem.Unavailable, "%s", what).WithHint("%s", hint).WithRetryAfter(time.Second)
}

func locked(err error) error {
	return unavailable(err, "the database is locked by another process",
		"end the process that holds it open for writing, such as a sqlite3 shell or a backup")
}

func readOnly(err error) error {
	return unavailable(err, "the database is read-only", "give the host's user the right to write the database and its folder, or point the store at the primary")
}

func full(err error) error {
	return unavailable(err, "the disk of the database is full", "free space on the volume of the database")
}

func corrupt(err error) error {
	return unavailable(err, "the database is damaged", "stop the host, keep a copy of the database for examination, and restore the last backup")
}

func broken(err error) error {
	return unavailable(err, "the disk of the database does not work", "look at the kernel's log for errors of this volume")
}

func gone(err error) error {
	return unavailable(err, "the database cannot be reached", "check that it runs, that the store's url is right, and the network between")
}

func late(err error) error {
	return unavailable(err, "the database did not answer in time", "look for a statement or a lock that holds it up, and at its load")
}

func explainSQLite(err error, code int) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return conflict(err)
	}
	if code == sqlite3.SQLITE_IOERR_SHMSIZE { // a file beside the database could not grow: opening met a full disk
		return full(err)
	}
	switch code & 0xff { // the rest of the code only refines this
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return locked(err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return readOnly(err)
	case sqlite3.SQLITE_FULL:
		return full(err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return corrupt(err)
	case sqlite3.SQLITE_IOERR:
		return broken(err)
	case sqlite3.SQLITE_CANTOPEN:
		return gone(err)
	case sqlite3.SQLITE_INTERRUPT:
		return late(err)
	case sqlite3.SQLITE_NOMEM:
		return unavailable(err, "the database ran out of memory", "give the host more memory")
	}
	return fmt.Errorf("the database refused a statement: %w", err)
}

// explainPostgres goes by SQLSTATE (PostgreSQL manual, appendix A).
func explainPostgres(err error, pg *pgconn.PgError) error {
	switch pg.Code {
	case "23505":
		return conflict(err)
	case "40001", "40P01":
		return unavailable(err, "the change met other changes to the same rows again and again", "repeat the request")
	case "25006":
		return readOnly(err)
	case "53100":
		return full(err)
	case "55P03":
		return locked(err)
	case "57014":
		return late(err)
	case "58030":
		return broken(err)
	case "XX001", "XX002":
		return corrupt(err)
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "57": // connection; an operator stopped, or is starting, the server
		return gone(err)
	case "28", "3D": // who we say we are, and which database
		return unavailable(err, "the database refused this host", "check user, password and database in the store's url")
	case "53":
		return unavailable(err, "the database has no room for another connection, or no memory", "raise max_connections, or end what uses them")
	}
	if pg.Severity == "FATAL" { // it ended the connection, or let us not in
		return gone(err)
	}
	return fmt.Errorf("the database refused a statement: %w", err)
}

func explainOther(err error) error {
	var (
		netErr  net.Error
		connect *pgconn.ConnectError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return err // the caller went away; nobody is left to be told
	case errors.Is(err, errClosed):
		return unavailable(err, "the host is stopping", "repeat the request")
	case errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return late(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return full(err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return readOnly(err)
	case errors.Is(err, syscall.EIO):
		return broken(err)
	case errors.As(err, &connect), errors.As(err, &netErr), pgconn.SafeToRetry(err),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return gone(err)
	case errors.Is(err, sql.ErrTxDone):
		return late(err) // only the time limit of a transaction ends it behind our back
	}
	return err
}
