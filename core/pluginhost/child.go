//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// outputGrace is how long the output of a process that has exited may still be
// read. A grandchild that left the process group can hold the pipes open for
// ever.
const outputGrace = 500 * time.Millisecond

// child is one process of a plugin, as go-plugin runs it. It lives in a process
// group of its own, and its standard input is a pipe that ends with the host.
type child struct {
	name   string
	folder string // the only place where its socket may be
	forks  *forker
	log    *pluginLog

	stdin  *os.File // our end; the process sees its end when we are gone
	stdout *handshakeReader
	stderr *os.File

	exited chan struct{} // closed when the process is over and its group killed
	output sync.WaitGroup

	mu     sync.Mutex
	cmd    *exec.Cmd
	killed bool
	reaped bool
	state  *os.ProcessState
}

var _ runner.Runner = (*child)(nil)

func newChild(name, folder string, forks *forker, log *pluginLog) *child {
	return &child{name: name, folder: folder, forks: forks, log: log, exited: make(chan struct{})}
}

// prepare takes the command over from go-plugin, which has put the handshake
// into its environment.
func (c *child) prepare(cmd *exec.Cmd) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd = cmd
}

// Start starts the process and watches it.
func (c *child) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return errors.New("the start was given up")
	}
	theirs, err := c.pipes()
	defer func() {
		for _, f := range theirs {
			_ = f.Close()
		}
	}()
	if err != nil {
		c.closePipes()
		return err
	}
	if err := c.forks.start(c.cmd); err != nil {
		c.closePipes()
		return fmt.Errorf("starting the process: %w", err)
	}
	c.output.Go(func() { c.log.readStderr(c.stderr) })
	go c.reap()
	return nil
}

// pipes gives the command its three files and returns them, to be closed here
// once the process has them.
func (c *child) pipes() ([]*os.File, error) {
	stdinRead, stdinWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirs := []*os.File{stdinRead}
	c.stdin = stdinWrite
	stdoutRead, stdoutWrite, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	theirs = append(theirs, stdoutWrite)
	c.stdout = &handshakeReader{src: stdoutRead, rest: c.log.writer("stdout")}
	stderrRead, stderrWrite, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	c.stderr = stderrRead
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdinRead, stdoutWrite, stderrWrite
	return append(theirs, stderrWrite), nil
}

func (c *child) closePipes() {
	if c.stdin != nil {
		_ = c.stdin.Close()
	}
	if c.stdout != nil {
		_ = c.stdout.Close()
	}
	if c.stderr != nil {
		_ = c.stderr.Close()
	}
}

// reap waits for the end of the process, kills what it started, and gives the
// readers of its output a moment.
func (c *child) reap() {
	pid := c.cmd.Process.Pid
	awaitExit(pid)
	c.mu.Lock()
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = c.cmd.Wait()
	c.reaped, c.state = true, c.cmd.ProcessState
	c.mu.Unlock()
	close(c.exited)

	drained := make(chan struct{})
	go func() { c.output.Wait(); close(drained) }()
	grace := time.NewTimer(outputGrace)
	defer grace.Stop()
	select {
	case <-drained:
	case <-grace.C:
	}
	c.closePipes()
}

// Kill kills the process and its whole group.
func (c *child) Kill(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
	if c.cmd == nil || c.cmd.Process == nil || c.reaped {
		return nil
	}
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing the process group: %w", err)
	}
	return nil
}

// Wait waits for the end of the process and says how it ended.
func (c *child) Wait(context.Context) error {
	<-c.exited
	c.output.Wait()
	if text := c.ending(); text != "" {
		return errors.New(text)
	}
	return nil
}

// ending says how the process ended; empty is with status 0, or not yet.
func (c *child) ending() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == nil || c.state.Success() {
		return ""
	}
	return c.state.String()
}

// exitedAlone says how a process ended that nobody killed.
func (c *child) exitedAlone() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == nil {
		return ""
	}
	if status, ok := c.state.Sys().(syscall.WaitStatus); ok && c.killed && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return ""
	}
	return c.state.String()
}

// handshake are the fields of the line that it began with.
func (c *child) handshake() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stdout == nil {
		return nil
	}
	return c.stdout.fields()
}

// wait waits for the end of a process that was started and killed.
func (c *child) wait() {
	c.mu.Lock()
	started := c.cmd != nil && c.cmd.Process != nil
	c.mu.Unlock()
	if started {
		<-c.exited
		c.output.Wait()
	}
}

// Diagnose adds nothing: what the process wrote is told by whoever started it.
func (c *child) Diagnose(context.Context) string { return "" }

// Stdout is where go-plugin reads the handshake.
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr is empty for go-plugin: its parser of log lines panics on a line such
// as {"@message":1}, which would let a plugin end its host. We read them.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the plugin's.
func (c *child) Name() string { return c.name }

// ID is the process id.
func (c *child) ID() string {
	if pid := c.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil || c.cmd.Process == nil {
		return 0
	}
	return c.cmd.Process.Pid
}

// PluginToHost lets the host dial a socket in the plugin's own folder and
// nothing else: the plugin chooses this address.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	inside, err := filepath.Rel(c.folder, address)
	if network != "unix" || err != nil || !filepath.IsLocal(inside) {
		return "", "", fmt.Errorf("the plugin listens at %q, which is not in its own folder", network+":"+address)
	}
	return network, address, nil
}

// HostToPlugin changes nothing: both see the same files.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
