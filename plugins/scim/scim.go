// Package scim is the provisioner of SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865):
// identity providers push users and groups to it, and it keeps them in the
// host's directory.
//
// This package is the HTTP of it: which request is meant, what it reads and
// writes, and how it is answered. What the text of a request means is the
// business of the packages below: schema (which attribute is meant), body (JSON
// from outside), filter, patch, and dialect (how identity providers depart from
// the standard).
package scim

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// Plugin describes the plugin, for plugin.Serve.
func Plugin() plugin.Plugin {
	return plugin.Plugin{
		Name:         "scim",
		Version:      "1.0.0",
		HostServices: []string{hostsvc.DirectoryService},
		Provisioners: []provision.Kind{{
			Name: "scim",
			Doc: "Takes over the users and groups that an identity provider pushes by SCIM 2.0: " +
				"Okta, Microsoft Entra ID, OneLogin, Ping, JumpCloud, and others.",
			Schema: block(),
			Mount:  "/scim/v2",
			Errors: provision.SCIMErrors,
			New: func(_ context.Context, c instance.Config) (any, diag.Diagnostics) {
				h, ds := newInstance(c, c.Host)
				if ds.HasErrors() {
					return nil, ds
				}
				return h, ds
			},
		}},
	}
}

func newInstance(c instance.Config, d Directory) (*handler, diag.Diagnostics) {
	s, ds := readSettings(c)
	quirks, more := quirksOf(c, s)
	ds = append(ds, more...)
	kinds, more := newKinds(s)
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, ds
	}
	return newHandler(d, s, quirks, kinds), ds
}

// quirksOf is what the instance puts up with.
func quirksOf(c instance.Config, s settings) (dialect.Set, diag.Diagnostics) {
	var ds diag.Diagnostics
	if s.Dialect != "" && !c.IsUnknown("dialect") && !slices.Contains(dialect.Providers(), s.Dialect) {
		ds.Errorf(diag.Path{"dialect"}, "No such dialect", "It must be one of %s.", strings.Join(dialect.Providers(), ", "))
	}
	set := dialect.For(c.Provider)
	if s.Dialect != "" {
		set = dialect.For(s.Dialect)
	}
	if s.Quirks != nil && !c.IsUnknown("quirks") {
		own, err := dialect.Parse(s.Quirks)
		if err != nil {
			ds.Errorf(diag.Path{"quirks"}, "No such quirk", "In the list of quirks %v.", err)
		}
		if s.Dialect != "" {
			ds.Errorf(diag.Path{"quirks"}, "Two dialects", "quirks is a dialect of its own. Leave out dialect, or quirks.")
		}
		set = own
	}
	if s.Strict {
		set = dialect.Strict
	}
	return set, ds
}
