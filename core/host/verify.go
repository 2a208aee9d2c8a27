package host

import (
	"context"
	"errors"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
)

// PluginCheck is what was found out about one plugin block.
type PluginCheck struct {
	Name    string
	Path    string
	Pinned  string // the SHA-256 that the block asks for
	Actual  string // that of the file; empty if it could not be read
	Version string
	Kinds   []string
	Error   error // why it would not run
}

// VerifyPlugins hashes, starts and asks each plugin of the configuration's
// plugin blocks, as every launch of the host does. A running host is not
// touched.
func VerifyPlugins(ctx context.Context, o Options) (checks []PluginCheck, err error) {
	source, err := o.source()
	if err != nil {
		return nil, err
	}
	c, report := o.load(source, true)
	if report.HasErrors() {
		return nil, o.refuse(report)
	}
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	plugins, err := o.newPlugins("", pluginhost.Options{}, &end)
	if err != nil {
		return nil, err
	}
	wanted := specs(c, nil)
	failures := plugins.Start(ctx, wanted)
	digests := map[string]string{}
	for _, s := range plugins.Status() {
		digests[s.Plugin] = s.Digest
	}
	for _, spec := range wanted {
		checks = append(checks, checked(plugins, spec, digests[spec.Name], failures[spec.ID]))
	}
	return checks, nil
}

func checked(plugins *pluginhost.Host, spec pluginhost.Spec, digest string, failure error) PluginCheck {
	check := PluginCheck{Name: spec.Name, Path: spec.Path, Pinned: spec.SHA256, Actual: digest, Error: failure}
	if failure != nil {
		return check
	}
	d, err := plugins.Description(spec.ID)
	check.Version, check.Error = d.Version, err
	for _, k := range d.Kinds {
		check.Kinds = append(check.Kinds, k.Name)
	}
	return check
}
