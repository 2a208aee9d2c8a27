//go:build unix && !linux

package pluginhost

import (
	"os/exec"
	"syscall"
)

// hasParentDeathSignal says whether the kernel kills a plugin with its host.
// Here only the closed standard input tells the plugin.
const hasParentDeathSignal = false

// separate puts the process into a group of its own, so that it is killed with
// its children and a Ctrl-C in the terminal is the host's alone to answer.
func separate(cmd *exec.Cmd, _ bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// awaitExit has no way here to wait without reaping; the process's own Wait
// does both.
func awaitExit(int) {}
