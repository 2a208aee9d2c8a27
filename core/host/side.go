package host

import (
	"strings"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
)

// side is a configuration as a preview compares it with another.
func (h *house) side(p *plan) preview.Side {
	r := rules(p.config)
	s := preview.Side{
		Policy: p.policy, Roles: map[string]policy.Role{}, Routes: r.Routes, Upstreams: map[string]bool{}, Connections: map[string]preview.Connection{},
		Clients: map[string]preview.Client{}, Instances: map[string]bool{}, Addresses: p.addresses(h.ownBase(p.config)),
	}
	for _, role := range r.Roles {
		s.Roles[role.Name] = role
	}
	for _, u := range p.config.Upstreams {
		s.Upstreams[u.Name] = u.Deny
	}
	for _, c := range p.signOns() {
		s.Connections[c.Label] = preview.Connection{Organization: c.Organization, SignOn: len(c.Authenticators) > 0, MultiFactor: c.RequireMFA}
	}
	for i, c := range p.clients() {
		s.Clients[c.ID] = preview.Client{Client: c, Roles: p.config.Clients[i].Roles}
	}
	for _, in := range p.instances {
		if in.of == nil {
			s.Instances[in.Name] = true
		}
	}
	return s
}

// clients are those of the files.
func (p *plan) clients() []credential.Client {
	var list []credential.Client
	for _, c := range p.config.Clients {
		list = append(list, credential.Client{
			ID: c.ID, Organization: c.Organization, Instance: p.instanceOf(c), Name: c.Name, Owner: credential.OwnedBy(c.Owner),
			Scopes: c.Scopes, Networks: c.Networks, Rate: c.Rate, ExpiresAt: c.ExpiresAt,
		})
	}
	return list
}

// ownBase is what the addresses of ours begin with that others are given.
func (h *house) ownBase(c *config.Config) string {
	base := strings.TrimSuffix(h.publicURLOf(c), "/")
	if !c.Server.ShortRoutes {
		base += "/.gatehouse"
	}
	return base
}

// addresses are those that administrators of identity providers were given.
func (p *plan) addresses(base string) (list []preview.Address) {
	for _, c := range p.signOns() {
		for _, a := range c.Authenticators {
			at := base + "/sso/" + c.Label
			if a.Label != "" {
				at += "/" + a.Label
			}
			add := func(what string) {
				list = append(list, preview.Address{Connection: c.Label, Instance: a.Instance, What: what, URL: at + "/" + what})
			}
			add("metadata")
			add(a.Callback)
			if a.LogsOut {
				add("slo")
			}
			if a.Receives {
				add("receive")
			}
		}
	}
	for _, c := range p.config.Connections {
		for _, one := range p.connections[c.Label].Provisioners {
			list = append(list, preview.Address{Connection: c.Label, Instance: one.Instance, What: "provisioning", URL: base + one.Mount})
		}
	}
	return list
}
