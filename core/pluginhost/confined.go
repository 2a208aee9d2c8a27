//go:build unix

package pluginhost

import (
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
)

// confined leads the execution of a path through the launch stage, and notes
// what that puts in force. Where there is no launch stage, which only
// BestEffort lets happen, the path is executed as it is.
func (g *program) confined(p *process, path string, argv []string) (string, []string, error) {
	granted := g.spec.Grants
	p.inForce.Grants = Grants{Network: granted.Network, Read: slices.Clone(granted.Read), Memory: granted.Memory, Env: map[string]string{}}
	for name := range maps.Keys(granted.Env) {
		p.inForce.Env[name] = ""
	}
	if !g.support.Limits {
		return path, argv, nil
	}
	profile := confine.Profile{
		Folder: p.folder, Write: g.writable, FileSize: g.fileSize, Read: granted.Read, Network: granted.Network, Memory: granted.Memory,
		Landlock: g.support.Landlock > 0, Seccomp: g.support.Seccomp, DeathSignal: g.deathSignal,
	}
	args, err := profile.Arguments(path, argv)
	if err != nil {
		return "", nil, err
	}
	p.inForce.Limits, p.inForce.Landlock, p.inForce.Seccomp = true, g.support.Landlock, g.support.Seccomp
	return g.stage[0], append(slices.Clone(g.stage), args...), nil
}
