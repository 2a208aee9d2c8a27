package admin

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// pluginCursorForm is the pattern of what pluginCursor makes.
const pluginCursorForm = `^[!-~]{1,512}$`

var pluginCursors = regexp.MustCompile(pluginCursorForm)

// pluginCursor is where a process stands in the list: by its plugin, and by the
// instance that it is dedicated to.
func pluginCursor(s pluginhost.Status) string {
	if s.DedicatedTo == "" {
		return s.Plugin
	}
	return s.Plugin + "," + s.DedicatedTo
}

func (a *API) listPlugins(c *call) (int, any, error) {
	asked, _, err := parseQuery(c.URL.RawQuery, pluginCursors)
	if err != nil {
		return 0, nil, err
	}
	all := a.Plugins()
	slices.SortFunc(all, func(a, b pluginhost.Status) int { return strings.Compare(pluginCursor(a), pluginCursor(b)) })
	list := wire.PluginList{Plugins: []wire.Plugin{}}
	last := ""
	for _, s := range all {
		if pluginCursor(s) <= asked.after {
			continue
		}
		if len(list.Plugins) == asked.limit {
			list.Next = last
			break
		}
		list.Plugins, last = append(list.Plugins, asPlugin(s)), pluginCursor(s)
	}
	return http.StatusOK, list, nil
}

func (a *API) showStatus(c *call) (int, any, error) {
	s := a.Status(c.Context())
	s.Wrong = append([]wire.Wrong{}, s.Wrong...)
	ending := []wire.Ending{}
	for _, e := range s.Ending {
		if c.actor.may(mayList(e.Kind)) == nil {
			ending = append(ending, e)
		}
	}
	s.Ending = ending
	if s.Pulls == nil || c.actor.may(ReadProvisioning) != nil {
		s.Pulls = []wire.Pull{}
	}
	return http.StatusOK, s, nil
}

// mayList is the permission to list what ends: who may see how the host is does
// not see by that whose keys there are.
func mayList(kind wire.EndingKind) Permission {
	switch kind {
	case wire.EndingKey, wire.EndingClient:
		return ReadClients
	case wire.EndingToken:
		return ReadTokens
	case wire.EndingHostKey:
		return ReadKeyring
	case wire.EndingProvisioningToken:
		return ReadProvisioning
	case wire.EndingCertificate:
	}
	return ReadStatus
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
