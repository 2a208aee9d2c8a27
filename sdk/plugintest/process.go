package plugintest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/hashicorp/go-plugin/runner"
)

// process is a plugin's process. It differs from go-plugin's own in standard
// input: a pipe that stays open as long as this process lives, by which the
// plugin notices that its host is gone.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr io.ReadCloser
}

var _ runner.Runner = (*process)(nil)

func newProcess(cmd *exec.Cmd) (*process, error) {
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, stdin: stdin, stdout: stdout, stderr: stderr}, nil
}

// Start starts the process.
func (p *process) Start(context.Context) error { return p.cmd.Start() }

// Wait waits for its end.
func (p *process) Wait(context.Context) error { return p.cmd.Wait() }

// Kill ends it.
func (p *process) Kill(context.Context) error {
	if p.cmd.Process == nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Diagnose has nothing to add: the log is shown with the error.
func (p *process) Diagnose(context.Context) string { return "" }

// Stdout carries the handshake.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr carries the log.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name is the path of the binary.
func (p *process) Name() string { return p.cmd.Path }

// ID is the process's number.
func (p *process) ID() string {
	if p.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// PluginToHost changes nothing: both see the same files.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin changes nothing either.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
