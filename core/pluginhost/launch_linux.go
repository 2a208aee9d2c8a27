package pluginhost

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasParentDeathSignal says whether the kernel kills a plugin with its host.
const hasParentDeathSignal = true

// separate puts the process into a group of its own, so that it is killed with
// its children and a Ctrl-C in the terminal is the host's alone to answer. With
// deathSignal the kernel kills it when the host's forking thread ends.
func separate(cmd *exec.Cmd, deathSignal bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if deathSignal {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}

// awaitExit returns when the process has exited and before it is reaped: until
// then nobody else can get its process id, so its group can be killed safely.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
