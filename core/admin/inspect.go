package admin

import (
	"maps"
	"net/http"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

func (a *API) listPlugins(*call) (int, any, error) {
	list := wire.PluginList{Plugins: []wire.Plugin{}}
	for _, s := range a.Plugins() {
		list.Plugins = append(list.Plugins, asPlugin(s))
	}
	return http.StatusOK, list, nil
}

func (a *API) showStatus(c *call) (int, any, error) {
	return http.StatusOK, a.Status(c.Context()), nil
}

func asPlugin(s pluginhost.Status) wire.Plugin {
	p := wire.Plugin{
		Name: s.Plugin, Version: s.Version, DedicatedTo: s.DedicatedTo, PID: s.PID, State: s.State.String(), Since: s.Since.UTC(),
		Generation: s.Generation, Restarts: s.Restarts, LastError: s.LastError, Pinned: s.SHA256, Running: s.Digest,
		Instances: []wire.PluginInstance{}, InForce: []string{},
		Confinement: wire.Confinement{
			Landlock: s.InForce.Landlock, Seccomp: s.InForce.Seccomp, Limits: s.InForce.Limits, Network: s.InForce.Network,
			Read: append([]string{}, s.InForce.Read...), Memory: s.InForce.Memory,
			Env: append([]string{}, slices.Sorted(maps.Keys(s.InForce.Env))...),
		},
	}
	for _, i := range s.Instances {
		p.Instances = append(p.Instances, wire.PluginInstance{Name: i.Name, Error: i.Error})
	}
	for _, one := range []struct {
		holds bool
		name  string
	}{
		{s.InForce.Pinned, "pinned"},
		{s.InForce.Sealed, "sealed"},
		{s.InForce.ParentDeathSignal, "parent_death_signal"},
		{s.InForce.HostPipe, "host_pipe"},
		{s.InForce.ProcessGroup, "process_group"},
		{s.InForce.CleanEnvironment, "clean_environment"},
		{s.InForce.PrivateFolder, "private_folder"},
		{s.InForce.Limits, "limits"},
		{s.InForce.Landlock > 0, "landlock"},
		{s.InForce.Seccomp, "seccomp"},
	} {
		if one.holds {
			p.InForce = append(p.InForce, one.name)
		}
	}
	return p
}
