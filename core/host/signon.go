package host

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/signon"
)

// signOns collects what signing on has to know of a plan.
func (p *plan) signOns() (list []signon.Connection) {
	organizations := map[string]config.Organization{}
	for _, o := range p.config.Organizations {
		organizations[o.Label] = o
	}
	for _, c := range p.config.Connections {
		of := organizations[c.Organization]
		one := signon.Connection{
			Label: c.Label, Organization: c.Organization, Name: of.Name, Match: signon.Match(c.SignOn.Match),
			OnLogin: c.CreateUsers == config.OnLogin, RequireMFA: c.SignOn.RequireMFA, Unsolicited: c.SignOn.Unsolicited,
		}
		for _, block := range c.SignOn.Authenticators {
			in, ok := p.named(block.Name)
			if !ok || in.kind.Person == nil {
				continue // which is reported
			}
			k := in.kind.Person
			one.Authenticators = append(one.Authenticators, signon.Authenticator{
				Instance: in.Name, Label: in.Label, Callback: k.Callback, Unsolicited: k.Unsolicited, LogsOut: k.LogsOut, Receives: k.Receives, Refreshes: k.Refreshes,
			})
		}
		list = append(list, one)
	}
	return list
}

// letPeopleIn makes the way in of people.
func (h *house) letPeopleIn() {
	seen := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_sign_ons_total", Help: "Sign-ons and sign-outs of people, by what became of them.",
	}, []string{"connection", "outcome"})
	h.registry.MustRegister(seen)
	h.signOn = signon.New(signon.Options{
		Store: h.store, Feed: h.feed, Audit: h.audit, Directory: h.directory, Sessions: h.sessions, Keys: h.records, Once: h.once, Sealer: h.keyring,
		Plugin:      func(instance, organization string) signon.Plugin { return h.plugins.People(instance, organization) },
		Connections: func() []signon.Connection { return h.current.Load().signOn }, Domains: func() signon.Domains { return h.current.Load().domains }, Base: h.signOnBase, Source: h.cameFrom,
		Host: func(r *http.Request) string { return h.requests().Host(r) }, Hosts: h.hosts,
		TraceID: access.TraceID, Clock: h.clock, Random: h.random, Logger: h.Logger,
		Seen: func(connection, outcome string) { seen.WithLabelValues(connection, outcome).Inc() },
	})
}

// signOnBase is what the addresses of signing on begin with.
func (h *house) signOnBase() string {
	base := strings.TrimSuffix(h.publicURL(), "/")
	if !h.requests().ShortRoutes {
		base += "/.gatehouse"
	}
	return base
}

// hosts are the names of the hosts whose applications people sign on to.
func (h *house) hosts() []string {
	var all []string
	for _, u := range h.current.Load().config.Upstreams {
		all = append(all, u.Hosts...)
	}
	return all
}

// limitSessions puts a configuration's limits of sessions in force.
func (h *house) limitSessions(c *config.Config) {
	h.sessions.Configure(session.Settings{Idle: c.Session.Idle, Life: c.Session.Life, PerUser: c.Session.PerUser, Refresh: c.Session.Refresh})
}
