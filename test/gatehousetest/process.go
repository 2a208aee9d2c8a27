//go:build linux

package gatehousetest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one that was started for a test. It ends with the test process,
// however that ends.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

func launch(env []string, out, log io.Writer, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, out, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = 5 * time.Second // an orphan may hold its output open
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig goes by the thread that started it
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // status reads what came of it
			close(p.ended)
		}
	}()
	return p, <-started
}

// status is the exit status once it has ended.
func (p *process) status() (status int, ended bool) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), true
	default:
		return 0, false
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// Daemon starts a program, waits until it listens, and ends it with the test.
func Daemon(tb testing.TB, listen string, env []string, name string, args ...string) {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("%v: install the Debian package %s", err, name)
	}
	log := &Text{}
	p, err := launch(append(os.Environ(), env...), log, log, path, args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		p.kill()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", name, log)
		}
	})
	Eventually(tb, name+" listens", func() bool {
		if status, ended := p.status(); ended {
			tb.Fatalf("%s ended with status %d", name, status)
		}
		conn, err := net.Dial("tcp", listen)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// Running reports whether a process runs. One that has ended and that nobody
// has waited for does not.
func Running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := text[bytes.LastIndexByte(text, ')')+1:] // the name before it may hold anything
	return !strings.HasPrefix(string(state), " Z")
}

// Eventually waits for what happens in other processes.
func Eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for limit := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			tb.Fatalf("it never came to be: %s", what)
		}
	}
}

// FreeAddress is one on this machine that nobody listens on now. It is below
// the ports that the kernel gives to outgoing connections, so that none of
// those takes it before it is used.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, last = 10_000, 32_000
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(last-first)))
		if err != nil {
			continue // taken
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			tb.Fatal(err)
		}
		return address
	}
	tb.Fatal("there is no free port")
	return ""
}

// Text is what a process writes while a test reads it.
type Text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

// String is all that was written so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
