//go:build unix

package pluginhost

import (
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
)

// confined leads the execution of a path through the launch stage, and notes
// what that puts in force. It adds to the files that the process inherits. Where
// there is no launch stage, which only BestEffort lets happen, the path is
// executed as it is.
func (g *program) confined(p *process, c command) (command, error) {
	granted := g.spec.Grants
	p.inForce.Grants = Grants{Network: granted.Network, Read: slices.Clone(granted.Read), Memory: granted.Memory, Env: map[string]string{}}
	for name := range maps.Keys(granted.Env) {
		p.inForce.Env[name] = ""
	}
	if !g.support.Limits {
		return c, nil
	}
	profile := confine.Profile{
		Folder: p.folder, Write: g.writable, FileSize: g.fileSize, Read: granted.Read, Network: granted.Network, Memory: granted.Memory,
		Landlock: g.support.Landlock > 0, Seccomp: g.support.Seccomp, DeathSignal: g.deathSignal,
	}
	if profile.Seccomp {
		attempts, theirs, err := confine.NewAttempts()
		if err != nil {
			return c, err
		}
		c.files = append(c.files, theirs)
		profile.Report = firstInherited + len(c.files) - 1
		go g.watch(p, attempts)
	}
	args, err := profile.Arguments(c.path, c.args)
	if err != nil {
		return c, err
	}
	p.inForce.Limits, p.inForce.Landlock, p.inForce.Seccomp = true, g.support.Landlock, g.support.Seccomp
	c.path, c.args = g.stage[0], append(slices.Clone(g.stage), args...)
	return c, nil
}

// firstInherited is the number that the first of exec.Cmd.ExtraFiles has.
const firstInherited = 3

// A process whose attempts are more than this waits with each for its answer, so
// that it keeps itself busy and not the host.
const (
	refusedAtOnce = 1000
	refusedPause  = 10 * time.Millisecond
)

// watch tells the operator what a process tries although it may not: in the log
// the first time of each system call, the second, the fourth, and so on.
func (g *program) watch(p *process, attempts *confine.Attempts) {
	times, all := map[string]int{}, 0
	err := attempts.Watch(func(call string) {
		times[call]++
		if all++; all > refusedAtOnce {
			time.Sleep(refusedPause)
		}
		if n := times[call]; n&(n-1) == 0 {
			p.log.log.Warn("the plugin tried what it may not", "call", call, "times", n)
		}
		if g.refused != nil {
			g.refused(g.spec.Name)
		}
	})
	if err != nil {
		p.log.log.Error("nobody hears what the plugin tries: it is killed", "error", err)
		p.kill()
	}
}
