//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
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
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// stricken is a host whose database is about to fail. One of its clients is
// cached, the others were never seen.
type stricken struct {
	*gatehousetest.Host
	cached gatehousetest.Key
	fresh  []gatehousetest.Key
	file   string // of the database, if it is SQLite
}

func strike(t *testing.T, store string) *stricken {
	t.Helper()
	h := before(t, gatehousetest.Options{Store: store})
	h.Start()
	s := &stricken{Host: h, file: strings.TrimPrefix(h.Store, "sqlite://")}
	for i := range 40 {
		s.fresh = append(s.fresh, analyst(h, fmt.Sprintf("fresh-%d", i)))
	}
	s.cached = analyst(h, "cached")
	s.cachedGoesOn(t)
	return s
}

func (s *stricken) cachedGoesOn(t *testing.T) {
	t.Helper()
	if a := execute(t, s.Host, pair(s.cached)); a.status != http.StatusOK {
		t.Errorf("a cached credential: status %d: %s", a.status, a.body)
	}
}

// writesFail checks that a change is refused with a reason, and not made.
func (s *stricken) writesFail(t *testing.T, reason string) {
	t.Helper()
	r := s.CLI("keys", "create", "too-late", "--organization", "acme")
	if r.Status != 1 || !strings.Contains(r.Err, reason) {
		t.Errorf("a change: status %d, want the reason %q: %s%s", r.Status, reason, r.Out, r.Err)
	}
	s.logged(t, reason)
}

// logged checks that the operator is told what is the matter.
func (s *stricken) logged(t *testing.T, reason string) {
	t.Helper()
	gatehousetest.Eventually(t, "the log says: "+reason, func() bool { return strings.Contains(s.Log.String(), reason) })
}

// unknowing is the answer to a credential that cannot be looked up now.
func (s *stricken) unknowing(t *testing.T, k gatehousetest.Key, reason string) {
	t.Helper()
	a := execute(t, s.Host, pair(k))
	a.refusal(t, http.StatusServiceUnavailable, problem.Unavailable)
	if !strings.Contains(a.problem.Detail, reason) {
		t.Errorf("the reason is %q, want %q", a.problem.Detail, reason)
	}
	s.logged(t, reason)
}

// recovered checks that the host goes on by itself, and that what was
// acknowledged is there, after a restart as well.
func (s *stricken) recovered(t *testing.T) {
	t.Helper()
	gatehousetest.Eventually(t, "changes are made again", func() bool {
		return s.CLI("keys", "create", "after", "--organization", "acme", "--role", "analyst").Status == 0
	})
	gatehousetest.Eventually(t, "it is ready again", func() bool { status, _ := s.Readyz(); return status == http.StatusOK })
	s.Restart()
	for _, k := range append(s.fresh, s.cached) {
		if a := execute(t, s.Host, pair(k)); a.status != http.StatusOK {
			t.Errorf("the key of %s was acknowledged, and is gone: status %d: %s", k.Client, a.status, a.body)
		}
	}
	// A client is made before its key, and the refusal says if it was.
	var late admin.ClientDetail
	if r := s.CLI("keys", "show", "too-late", "--json"); r.Status == 0 {
		if err := json.Unmarshal([]byte(r.Out), &late); err != nil || len(late.Keys) > 0 || !strings.Contains(s.Log.String(), "too-late\\\" was made") {
			t.Errorf("a change was made that had been refused: %v %s", err, r.Out)
		}
	}
}

func TestSQLiteIsLocked(t *testing.T) {
	t.Parallel()
	s := strike(t, "")
	db, err := sql.Open("sqlite", "file:"+s.file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	s.writesFail(t, "the database is locked by another process")
	s.cachedGoesOn(t)
	if a := execute(t, s.Host, pair(s.fresh[0])); a.status != http.StatusOK {
		t.Errorf("reading goes on beside a writer: status %d: %s", a.status, a.body)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	s.recovered(t)
}

// tmpfs mounts a small file system of its own for the database.
func tmpfs(t *testing.T, size string) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: mounting a file system needs root")
	}
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skipf("NOT TESTED: mounting a file system: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestSQLiteDiskIsFull(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "8m")
	s := strike(t, "sqlite://"+filepath.Join(dir, "gatehouse.db"))
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(make([]byte, 8<<20))
		_ = f.Close() // what a full disk says of it is said below
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the file system takes more than it has: %v", err)
		}
	}
	fill()
	const reason = "the disk of the database is full"
	for n := 0; ; n++ { // there may be room left in the files that are there
		client := fmt.Sprintf("filler-%d", n)
		r := s.CLI("keys", "create", client, "--organization", "acme", "--role", "analyst", "--json")
		if r.Status != 0 {
			break
		}
		var issued struct{ Secret string }
		if err := json.Unmarshal([]byte(r.Out), &issued); err != nil {
			t.Fatal(err)
		}
		s.fresh = append(s.fresh, gatehousetest.Key{Client: client, Secret: issued.Secret})
	}
	// A change that needs less may still fit into what the last one has left, and
	// after a checkpoint the log begins anew: full is what refuses again and again.
	const again = 5
	for n, refused := 0, 0; refused < again; n++ {
		fill()
		if s.CLI("keys", "create", fmt.Sprintf("late-%d", n), "--organization", "acme").Status == 0 {
			refused = 0
		} else {
			refused++
		}
	}
	s.writesFail(t, reason)
	s.cachedGoesOn(t)
	if a := execute(t, s.Host, pair(s.fresh[0])); a.status != http.StatusOK {
		t.Errorf("reading goes on: status %d: %s", a.status, a.body)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.recovered(t)
}

