//go:build linux

package hostile_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// undisturbed asks with a key of another plugin until it is told to stop, and
// fails the test if one answer is another than yes.
func undisturbed(t *testing.T, h *gatehousetest.Host) (stop func()) {
	t.Helper()
	key := h.NewKey("bob", "--organization", "acme", "--role", "analyst")
	over := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			status, body := check(t, h, http.Header{"X-Client-Id": {key.Client}, "X-Client-Secret": {key.Secret}})
			if status != http.StatusOK {
				t.Errorf("another plugin's client: status %d: %s", status, body)
				return
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	return func() {
		close(over)
		asking.Wait()
	}
}

// process is what `gatehouse plugins list` says of a plugin.
func process(t *testing.T, h *gatehousetest.Host, name string) admin.Plugin {
	t.Helper()
	var list struct {
		Plugins []admin.Plugin `json:"plugins"`
	}
	h.JSON(&list, "plugins", "list")
	for _, p := range list.Plugins {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no plugin %q: %+v", name, list)
	return admin.Plugin{}
}

func TestIntruder(t *testing.T) {
	t.Parallel()
	h := start(t)
	defer undisturbed(t, h)()
	other := filepath.Join(filepath.Dir(h.Data), "other.sock")
	l, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	secret := filepath.Join(filepath.Dir(h.Data), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	eperm, eacces := unix.EPERM.Error(), unix.EACCES.Error()
	for _, c := range []struct {
		what, arg, fails string
		call             string // that the host's log tells of; "": Landlock denies files, and the kernel logs it
	}{
		{"read", "/etc/passwd", eacces, ""},
		{"read", secret, eacces, ""},
		{"environment", "", eacces, ""},
		{"write", filepath.Join(h.Data, "planted"), eacces, ""},
		{"write", "in-its-own-folder", unix.EFBIG.Error(), ""},
		{"mode", secret, eperm, "fchmodat"},
		{"tcp", h.Addr, eperm, "socket"},
		{"udp", "127.0.0.1:53", eperm, "socket"},
		{"unix", filepath.Join(h.Data, "admin.sock"), eperm, "connect"},
		{"unix", other, eperm, "connect"},
		{"fork", "", eperm, "clone"},
		{"execute", "", eperm, "execve"},
		{"trace", "", eperm, "ptrace"},
		{"kill", "", eperm, "kill"},
		{"signal", "", eperm, "fcntl"},
		{"share", "", eperm, "mmap"},
	} {
		if status, body := order(t, h, c.what, c.arg); status != http.StatusUnauthorized {
			t.Errorf("%s %s: status %d: %s", c.what, c.arg, status, body)
		}
		seen(t, h, "intruder "+c.what+": ", c.fails)
		if c.call != "" {
			seen(t, h, "tried what it may not", "plugin=intruder", "call="+c.call)
		}
	}
	if p := process(t, h, "intruder"); p.Restarts != 0 || !p.Confinement.Seccomp || p.Confinement.Landlock == 0 {
		t.Errorf("the list says: %+v", p)
	}
}

func TestIntruderSpeaks(t *testing.T) {
	t.Parallel()
	h := start(t)
	defer undisturbed(t, h)()
	if status, body := order(t, h, "accept", "evil"); status != http.StatusForbidden {
		t.Errorf("for an organization that is not declared: status %d: %s", status, body)
	}
	seen(t, h, "an organization that is not declared", "authenticator=intruder", "organization=evil")
	if status, body := order(t, h, "reply", ""); status != http.StatusServiceUnavailable {
		t.Errorf("with a gibibyte: status %d: %s", status, body)
	}
	if status, body := order(t, h, "garbage", ""); status != http.StatusServiceUnavailable {
		t.Errorf("with garbage: status %d: %s", status, body)
	}
	order(t, h, "keep", "")
	order(t, h, "expired", "")
	seen(t, h, "intruder expired: ", "handle")
	order(t, h, "output", "")
	seen(t, h, "plugin=intruder", "log lines were dropped")
	if status, body := order(t, h, "hang", ""); status != http.StatusServiceUnavailable {
		t.Errorf("hanging: status %d: %s", status, body)
	}
}

func TestIntruderTakesAllMemory(t *testing.T) {
	t.Parallel()
	h := start(t)
	defer undisturbed(t, h)()
	before := process(t, h, "intruder")
	if status, body := order(t, h, "allocate", ""); status != http.StatusServiceUnavailable {
		t.Errorf("status %d: %s", status, body)
	}
	seen(t, h, "plugin=intruder", "the plugin's process is over")
	gatehousetest.Eventually(t, "it is launched again", func() bool {
		p := process(t, h, "intruder")
		return p.PID != 0 && p.PID != before.PID && p.Restarts > 0
	})
	if p := process(t, h, "apikey"); p.Restarts != 0 {
		t.Errorf("another plugin was started again %d times", p.Restarts)
	}
}

func TestIntruderIgnoresSignals(t *testing.T) {
	t.Parallel()
	h := start(t)
	pid := process(t, h, "intruder").PID
	h.Signal(syscall.SIGTERM)
	if status := h.Wait(); status != 0 {
		t.Errorf("the host ended with status %d", status)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
		t.Error("it outlives its host")
	}
}
