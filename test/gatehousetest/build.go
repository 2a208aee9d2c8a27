//go:build linux

// Package gatehousetest runs the real host for tests: the binary of this tree
// as a process of its own, with its plugin processes, its database, its command
// line. Nothing of it is faked. What a test starts ends with the test.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { gatehousetest.Main(m) }
package gatehousetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

// built is the folder of what this test process has built; Main removes it.
var built string

// Main builds the host, runs the tests of a package, removes what was built and
// ends the process. The tests may use storetest.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatehousetest")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		built = dir
		err = build(".", "github.com/gatehouse-id/gatehouse/cmd/gatehouse", Binary())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gatehousetest:", err)
		return 1
	}
	return storetest.Run(m)
}

// Binary is the path of the host's binary.
func Binary() string { return filepath.Join(built, "gatehouse") }

// Build builds a command from its folder, as it is shipped, and returns the
// path of a binary that is the test's own: it may be changed.
func Build(tb testing.TB, folder string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), filepath.Base(folder))
	if err := build(folder, ".", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// BuildTo builds the command in a folder into another, and returns its path:
// for a binary that many tests share.
func BuildTo(folder, to string) (string, error) {
	path := filepath.Join(to, filepath.Base(folder))
	return path, build(folder, ".", path)
}

// build links without symbols, which is quicker, and without cgo, as `make
// build` does.
func build(dir, pkg, to string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=test", "-o", to, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}
