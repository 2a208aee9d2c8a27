package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// plan is a configuration that was found good by everybody concerned: the
// frame, the plugins, and the policy. Nothing was changed for it.
type plan struct {
	source    config.Source
	config    *config.Config
	policy    *policy.Policy
	plugins   []pluginhost.Spec
	instances []instance

	connections map[string]provisioning.Connection
	mounts      []provisioning.Mounted
}

// has reports whether an instance is there just as given.
func (p *plan) has(in instance) bool {
	return slices.ContainsFunc(p.instances, func(o instance) bool {
		return o.Name == in.Name && o.plugin == in.plugin && o.kind.Name == in.kind.Name && o.Isolation == in.Isolation && o.provider() == in.provider() && bytes.Equal(o.values, in.values)
	})
}

// named returns the instance of that name.
func (p *plan) named(name string) (instance, bool) {
	i := slices.IndexFunc(p.instances, func(o instance) bool { return o.Name == name })
	if i < 0 {
		return instance{}, false
	}
	return p.instances[i], true
}

// instance is a configured block of a plugin.
type instance struct {
	config.Instance
	of       *config.Connection // that it stands in; nil: in none
	block    string             // the word that its block begins with
	plugin   string             // ID
	kind     pluginhost.Kind
	values   []byte
	unknown  []string
	readings []authn.Credential
}

// The words that blocks of instances begin with.
const (
	authenticator = "authenticator"
	provisioner   = "provisioner"
)

// provider is the product of the IdP that the instance's connection leads to.
func (in instance) provider() string {
	if in.of == nil {
		return ""
	}
	return string(in.of.Provider)
}

// blocks are all blocks of plugins, without their values.
func blocks(c *config.Config) []instance {
	var list []instance
	for _, a := range c.Authenticators {
		list = append(list, instance{Instance: a, block: authenticator})
	}
	for i := range c.Connections {
		for _, a := range c.Connections[i].SignOn.Authenticators {
			list = append(list, instance{Instance: a, of: &c.Connections[i], block: authenticator})
		}
		for _, p := range c.Connections[i].Provisioners {
			list = append(list, instance{Instance: p, of: &c.Connections[i], block: provisioner})
		}
	}
	return list
}

// load reads the files. The report is never nil; a plan with errors in it may
// not be used.
func (o Options) load(source config.Source, allowUnset bool) (*config.Config, *config.Report) {
	options := config.Options{
		Dir: o.folder(), Env: o.Env, ReadFile: config.ReadUnder, Dev: o.Dev, AllowUnset: allowUnset,
		Now: time.Now(),
	}
	if !allowUnset {
		options.Stat = readable
	}
	return config.Load(source, options)
}

// readable opens a file, as its reader will.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// folder is where relative paths of the configuration start from.
func (o Options) folder() string {
	path, err := filepath.Abs(o.ConfigPath)
	if err != nil {
		return o.ConfigPath // the working folder is gone: what is relative cannot be found anyway
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path)
	}
	return path
}

// specs are the plugins that a configuration needs: those it declares, and the
// bundled ones of which it has a block. Two that differ in anything have
// different IDs, so that one can take over from the other.
func specs(c *config.Config, bundled []string) []pluginhost.Spec {
	var list []pluginhost.Spec
	bestEffort := c.Server.Confinement == config.BestEffort
	wanted := blocks(c)
	for _, name := range bundled {
		if slices.ContainsFunc(wanted, func(in instance) bool { return in.Kind == name }) {
			// A plugin of ours gets those of them that it asks for.
			list = append(list, pluginhost.Spec{Name: name, Bundled: true, HostServices: hostsvc.Services(), BestEffort: bestEffort})
		}
	}
	for _, p := range c.Plugins {
		list = append(list, pluginhost.Spec{
			Name: p.Name, Path: p.Path, SHA256: p.SHA256, HostServices: p.HostServices, BestEffort: bestEffort,
			Grants: pluginhost.Grants{Network: p.Network, Read: p.Read, Memory: p.Memory, Env: p.Env},
		})
	}
	for i, spec := range list {
		text, _ := json.Marshal(spec) // texts and flags always encode
		list[i].ID = fmt.Sprintf("%s@%x", spec.Name, sha256.Sum256(text))
	}
	return list
}

