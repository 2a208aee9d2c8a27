// Package google is the provisioner of Google Workspace, which pushes to no
// application that is not in its catalogue: so it is asked. It goes through the
// users, groups and members of the Admin SDK's Directory API
// (https://developers.google.com/workspace/admin/directory/reference/rest/v1) and
// keeps them in the host's directory.
//
// It keeps nothing between the parts of a pass but an access token. Where a pass
// is stands in its cursor.
package google

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// Plugin describes the plugin, for plugin.Serve.
func Plugin() plugin.Plugin {
	return plugin.Plugin{
		Name:         "google",
		Version:      "1.0.0",
		HostServices: []string{hostsvc.DirectoryService, hostsvc.FetchService},
		Provisioners: []provision.Kind{{
			Name:   "google",
			Doc:    "Asks Google Workspace for its users, groups and members, by a service account with domain-wide delegation.",
			Schema: block(),
			Pulls:  true,
			New: func(_ context.Context, c instance.Config) (any, diag.Diagnostics) {
				s, ds := readSettings(c)
				if ds.HasErrors() {
					return nil, ds
				}
				return newPuller(s, c.Host), ds
			},
		}},
	}
}

// Host is what the plugin asks of its host.
type Host interface {
	Find(ctx context.Context, q directory.Query) (directory.Page, error)
	Apply(ctx context.Context, changes []directory.Change) ([]directory.Outcome, error)
	Fetch(ctx context.Context, r hostsvc.FetchRequest) (hostsvc.FetchResponse, error)
}

func newPuller(s settings, h Host) *puller {
	return &puller{settings: s, host: h, api: &api{settings: s, host: h, clock: time.Now}}
}
