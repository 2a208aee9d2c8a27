//go:build linux

package gatehousetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is for how long a test waits for what has to come. Nothing is
// measured by it: it only ends a test that would never end.
const patience = 60 * time.Second

// Options say what a host runs with.
type Options struct {
	Dev    bool              // gatehouse dev, with its built-in configuration
	Files  map[string]string // further files of the configuration, by name
	Server string            // further lines of the server block
	Store  string            // URL of the database; empty is a SQLite file in Data
	Env    []string          // further environment, as NAME=value
}

// Host is one host, that runs or does not.
type Host struct {
	Options
	URL    string // where it listens, also its public_url
	Addr   string // host and port of URL
	Data   string // data folder
	Config string // folder of the configuration
	Log    *Text  // standard error
	Out    *Text  // standard output

	tb   testing.TB
	proc *process
}

// New writes the configuration of a host, with a server and a store block.
// Nothing is started. Paths are short, since those of sockets are limited.
func New(tb testing.TB, o Options) *Host {
	tb.Helper()
	dir, err := os.MkdirTemp("", "gh")
	if err != nil {
		tb.Fatal(err)
	}
	addr := FreeAddress(tb)
	h := &Host{
		Options: o, tb: tb, Addr: addr, URL: "http://" + addr,
		Data: filepath.Join(dir, "data"), Config: filepath.Join(dir, "configs"), Log: &Text{}, Out: &Text{},
	}
	if h.Store == "" {
		h.Store = "sqlite://" + filepath.Join(h.Data, "gatehouse.db")
	}
	tb.Cleanup(func() {
		h.end()
		if tb.Failed() {
			tb.Logf("the host printed:\n%s\nand logged:\n%s", h.Out, h.Log)
		}
		_ = os.RemoveAll(dir)
	})
	if err := os.Mkdir(h.Config, 0o700); err != nil {
		tb.Fatal(err)
	}
	h.Write("server.hcl", fmt.Sprintf(`
server {
  public_url      = %q
  listen          = %q
  trusted_proxies = ["127.0.0.0/8"]
  %s
}

store {
  url = env("GATEHOUSE_DATABASE_URL")
}
`, h.URL, addr, o.Server))
	for name, text := range o.Files {
		h.Write(name, text)
	}
	return h
}

// Start makes a host and starts it; see New and Host.Start.
func Start(tb testing.TB, o Options) *Host {
	tb.Helper()
	h := New(tb, o)
	h.Start()
	return h
}

// Write puts a file into the configuration.
func (h *Host) Write(name, text string) {
	h.tb.Helper()
	if err := os.WriteFile(filepath.Join(h.Config, name), []byte(text), 0o600); err != nil {
		h.tb.Fatal(err)
	}
}

// Start starts the host and waits until it is ready.
func (h *Host) Start() {
	h.tb.Helper()
	h.Launch()
	h.AwaitReady()
}

// Launch starts the host and does not wait.
func (h *Host) Launch() {
	h.tb.Helper()
	args := []string{"serve", "--config", h.Config}
	if h.Dev {
		args = []string{"dev"}
	}
	p, err := launch(h.environment(), h.Out, h.Log, Binary(), args...)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.proc = p
}

// rootKey is 32 bytes in base64. It protects nothing.
const rootKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// environment is all that the host gets of one.
func (h *Host) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "GATEHOUSE_DATA=" + h.Data, "TMPDIR=" + os.TempDir()}
	if h.Dev {
		env = append(env, "GATEHOUSE_LISTEN="+h.Addr)
	} else {
		env = append(env, "GATEHOUSE_DATABASE_URL="+h.Store, "GATEHOUSE_ROOT_KEY="+rootKey)
	}
	return append(env, h.Env...)
}

// AwaitReady waits until /readyz says yes, and fails the test if the host ends.
func (h *Host) AwaitReady() {
	h.tb.Helper()
	Eventually(h.tb, "the host is ready", func() bool {
		if status, ended := h.proc.status(); ended {
			h.tb.Fatalf("the host ended with status %d", status)
		}
		status, _ := h.Readyz()
		return status == http.StatusOK
	})
	if h.Dev { // it prints what to try a moment later
		Eventually(h.tb, "the host has said what to try", func() bool { return strings.Contains(h.Out.String(), "Ctrl-C") })
	}
}

// Readyz asks /readyz, with a connection of its own. Status 0 is no answer.
func (h *Host) Readyz() (status int, body string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.tb.Context()), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/readyz", http.NoBody)
	if err != nil {
		h.tb.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(text)
}

// PID is the host's process.
func (h *Host) PID() int { return h.proc.cmd.Process.Pid }

// Signal sends the host a signal.
func (h *Host) Signal(s syscall.Signal) {
	h.tb.Helper()
	if err := h.proc.cmd.Process.Signal(s); err != nil {
		h.tb.Fatal(err)
	}
}

// Wait waits until the host has ended, and returns its exit status; of one that
// a signal has ended that is -1.
func (h *Host) Wait() int {
	h.tb.Helper()
	select {
	case <-h.proc.ended:
	case <-time.After(patience):
		h.tb.Fatal("the host does not end")
	}
	status, _ := h.proc.status()
	return status
}

// Ended reports whether the host has ended.
func (h *Host) Ended() bool {
	_, ended := h.proc.status()
	return ended
}

// Restart ends the host as a service manager does, and starts it again.
func (h *Host) Restart() {
	h.tb.Helper()
	h.Signal(syscall.SIGTERM)
	if status := h.Wait(); status != 0 {
		h.tb.Fatalf("the host ended with status %d", status)
	}
	h.Start()
}

func (h *Host) end() {
	if h.proc != nil {
		h.proc.kill()
	}
}