// examine starts the plugins that do not run yet, lets all see their blocks, and
// compiles the policy. Every mistake goes to the report; an error is what is no
// mistake of the configuration. started are the IDs of those that run since, also
// with an error.
func (o Options) examine(ctx context.Context, source config.Source, c *config.Config, report *config.Report, plugins *pluginhost.Host) (p *plan, started []string, err error) {
	wanted := specs(c, o.Bundled)
	started, err = start(ctx, plugins, wanted)
	p = &plan{source: source, config: c, plugins: wanted}
	kinds, clash := kindsOf(plugins, wanted)
	if err := errors.Join(err, clash); err != nil {
		return nil, started, err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, block := range blocks(c) {
		k, ok := kinds[block.Kind]
		if !ok {
			// A bundled plugin without a block was not started, and is what a
			// mistyped block was probably meant for.
			known := append(names(kinds), o.Bundled...)
			slices.Sort(known)
			block.Body.UnknownKind(slices.Compact(known))
			continue
		}
		if !block.fits(k.kind) {
			continue
		}
		wg.Go(func() {
			in, ok, err := validate(ctx, plugins, block, k)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			} else if ok {
				p.instances = append(p.instances, in)
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return nil, started, failed
	}
	slices.SortFunc(p.instances, func(a, b instance) int { return compare(a.Name, b.Name) })
	p.connect(kinds)
	compiled, ds := policy.Compile(ctx, rules(c))
	report.Add(ds)
	p.policy = compiled
	if !report.HasErrors() {
		if _, err := access.NewReader(p.readers()); err != nil {
			return nil, started, fmt.Errorf("the configuration has two ways to read one credential: %w", err)
		}
	}
	return p, started, nil
}

// start starts those that do not run yet.
func start(ctx context.Context, plugins *pluginhost.Host, wanted []pluginhost.Spec) (started []string, err error) {
	var missing []pluginhost.Spec
	for _, spec := range wanted {
		if _, err := plugins.Description(spec.ID); problem.Is(err, problem.NotFound) {
			missing = append(missing, spec)
		}
	}
	failed := plugins.Start(ctx, missing)
	var failures []error
	for _, spec := range missing {
		if err := failed[spec.ID]; err != nil {
			failures = append(failures, fmt.Errorf("plugin %q: %w", spec.Name, err))
			continue
		}
		started = append(started, spec.ID)
	}
	return started, errors.Join(failures...)
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// offer is a kind, and the plugin that serves it.
type offer struct {
	plugin string // name
	id     string
	kind   pluginhost.Kind
}

// kindsOf collects what the plugins serve. One kind of two plugins is refused:
// which of them checked a credential would be a matter of chance.
func kindsOf(plugins *pluginhost.Host, wanted []pluginhost.Spec) (map[string]offer, error) {
	kinds := map[string]offer{}
	for _, spec := range wanted {
		d, err := plugins.Description(spec.ID)
		if err != nil {
			continue // it was not started, which is reported already
		}
		for _, k := range d.Kinds {
			if other, taken := kinds[k.Name]; taken {
				return nil, fmt.Errorf("plugins %q and %q both serve the kind %q: remove one of them", other.plugin, d.Name, k.Name)
			}
			kinds[k.Name] = offer{plugin: d.Name, id: spec.ID, kind: k}
		}
	}
	return kinds, nil
}

func names(kinds map[string]offer) []string {
	list := make([]string, 0, len(kinds))
	for name := range kinds {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// validate decodes a block by its plugin's schema and has the plugin look at
// the values. ok is false where something was reported.
func validate(ctx context.Context, plugins *pluginhost.Host, in instance, k offer) (instance, bool, error) {
	in.plugin, in.kind = k.id, k.kind
	values, unknown, ok := in.Body.Decode(k.kind.Schema)
	if !ok {
		return in, false, nil
	}
	in.values = values
	for _, path := range unknown {
		in.unknown = append(in.unknown, path.String())
	}
	done, err := plugins.Configure(ctx, in.configure(true, nil))
	if err != nil {
		return in, false, fmt.Errorf("%s %q: %w", in.block, in.Name, err)
	}
	in.Body.Report(done.Diagnostics)
	if in.readings = done.Credentials; len(in.readings) == 0 {
		in.readings = k.kind.Credentials // as described, which this instance does not change
	}
	return in, !done.Diagnostics.HasErrors(), nil
}

// fits reports whether a kind is one for such a block, and complains where it is
// not.
func (in instance) fits(k pluginhost.Kind) bool {
	var is string
	var fits bool
	switch {
	case k.Provisioner != nil:
		is, fits = "a provisioner, which stands in a connection", in.block == provisioner
	case k.Person != nil:
		is, fits = "an authenticator of people, which stands in a connection", in.block == authenticator && in.of != nil
	default:
		is, fits = "an authenticator of programs, which stands outside of connections", in.block == authenticator && in.of == nil
	}
	if fits {
		return true
	}
	var ds diag.Diagnostics
	ds.Errorf(nil, "Plugin of another kind", "%q is %s.", k.Name, is)
	in.Body.Report(ds)
	return false
}

// readers are the authenticators as reading credentials needs them.
func (p *plan) readers() []access.Instance {
	var list []access.Instance
	for _, in := range p.instances {
		if in.of == nil {
			list = append(list, access.Instance{Name: in.Name, Records: in.kind.Records, Credentials: in.readings})
		}
	}
	return list
}

// rules are what the configuration says about roles and routes.
func rules(c *config.Config) policy.Rules {
	var r policy.Rules
	for _, role := range c.Roles {
		r.Roles = append(r.Roles, policy.Role{Name: role.Name, Permissions: role.Permissions, Protected: role.Protected, Exclusive: role.Exclusive, Priority: role.Priority, Range: role.Range})
	}
	for _, m := range c.Mappings {
		r.Mappings = append(r.Mappings, mapping(m, ""))
	}
	for _, client := range c.Clients {
		for _, m := range client.Mappings {
			r.Mappings = append(r.Mappings, mapping(m, client.ID))
		}
	}
	for _, connection := range c.Connections {
		for _, m := range connection.Mappings {
			of := mapping(m, "")
			of.Connection = connection.Label
			r.Mappings = append(r.Mappings, of)
		}
	}
	for _, u := range c.Upstreams {
		if u.Deny {
			r.Closed = append(r.Closed, u.Name)
		}
	}
	for _, route := range c.Routes {
		upstream := route.Upstream
		if upstream == "" && len(c.Upstreams) == 1 {
			upstream = c.Upstreams[0].Name
		}
		r.Routes = append(r.Routes, policy.Route{
			Upstream: upstream, Pattern: route.Pattern, Methods: route.Methods, Permission: route.Permission, Public: route.Public,
			SignOn: policy.SignOn{MultiFactor: route.MFA, MaxAge: route.MaxAge},
			Where:  where(route.Range.Filename, route.Range.Start.Line), Range: route.Range,
		})
	}
	return r
}

func mapping(m config.Mapping, client string) policy.Mapping {
	return policy.Mapping{
		Name: m.Name, Client: client, Groups: m.Groups, GroupIDs: m.GroupIDs, When: m.When, Roles: m.Roles, Range: m.Range, Where: where(m.Range.Filename, m.Range.Start.Line),
	}
}

func where(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// self is the commands that serve a bundled plugin and that confine any: this
// very binary, also if the file was replaced since it was started.
func self() (bundled, stage []string, err error) {
	path := "/proc/self/exe"
	if _, err := os.Stat(path); err != nil {
		if path, err = os.Executable(); err != nil {
			return nil, nil, fmt.Errorf("finding our own binary: %w", err)
		}
	}
	return []string{path, PluginCommand}, []string{path, confine.Command}, nil
}

// PluginCommand is the hidden command that serves a bundled plugin.
const PluginCommand = "__plugin"
