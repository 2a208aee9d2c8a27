package host

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
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
// touched. The report has what is wrong with the files otherwise, also with
// plugin blocks that cannot be verified for it; what is not known, such as an
// environment variable of production, is no mistake.
func VerifyPlugins(ctx context.Context, o Options) (checks []PluginCheck, report *config.Report, err error) {
	source, err := o.source()
	if err != nil {
		return nil, nil, err
	}
	c, report := o.load(source, true)
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	plugins, err := o.newPlugins("", pluginhost.Options{}, &end)
	if err != nil {
		return nil, nil, err
	}
	all := specs(c, nil)
	unknown := func(spec pluginhost.Spec) bool { return spec.Path == "" || spec.SHA256 == "" }
	failures := plugins.Start(ctx, slices.DeleteFunc(slices.Clone(all), unknown))
	digests := map[string]string{}
	for _, s := range plugins.Status() {
		digests[s.Plugin] = s.Digest
	}
	for _, spec := range all {
		if unknown(spec) {
			failures[spec.ID] = problem.New(problem.Invalid, "path or sha256 of plugin %q is not known here", spec.Name).
				WithHint("set the environment variable, or give the file, that its block reads")
		}
		checks = append(checks, checked(plugins, spec, digests[spec.Name], failures[spec.ID]))
	}
	return checks, report, nil
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
