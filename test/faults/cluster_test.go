//go:build linux

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// cluster is a PostgreSQL server of one test, that is stopped and started.
type cluster struct {
	url string // of its superuser
	dir string // of its socket; the data is below
	as  *syscall.Credential
	log *gatehousetest.Text
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	base, stop, err := storetest.Start()
	if errors.Is(err, storetest.ErrNoServer) && os.Getenv("CI") == "" && os.Getenv("GATEHOUSE_TEST_REQUIRE_POSTGRES") == "" {
		t.Skipf("NOT TESTED ON POSTGRESQL: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{url: base, dir: u.Query().Get("host"), log: &gatehousetest.Text{}}
	info, err := os.Stat(c.data())
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	c.as = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid, NoSetGroups: os.Geteuid() != 0}
	t.Cleanup(func() {
		c.stop(t, syscall.SIGQUIT)
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", c.log)
		}
	})
	return c
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// pid is the server's process, or 0 if it does not run.
func (c *cluster) pid() int {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil || !gatehousetest.Running(pid) {
		return 0
	}
	return pid
}

// stop ends the server: SIGQUIT at once, as a crash does, SIGINT after it has
// written everything to its files.
func (c *cluster) stop(t *testing.T, how syscall.Signal) {
	t.Helper()
	pid := c.pid()
	if pid == 0 {
		return
	}
	if err := syscall.Kill(pid, how); err != nil {
		t.Fatal(err)
	}
	gatehousetest.Eventually(t, "PostgreSQL ends", func() bool { return !gatehousetest.Running(pid) })
}

// freeze has no process of the server go on until the end, though the kernel
// takes connections for it.
func (c *cluster) freeze(t *testing.T) (end func()) {
	t.Helper()
	all := []int{c.pid()}
	send := func(to []int, s syscall.Signal) {
		for _, pid := range to {
			if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}
	}
	send(all, syscall.SIGSTOP) // it starts no other from now on
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", all[0]))
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	send(all, syscall.SIGSTOP)
	end = sync.OnceFunc(func() { send(all, syscall.SIGCONT) })
	t.Cleanup(end) // else it could not be ended
	return end
}

// start starts the server again, and waits until it answers.
func (c *cluster) start(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Fatalf("PostgreSQL has gone: %v", err)
	}
	cmd := exec.Command(found[len(found)-1], "-D", c.data(), "-k", c.dir, "-c", "listen_addresses=", "-c", "max_connections=100")
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, c.log, c.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 { // as which PostgreSQL does not run
		cmd.SysProcAttr.Credential = c.as
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig goes by the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its log says what came of it
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	gatehousetest.Eventually(t, "PostgreSQL answers", func() bool {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, c.url)
		return err == nil && conn.Close(ctx) == nil
	})
}

// database makes a database and returns its URL.
func (c *cluster) database(t *testing.T, name, options string) string {
	t.Helper()
	psql(t, c.url, fmt.Sprintf("CREATE DATABASE %s %s", name, options))
	return strings.Replace(c.url, "/postgres?", "/"+name+"?", 1)
}

// psql runs a statement behind the host's back, and returns what a query that
// has one value answers.
func psql(t *testing.T, database, statement string) (value string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}
