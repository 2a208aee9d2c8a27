//go:build unix

package pluginhost

import (
	"errors"
	"os/exec"
	"runtime"
)

// forker starts processes, all of them on one OS thread. Linux kills a child
// with a parent-death signal when the thread that made it ends, not when the
// process does, so that thread must live as long as the host.
type forker struct {
	starts chan fork
	closed chan struct{}
}

type fork struct {
	cmd    *exec.Cmd
	result chan error
}

var errForkerClosed = errors.New("the host is closed")

func newForker() *forker {
	f := &forker{starts: make(chan fork), closed: make(chan struct{})}
	go f.run()
	return f
}

func (f *forker) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case s := <-f.starts:
			s.result <- s.cmd.Start()
		case <-f.closed:
			return
		}
	}
}

// start does what cmd.Start does. It takes as long as fork and exec; the
// handshakes that follow run in parallel.
func (f *forker) start(cmd *exec.Cmd) error {
	s := fork{cmd: cmd, result: make(chan error, 1)}
	select {
	case f.starts <- s:
		return <-s.result
	case <-f.closed:
		return errForkerClosed
	}
}

// close ends the thread. Nothing that it started may still run.
func (f *forker) close() { close(f.closed) }
