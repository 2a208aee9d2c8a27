package host

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/provisioning/pull"
	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/throttle"
)

// connections is what the configuration in force declares of them.
type connections struct{ h *house }

var _ provisioning.Connections = connections{}

func (c connections) Connection(label string) (provisioning.Connection, bool) {
	found, ok := c.h.current.Load().connections[label]
	return found, ok
}

func (c connections) Mounts() []provisioning.Mounted { return c.h.current.Load().mounts }

// connect collects what requests of IdPs have to know of a plan.
func (p *plan) connect(kinds map[string]offer) {
	p.connections = map[string]provisioning.Connection{}
	for i := range p.config.Connections {
		c := &p.config.Connections[i]
		p.connections[c.Label] = provisioning.Connection{
			Label: c.Label, Organization: c.Organization, Provisioners: p.provisioners(c),
			Limits: provisioning.Limits{Concurrent: c.Limits.Concurrent, Rate: c.Limits.Rate, Body: c.Limits.Body},
		}
	}
	for _, name := range names(kinds) {
		if k := kinds[name].kind.Provisioner; k != nil && k.Mount != "" {
			p.mounts = append(p.mounts, provisioning.Mounted{Path: k.Mount, Errors: k.Errors})
		}
	}
}

// provisioners are those of a connection that answer requests, as they stand in
// the file.
func (p *plan) provisioners(c *config.Connection) []provisioning.Provisioner {
	var list []provisioning.Provisioner
	for _, block := range c.Provisioners {
		if in, ok := p.named(block.Name); ok && in.kind.Provisioner.Mount != "" {
			list = append(list, provisioning.Provisioner{Instance: in.Name, Mount: in.kind.Provisioner.Mount})
		}
	}
	return list
}

// pushed hands requests of IdPs to the plugins.
type pushed struct{ plugins *pluginhost.Host }

var _ provisioning.Plugins = pushed{}

func (p pushed) Handle(ctx context.Context, instance, organization string, r provisioning.Request) (*provisioning.Response, error) {
	answer, err := p.plugins.Handle(ctx, instance, organization, pluginhost.HTTPRequest(r))
	if err != nil {
		return nil, err
	}
	response := provisioning.Response(*answer)
	return &response, nil
}

// admit makes the ways in of identity providers: by which they come, and by which
// they are asked.
func (h *house) admit() {
	h.traffic = traffic.New()
	h.brake = brake.New(brake.Options{
		Store: h.store, Audit: h.audit, Directory: leavers{h}, Keys: h.records, Rules: h.brakeRules,
		Clock: h.clock, Random: h.random, Logger: h.Logger,
	})
	h.mount = provisioning.New(provisioning.Options{
		Tokens: h.provisioningTokens, Connections: connections{h}, Plugins: pushed{h.plugins}, Brake: h.brake, Log: h.traffic,
		Attempts: func() *throttle.Guard { return h.current.Load().attempts }, Observe: h.throttled, Source: h.cameFrom,
		Failed: h.failing.failed, PublicURL: h.publicURL, Clock: h.clock, Random: h.random, Logger: h.Logger,
	})
	h.pulls = pull.New(pull.Options{
		Store: h.store, Sources: h.sources, Plugins: h.plugins, Directory: passes{h}, Clock: h.clock, Random: h.random, Logger: h.Logger,
	})
	h.registry.MustRegister(newPullMetrics(h.pulled), newBrakeMetrics(h.brake.List, h.connectionLabels), newVacancies(h.grants.Vacant, h.protectedRoles, h.clock))
}
