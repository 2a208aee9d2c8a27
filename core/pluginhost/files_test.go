package pluginhost_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
)

var sorted = cmpopts.SortSlices(func(a, b string) bool { return a < b })

func options(runDir string) pluginhost.Options {
	return pluginhost.Options{
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Random: rand.Reader, RunDir: runDir,
		Self: []string{"/proc/self/exe", beAPlugin}, Launch: []string{"/proc/self/exe", confine.Command},
	}
}

func read(t testing.TB, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// folders are the private folders of processes that are there.
func folders(t testing.TB, runDir string) []string {
	t.Helper()
	entries, err := os.ReadDir(runDir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

// pidOf is the process id that a plugin left, or 0.
func pidOf(folder, name string) int {
	text, err := os.ReadFile(filepath.Join(folder, name+".pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(string(text))
	return pid
}

// alive says whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	if pid == 0 || syscall.Kill(pid, 0) != nil {
		return false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func kill(t testing.TB, pid int) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("there is no process to kill (pid %d)", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// external is a plugin in a file of its own, with the right digest.
func external(t testing.TB, name, path string) pluginhost.Spec {
	t.Helper()
	return pluginhost.Spec{Name: name, Path: path, SHA256: digest(t, path)}
}

func digest(t testing.TB, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// copyOfSelf is a plugin binary of its own that a test can change.
func copyOfSelf(t testing.TB, h *hostUnderTest, name string) pluginhost.Spec {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o700); err != nil {
		t.Fatal(err)
	}
	s := external(t, name, path)
	s.Args = []string{beAPlugin, name, h.folder}
	return s
}
