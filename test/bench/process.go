//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The servers share one core, as a small machine would have it, and the load
// has the other to itself.
const (
	serverCore = 0
	loadCore   = 1
)

// pin keeps the calling thread on a core.
func pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("core %d: %w (two cores are needed, one for the servers and one for the load)", core, err)
	}
	return nil
}

// process is a server on its core.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// launch starts a server on a core. It must be called by the locked main
// thread: the child takes the thread's core, and dies with the thread.
func launch(ctx context.Context, core int, log io.Writer, env []string, name string, args ...string) (*process, error) {
	if err := pin(core); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append([]string{"GOMAXPROCS=1", "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Start()
	if back := pin(loadCore); err == nil {
		err = back
	}
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// stop asks the server to end, and waits until it has.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.ended
}

// pids are the server's process and those that it has started.
func (p *process) pids() ([]int, error) { return treeOf(p.cmd.Process.Pid) }

// treeOf is a process and those that it has started.
func treeOf(pid int) ([]int, error) {
	list := []int{pid}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if pid, parent, err := parseStat(string(text)); err == nil && parent == list[0] {
			list = append(list, pid)
		}
	}
	slices.Sort(list[1:])
	return list, nil
}

// parseStat reads a process's id and its parent's from /proc/pid/stat
// (proc_pid_stat(5)). The name between them may hold anything.
func parseStat(text string) (pid, parent int, err error) {
	first, _, ok := strings.Cut(text, " ")
	end := strings.LastIndexByte(text, ')')
	if !ok || end < 0 {
		return 0, 0, fmt.Errorf("this is no stat of a process: %q", text)
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 2 {
		return 0, 0, fmt.Errorf("this is no stat of a process: %q", text)
	}
	if pid, err = strconv.Atoi(first); err != nil {
		return 0, 0, err
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err
}

// cpu is the time that the server and its children have run.
func (p *process) cpu() (time.Duration, error) { return cpuOfTree(p.cmd.Process.Pid) }

// cpuOfTree is the time that a process and its children have run.
func cpuOfTree(pid int) (time.Duration, error) {
	pids, err := treeOf(pid)
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		for _, name := range threads {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // the thread has ended
			}
			ran, _, _ := strings.Cut(string(text), " ")
			ns, err := strconv.ParseInt(ran, 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(ns)
		}
	}
	return total, nil
}

// memory is the proportional share of each of the server's processes, in bytes,
// the server's own first.
func (p *process) memory() ([]int, error) {
	pids, err := p.pids()
	if err != nil {
		return nil, err
	}
	var list []int
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return nil, err
		}
		_, rest, ok := strings.Cut(string(text), "\nPss:")
		kib, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		n, err := strconv.Atoi(kib)
		if !ok || err != nil {
			return nil, fmt.Errorf("process %d does not tell its memory: %w", pid, err)
		}
		list = append(list, n<<10)
	}
	return list, nil
}

// freeAddress is an address on which nobody listens now.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// waitFor sends one request again and again until its answer is 2xx, and
// returns how long that took.
func (p *process) waitFor(ctx context.Context, addr, path string, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\n\r\n")
	for {
		sent := false
		l := load{addr: addr, connections: 1, next: func() []byte {
			if sent {
				return nil
			}
			sent = true
			return request
		}}
		o, err := l.run()
		if err == nil {
			err = o.check()
		}
		if err == nil {
			return time.Since(start), nil
		}
		if time.Since(start) > limit {
			return 0, fmt.Errorf("http://%s%s is not ready after %s: %w", addr, path, limit, err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-p.ended:
			return 0, fmt.Errorf("http://%s%s was never ready: the process has ended", addr, path)
		case <-time.After(time.Millisecond):
		}
	}
}
