package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	lockKey    = 0x676174656873 // "gatehs": the advisory lock of a host
	watchEvery = time.Second    // a silent connection is asked whether it lives
	watchLimit = 5 * time.Second
	regainRest = 250 * time.Millisecond

	// dying is for how long the lock of a host that was killed may outlive it: the
	// server has to notice first, and end what it was doing for it.
	dying = 2 * time.Second
)

// errTaken is that another connection has the lock.
var errTaken = errors.New("the advisory lock is taken")

// sessionLock is the claim on a PostgreSQL database: an advisory lock on a
// connection that does nothing else. The server gives it free when the
// connection ends, so without that connection the store is not to be used. The
// lock is then sought again, and what was remembered until then is in doubt.
type sessionLock struct {
	config *pgx.ConnConfig
	log    *slog.Logger
	doubt  func()
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	lost    error
	pending []uint32           // server processes that may yet commit
	drop    context.CancelFunc // ends the watch on the present connection
}

func lockSession(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger, doubt func()) (*sessionLock, error) {
	config = config.Copy()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	// PostgreSQL cuts names at 63 bytes. This one is the message to the next host.
	config.RuntimeParams["application_name"] = fmt.Sprintf("%s process %d on %.30s", applicationName, os.Getpid(), host)
	delete(config.RuntimeParams, "idle_in_transaction_session_timeout")
	l := &sessionLock{config: config, log: log, doubt: doubt, done: make(chan struct{}), drop: func() {}}
	conn, err := l.seize(ctx)
	for until := time.Now().Add(dying); errors.Is(err, errTaken) && time.Now().Before(until) && ctx.Err() == nil; {
		time.Sleep(regainRest)
		conn, err = l.seize(ctx)
	}
	if err != nil {
		return nil, explain(err)
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go l.keep(ctx, conn)
	return l, nil
}

// seize connects and takes the lock; its error names who has it.
func (l *sessionLock) seize(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return nil, err
	}
	var ok bool
	if err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(lockKey)).Scan(&ok); err == nil && ok {
		return conn, nil
	}
	if err == nil {
		err = held(errTaken, otherHost(ctx, conn))
	}
	_ = conn.Close(ctx)
	return nil, err
}

func otherHost(ctx context.Context, conn *pgx.Conn) string {
	var (
		name  sql.NullString
		since sql.NullTime
	)
	err := conn.QueryRow(ctx, `SELECT a.application_name, a.backend_start
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND (l.classid::bigint << 32) | l.objid::bigint = $1`, int64(lockKey)).Scan(&name, &since)
	if err != nil || name.String == "" {
		return "a process that the server does not name to this user"
	}
	return name.String + " since " + since.Time.UTC().Format(time.RFC3339)
}

func (l *sessionLock) held() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *sessionLock) release() error {
	l.cancel()
	<-l.done
	return nil
}

// unknown takes note that a commit on the server process pid has an unknown
// outcome. The store is not used again before that process is gone.
func (l *sessionLock) unknown(pid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, pid)
	l.lost = gone(errors.New("the outcome of a commit is not known"))
	l.drop()
}

func (l *sessionLock) keep(ctx context.Context, conn *pgx.Conn) {
	defer close(l.done)
	for {
		err := l.watch(ctx, conn)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchLimit)
		_ = conn.Close(closing)
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.lost = gone(fmt.Errorf("the connection that holds the host's lock was lost: %w", err))
		l.mu.Unlock()
		l.doubt() // until the lock is back nothing can be read, so nothing wrong is remembered anew
		l.log.ErrorContext(ctx, "the database is not used until the host's lock is regained", "error", err)
		if conn = l.regain(ctx); conn == nil {
			return
		}
		l.log.InfoContext(ctx, "the host's lock is regained")
	}
}

// watch returns when the connection is lost. It listens, to notice at once,
// and asks now and then, to notice a peer that vanished.
func (l *sessionLock) watch(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.drop = cancel
	pending := len(l.pending) > 0
	l.mu.Unlock()
	if pending { // came while there was no watch to end
		return errors.New("the outcome of a commit is not known")
	}
	for {
		wait, stop := context.WithTimeout(ctx, watchEvery)
		_, err := conn.WaitForNotification(wait)
		quiet := wait.Err() != nil && !conn.IsClosed()
		stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !quiet {
			return err
		}
		ask, stop := context.WithTimeout(ctx, watchLimit)
		err = conn.Ping(ask)
		stop()
		if err != nil {
			return err
		}
	}
}

// regain takes the lock again, waits for the commits whose outcome is unknown,
// and declares all that is remembered doubtful. It returns nil at the end of
// ctx.
func (l *sessionLock) regain(ctx context.Context) *pgx.Conn {
	for {
		conn, err := l.seize(ctx)
		if err == nil {
			if err = l.settle(ctx, conn); err == nil {
				return conn
			}
			_ = conn.Close(ctx)
		}
		l.mu.Lock()
		l.lost = explain(err)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(regainRest):
		}
	}
}

func (l *sessionLock) settle(ctx context.Context, conn *pgx.Conn) error {
	l.mu.Lock()
	pending := append([]uint32(nil), l.pending...)
	l.mu.Unlock()
	for _, pid := range pending {
		var there bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE pid = $1 AND datname = current_database() AND state <> 'idle')`, int32(pid)).Scan(&there)
		if err != nil {
			return err
		}
		if there {
			return gone(fmt.Errorf("server process %d is still committing", pid))
		}
	}
	l.doubt()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = l.pending[len(pending):]
	if len(l.pending) > 0 {
		return gone(errors.New("the outcome of a commit is not known"))
	}
	l.lost = nil
	return nil
}
