//go:build linux

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// The tests of one server are in order: each stops it.
func TestPostgresServerWhileKeysAreMade(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	t.Run("it crashes and starts again", func(t *testing.T) {
		fault{
			store: c.database(t, "crashed", ""), reason: "the database cannot be reached", hint: "check that it runs",
			// Another host may hold the database by now: what is cached proves nothing.
			cached: false,
			strike: func(t *testing.T, _ *gatehousetest.Host) func() {
				t.Helper()
				c.stop(t, syscall.SIGQUIT)
				return func() { c.start(t) }
			},
		}.prove(t)
	})
	t.Run("it is not there at the start", func(t *testing.T) {
		h := demonstrated(t, gatehousetest.Options{Store: c.database(t, "absent", "")})
		h.Start()
		k := analyst(h, "my-tenant")
		h.Signal(syscall.SIGTERM)
		h.Wait()
		c.stop(t, syscall.SIGINT)
		startsNot(t, h, "the database cannot be reached")
		c.start(t)
		h.Start()
		accepted(t, h, k)
	})
	t.Run("it is stopped, and answers nobody", func(t *testing.T) {
		fault{
			store: c.database(t, "stopped", ""), reason: "the database did not answer in time", hint: "look for a statement or a lock",
			cached: false, // as where it has crashed
			strike: func(t *testing.T, h *gatehousetest.Host) func() {
				t.Helper()
				k := analyst(h, "asks-first") // before the host knows
				heal := c.freeze(t)
				execute(t, h, k).refusal(t, http.StatusServiceUnavailable, problem.Unavailable)
				return heal
			},
		}.prove(t)
	})
	t.Run("a page of a table is damaged", func(t *testing.T) {
		store := c.database(t, "damaged", "")
		fault{
			store: store, reason: "the database is damaged", hint: "restore the last backup", ready: true,
			strike: func(t *testing.T, _ *gatehousetest.Host) func() { t.Helper(); return c.damage(t, store) },
		}.prove(t)
	})
	t.Run("its disk is full", func(t *testing.T) {
		dir := filepath.Join(c.dir, "small")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		tmpfs(t, dir, fmt.Sprintf("size=32m,mode=0700,uid=%d,gid=%d", c.as.Uid, c.as.Gid))
		psql(t, c.url, fmt.Sprintf("CREATE TABLESPACE small LOCATION '%s'", dir))
		fault{
			store: c.database(t, "small", "TABLESPACE small"), reason: "the disk of the database is full", hint: "free space on the volume",
			reads: true, cached: true, ready: true, // what is there has its room
			strike: func(t *testing.T, _ *gatehousetest.Host) func() { t.Helper(); return fill(t, dir) },
		}.prove(t)
	})
}

// damage overwrites the first page of the keys' table. To heal it is to put it
// back.
func (c *cluster) damage(t *testing.T, store string) (heal func()) {
	t.Helper()
	file := filepath.Join(c.data(), psql(t, store, "SELECT pg_relation_filepath('client_key')"))
	swap := func(page []byte) (was []byte) {
		c.stop(t, syscall.SIGINT)
		defer c.start(t)
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		was = make([]byte, len(page))
		_, rerr := f.ReadAt(was, 0)
		_, werr := f.WriteAt(page, 0)
		if err := errors.Join(rerr, werr, f.Close()); err != nil {
			t.Fatal(err)
		}
		return was
	}
	was := swap(bytes.Repeat([]byte{0xAA}, 8192))
	return func() { swap(was) }
}

func startsNot(t *testing.T, h *gatehousetest.Host, reason string) {
	t.Helper()
	h.Launch()
	if status := h.Wait(); status != 1 || !strings.Contains(h.Log.String(), reason) {
		t.Errorf("exit status %d, want 1 and the reason %q in:\n%s", status, reason, h.Log)
	}
}

// Somebody has locked the table of clients, such as a migration of another
// tool: whoever is not cached waits for it, and then gets an answer.
func TestPostgresTableIsLockedWhileKeysAreMade(t *testing.T) {
	t.Parallel()
	fault{
		store: storetest.Postgres(t), reason: "the database did not answer in time", hint: "look for a statement or a lock",
		cached: true, ready: true,
		strike: lockTable,
	}.prove(t)
}

// lockTable locks the table of clients, as a migration of another tool does.
func lockTable(t *testing.T, h *gatehousetest.Host) (heal func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, h.Store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	for _, s := range []string{"BEGIN", "LOCK TABLE client IN ACCESS EXCLUSIVE MODE"} {
		if _, err := conn.Exec(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

// readOnly makes a database read-only (on) or not (off), for new connections,
// and ends the ones that there are.
func readOnly(t *testing.T, store, value string) {
	t.Helper()
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	psql(t, u.String(), fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = %s", name, value))
	psql(t, u.String(), fmt.Sprintf("SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE datname = '%s'", name))
}

func TestPostgresIsReadOnly(t *testing.T) {
	t.Parallel()
	const reason = "the database is read-only"
	t.Run("while keys are made", func(t *testing.T) {
		t.Parallel()
		fault{
			store: storetest.Postgres(t), reason: reason, hint: "point the store at the primary", reads: true, cached: true,
			strike: func(t *testing.T, h *gatehousetest.Host) func() {
				t.Helper()
				readOnly(t, h.Store, "on")
				return func() { readOnly(t, h.Store, "off") }
			},
		}.prove(t)
	})
	// Such as after a failover: those who are known come in, and it is said that
	// nothing can be changed.
	t.Run("at the start", func(t *testing.T) {
		t.Parallel()
		h := demonstrated(t, gatehousetest.Options{Store: storetest.Postgres(t)})
		h.Start()
		k := analyst(h, "my-tenant")
		h.Signal(syscall.SIGTERM)
		h.Wait()
		readOnly(t, h.Store, "on")
		h.Launch()
		fault{reason: reason}.readyz(t, h)
		accepted(t, h, k)
		readOnly(t, h.Store, "off")
		h.AwaitReady()
	})
}
