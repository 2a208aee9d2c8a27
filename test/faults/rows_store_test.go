//go:build linux

package faults_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// on makes a host on a database.
func on(store func(t *testing.T) string) func(t *testing.T) *gatehousetest.Host {
	return func(t *testing.T) *gatehousetest.Host {
		t.Helper()
		return demonstrated(t, gatehousetest.Options{Store: store(t)})
	}
}

// aFile leaves the host its own SQLite file.
func aFile(*testing.T) string { return "" }

func fileOf(h *gatehousetest.Host) string { return strings.TrimPrefix(h.Store, "sqlite://") }

// smallDisk is a SQLite file on a file system that is soon full.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tmpfs(t, dir, "size=16m")
	return "sqlite://" + filepath.Join(dir, "gatehouse.db")
}

// What the host logs of a caller's request, and of an administrator's, that it
// could not answer.
const (
	requestFailed = "a request failed"
	changeFailed  = "an admin request failed"
)

func sqliteRows() []row {
	return []row{
		{
			name: "SQLite: locked", what: "Another process holds the right to write the file.",
			host: on(aFile), message: changeFailed, log: "the database is locked", unready: true, moves: []string{`condition="store"`},
			strike: func(t *testing.T, h *gatehousetest.Host) func() { t.Helper(); return lock(t, fileOf(h)) },
		},
		{
			name: "SQLite: slow", what: "A commit has to wait for a second.",
			host: on(aFile), strike: holdUp,
		},
		{
			name: "SQLite: full", what: "The volume of the file has no room left.",
			host: on(smallDisk), message: changeFailed, log: "the disk of the database is full", unready: true, moves: []string{`condition="store"`},
			strike: func(t *testing.T, h *gatehousetest.Host) func() { t.Helper(); return fill(t, filepath.Dir(fileOf(h))) },
		},
		{
			name: "SQLite: gone", what: "The file is moved away while the host runs.",
			host: on(aFile), message: changeFailed, log: "removed or replaced", unready: true, moves: []string{`condition="store"`},
			strike: func(t *testing.T, h *gatehousetest.Host) func() {
				t.Helper()
				return move(t, fileOf(h), fileOf(h)+".away")
			},
		},
	}
}

// holdUp holds the right to write for a second, as a busy disk would.
func holdUp(t *testing.T, h *gatehousetest.Host) (end func()) {
	t.Helper()
	unlock, ended := lock(t, fileOf(h)), make(chan struct{})
	time.AfterFunc(time.Second, func() { defer close(ended); unlock() })
	return func() { <-ended }
}

func move(t *testing.T, from, to string) (back func()) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(to, from); err != nil {
			t.Error(err)
		}
	}
}

func sharedPostgresRows() []row {
	return []row{
		{
			name: "PostgreSQL: locked", what: "Somebody holds a lock on the table of clients.",
			host: on(func(t *testing.T) string { t.Helper(); return storetest.Postgres(t) }), message: requestFailed, log: "the database did not answer in time", moves: []string{`outcome="unavailable"`},
			strike: lockTable,
		},
	}
}

// stoppedPostgres needs a server of its own.
func stoppedPostgres() row {
	var c *cluster
	return row{
		name: "PostgreSQL: stopped", what: "The server answers nobody, though the kernel takes connections for it.",
		host: func(t *testing.T) *gatehousetest.Host {
			t.Helper()
			c = newCluster(t)
			return demonstrated(t, gatehousetest.Options{Store: c.database(t, "stopped", "")})
		},
		message: requestFailed, log: "the database did not answer in time", unready: true, moves: []string{`condition="store"`, `outcome="unavailable"`}, after: "the host's lock is regained",
		strike: func(t *testing.T, _ *gatehousetest.Host) func() { t.Helper(); return c.freeze(t) },
	}
}