func TestSQLiteIsReadOnlyAtStart(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "16m")
	s := strike(t, "sqlite://"+filepath.Join(dir, "gatehouse.db"))
	s.Signal(syscall.SIGTERM)
	s.Wait()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s.refusesToStart(t, "the database is read-only")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	s.Start()
	s.recovered(t)
}

func (s *stricken) refusesToStart(t *testing.T, reason string) {
	t.Helper()
	s.Launch()
	if status := s.Wait(); status != 1 || !strings.Contains(s.Log.String(), reason) {
		t.Errorf("exit status %d, want 1 and the reason %q", status, reason)
	}
}

// damage overwrites all pages of the database but the first, which is the only
// one that is read when it is opened.
func (s *stricken) damage(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(s.file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xAA}, int(info.Size())-page), page); err != nil {
		t.Fatal(err)
	}
}

func TestSQLiteIsDamaged(t *testing.T) {
	t.Parallel()
	const reason = "the database is damaged"
	t.Run("while the host runs", func(t *testing.T) {
		t.Parallel()
		s := strike(t, "")
		s.Restart() // so that its pages are in the file, and in no cache
		s.cachedGoesOn(t)
		s.damage(t)
		for _, k := range s.fresh {
			a := execute(t, s.Host, pair(k))
			if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
				t.Fatalf("a damaged database was taken for an empty one: status %d: %s", a.status, a.body)
			}
			if a.status == http.StatusServiceUnavailable {
				s.unknowing(t, k, reason)
				s.cachedGoesOn(t)
				return
			}
		}
		t.Error("no look-up has met the damage")
	})
	t.Run("at the start", func(t *testing.T) {
		t.Parallel()
		s := strike(t, "")
		s.Signal(syscall.SIGTERM)
		s.Wait()
		s.damage(t)
		s.refusesToStart(t, reason)
	})
	t.Run("no database at all", func(t *testing.T) {
		t.Parallel()
		s := strike(t, "")
		s.Signal(syscall.SIGTERM)
		s.Wait()
		if err := os.WriteFile(s.file, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		s.refusesToStart(t, reason)
	})
}

// psql runs statements on the server of a PostgreSQL database, from outside of
// the host.
func psql(t *testing.T, store string, statements ...string) {
	t.Helper()
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, strings.ReplaceAll(s, "NAME", name)); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

const hangUp = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'NAME'"

func TestPostgresComesAndGoes(t *testing.T) {
	t.Parallel()
	t.Run("it takes no connections", func(t *testing.T) {
		t.Parallel()
		s := strike(t, storetest.Postgres(t))
		psql(t, s.Store, "ALTER DATABASE NAME WITH ALLOW_CONNECTIONS false", hangUp)
		gatehousetest.Eventually(t, "look-ups fail", func() bool { return execute(t, s.Host, pair(s.fresh[0])).status == http.StatusServiceUnavailable })
		s.unknowing(t, s.fresh[1], "the database")
		s.writesFail(t, "the database")
		// Another host may hold the database by now: what is cached proves nothing.
		s.unknowing(t, s.cached, "the database")
		if status, _ := s.Readyz(); status != http.StatusServiceUnavailable {
			t.Errorf("/readyz: %d", status)
		}
		psql(t, s.Store, "ALTER DATABASE NAME WITH ALLOW_CONNECTIONS true")
		s.recovered(t)
	})
	t.Run("it has become read-only", func(t *testing.T) {
		t.Parallel()
		s := strike(t, storetest.Postgres(t))
		psql(t, s.Store, "ALTER DATABASE NAME SET default_transaction_read_only = on", hangUp)
		gatehousetest.Eventually(t, "changes fail with the reason", func() bool {
			return strings.Contains(s.CLI("keys", "create", "too-late", "--organization", "acme").Err, "the database is read-only")
		})
		s.writesFail(t, "the database is read-only")
		if a := execute(t, s.Host, pair(s.fresh[0])); a.status != http.StatusOK {
			t.Errorf("reading goes on: status %d: %s", a.status, a.body)
		}
		psql(t, s.Store, "ALTER DATABASE NAME SET default_transaction_read_only = off", hangUp)
		s.recovered(t)
	})
}
