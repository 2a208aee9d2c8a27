package main

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

var update = flag.Bool("update", false, "write the golden output of the scripts anew")

// TestMain makes the test binary the program under test: in scripts by its
// name, and when a host that runs there starts its plugins.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == host.PluginCommand || os.Args[1] == confine.Command) {
		main()
	}
	testscript.Main(m, map[string]func(){"gatehouse": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: shortTemp,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "secret": secretOf, "freeport": freePort, "appears": appears},
	})
}

// shortTemp gives a script a temporary folder with a path that leaves room for
// the name of a socket.
func shortTemp(e *testscript.Env) error {
	dir, err := os.MkdirTemp("", "gh")
	if err != nil {
		return err
	}
	e.Defer(func() { _ = os.RemoveAll(dir) })
	e.Setenv("TMPDIR", dir)
	return nil
}

// ready waits for the host in a data folder: ready DIR.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready DIR")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		h, err := admin.Dial(ctx, admin.Options{Socket: ts.MkAbs(filepath.Join(args[0], admin.SocketName))})
		if err == nil {
			s, failed := h.Status(ctx)
			if err = failed; err == nil && s.Ready {
				return
			}
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("the host did not become ready: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// appears waits for a file: appears FILE.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		} else if time.Now().After(until) {
			ts.Fatalf("%v", err)
		}
	}
}

// freePort sets a variable to a port on which nobody listens: freeport VAR.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// secretOf sets a variable to the word that follows others in a line of a file,
// such as the secret of "  secret  ghk_…": secret VAR FILE WORDS.
func secretOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: secret VAR FILE WORDS")
	}
	value, ok := valueOf(ts.ReadFile(args[1]), args[2])
	if !ok {
		ts.Fatalf("%s has no line %q", args[1], args[2])
	}
	ts.Setenv(args[0], value)
}
