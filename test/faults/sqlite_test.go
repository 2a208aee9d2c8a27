//go:build linux

package faults_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// lock takes what another process would: the right to write the file.
func lock(t *testing.T, file string) (unlock func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			t.Error(err)
		}
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// tmpfs mounts a small file system on a folder.
func tmpfs(t *testing.T, dir, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: mounting a file system needs root")
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("NOT TESTED: mounting a file system: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill takes all the room that a file system has.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the file system takes more than it has: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
}

func TestSQLiteIsLockedWhileKeysAreMade(t *testing.T) {
	t.Parallel()
	fault{
		reason: "the database is locked by another process", hint: "end the process that holds it", reads: true, cached: true,
		strike: func(t *testing.T, h *gatehousetest.Host) func() {
			t.Helper()
			return lock(t, strings.TrimPrefix(h.Store, "sqlite://"))
		},
	}.prove(t)
}

func TestSQLiteRunsOutOfDiskWhileKeysAreMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tmpfs(t, dir, "size=16m")
	fault{
		store: "sqlite://" + filepath.Join(dir, "gatehouse.db"), reason: "the disk of the database is full",
		hint: "free space on the volume", reads: true, cached: true,
		strike: func(t *testing.T, _ *gatehousetest.Host) func() { t.Helper(); return fill(t, dir) },
	}.prove(t)
}

// A host that is started on a database that it cannot use says why, ends with
// status 1, and starts as soon as it can.
func TestSQLiteAtTheStart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		strike func(t *testing.T, file string) (heal func())
		reason string
	}{
		"locked": {lock, "the database is locked by another process"},
		"full": {
			func(t *testing.T, file string) func() { t.Helper(); return fill(t, filepath.Dir(file)) },
			"the disk of the database is full",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tmpfs(t, dir, "size=8m")
			file := filepath.Join(dir, "gatehouse.db")
			h := demonstrated(t, gatehousetest.Options{Store: "sqlite://" + file})
			h.Start()
			k := analyst(h, "my-tenant")
			h.Signal(syscall.SIGTERM)
			h.Wait()

			heal := tt.strike(t, file)
			startsNot(t, h, tt.reason)
			heal()
			h.Start()
			accepted(t, h, k)
		})
	}
}
