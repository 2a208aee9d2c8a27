package host

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// generation is everything that one configuration makes. All of it comes into
// force at once, with one pointer.
type generation struct {
	*plan
	revision    int64
	since       time.Time                 // when it was built, a moment before it came into force
	decoys      map[string][]authn.Record // by instance
	access      *access.Service
	attempts    *throttle.Guard
	certificate *tls.Certificate // nil: the listener is plain
	fetch       fetch.Settings
	requests    server.Generation
	signOn      []signon.Connection
	domains     *domain.Known
}

// build makes a generation of a plan whose instances are configured. It takes
// over from the one before, if there is one, what stays as it is. Nothing is
// changed by it.
func (h *house) build(ctx context.Context, p *plan, before *generation) (*generation, error) {
	g := &generation{plan: p, since: h.clock(), signOn: p.signOns(), domains: h.domains.With(p.domains())}
	var last *proxy.Proxy
	if before != nil {
		last = before.requests.Proxy
	}
	var err error
	if g.certificate, err = h.loadCertificate(p.config.Server.TLS, before); err != nil {
		return nil, err
	}
	if g.fetch, err = fetchSettings(p.config.Server.Fetch); err != nil {
		return nil, err
	}
	reader, err := access.NewReader(p.readers())
	if err != nil {
		return nil, err
	}
	if g.decoys, err = h.decoys(ctx, p, before); err != nil {
		return nil, err
	}
	organizations := map[string]bool{}
	for _, o := range p.config.Organizations {
		organizations[o.Label] = true
	}
	connections := map[string]bool{}
	for _, c := range p.config.Connections {
		connections[c.Label] = true
	}
	if before == nil {
		g.attempts = throttle.New(p.config.Server.Throttle, h.clock, h.throttled)
	} else {
		g.attempts = before.attempts.With(p.config.Server.Throttle)
	}
	o := access.Options{
		Reader: reader, Policy: p.policy, Rules: len(p.config.Routes), Records: h.records, Verifier: verifier{h.plugins},
		Granted: h.grants, Owners: h.grants, Sessions: h.sessions, Domains: g.domains, Used: h.usage, Decoys: g.decoys, Organizations: organizations, Connections: connections, Undeclared: h.undeclared.seen, Attempts: g.attempts, Rates: h.rates, Feed: h.feed, Counted: h.counted, Clock: h.clock, Random: h.random,
		Assertions: access.Assertions{Issuer: h.publicURLOf(p.config), Upstreams: p.labels(), Signer: h.keyring.Signer},
	}
	if before != nil {
		o.Before = before.access
	}
	if g.access, err = access.New(o); err != nil {
		return nil, err
	}
	h.upstreams.know(p.labels())
	h.failing.know(p.connections)
	h.ownRego.know(p.config.Connections)
	through, err := proxy.New(proxy.Options{
		Upstreams: p.upstreams(), Strip: reader.Strip, Streams: h.streams, Before: last,
		Problem: func(w http.ResponseWriter, r *http.Request, err error) { h.server.Failed(w, r, err) },
		Failed:  h.upstreams.failed,
	})
	if err != nil {
		return nil, err
	}
	s := p.config.Server
	g.requests = server.Generation{
		Access: g.access, Proxy: through, TrustedProxies: h.trusted(s), Home: h.homeOf(p.config), ShortRoutes: s.ShortRoutes,
		BodyBytes: s.Limits.Body, DrainTimeout: s.Limits.DrainTimeout, Log: server.Logged(s.AccessLog),
	}
	return g, nil
}

// requests is what the server needs of the generation in force.
func (h *house) requests() *server.Generation { return &h.current.Load().requests }

// cameFrom is where a request came from, by the generation in force.
func (h *house) cameFrom(r *http.Request) netip.Addr { return h.requests().Source(r) }

// recheck decides anew on a stream, by the generation in force.
func (h *house) recheck(ctx context.Context, upstream string, r *access.Request) (access.Decision, error) {
	now := h.current.Load()
	for i, label := range now.labels() {
		if label == upstream {
			again := *r
			again.Upstream, again.Again = i, true
			return now.access.Check(ctx, &again)
		}
	}
	return access.Decision{}, problem.New(problem.NotFound, "the application of this stream is not served any more")
}

// decoys has each plugin that keeps records with us make verifiers of secrets
// that nobody has, which unknown ids are checked against. Those of an instance
// that stays as it is go on.
func (h *house) decoys(ctx context.Context, p *plan, before *generation) (map[string][]authn.Record, error) {
	all := map[string][]authn.Record{}
	for _, in := range p.instances {
		if in.kind.Records != authn.RecordsHost {
			continue
		}
		if before != nil && before.has(in) {
			all[in.Name] = before.decoys[in.Name]
			continue
		}
		for range 2 {
			id, err := secret.NewID(h.random, "K", 15)
			if err != nil {
				return nil, err
			}
			issued, err := h.plugins.Programs(in.Name).Issue(ctx, "", authn.IssueRequest{RecordID: id, ClientID: "decoy"})
			if err != nil {
				return nil, fmt.Errorf("making decoys with %q: %w", in.Name, err)
			}
			all[in.Name] = append(all[in.Name], authn.Record{ID: id, Verifier: issued.Verifier})
		}
	}
	return all, nil
}

// labels are the names of the upstreams, which are also the audiences.
func (p *plan) labels() []string {
	list := make([]string, len(p.config.Upstreams))
	for i, u := range p.config.Upstreams {
		list[i] = u.Name
	}
	return list
}

func (p *plan) upstreams() []proxy.Upstream {
	list := make([]proxy.Upstream, len(p.config.Upstreams))
	for i, u := range p.config.Upstreams {
		list[i] = proxy.Upstream{
			Label: u.Name, URL: u.URL, Hosts: u.Hosts, Names: proxy.Names(u.Headers), PreserveHost: u.PreserveHost,
			ConnectTimeout: u.ConnectTimeout, ResponseTimeout: u.ResponseTimeout, CAFile: u.CAFile,
		}
	}
	return list
}

// publicURL is what assertions are issued by now.
func (h *house) publicURL() string { return h.publicURLOf(h.current.Load().config) }

func (h *house) publicURLOf(c *config.Config) string {
	if u := c.Server.PublicURL; u != nil {
		return u.String()
	}
	return localURL(h.listen()) // development only: otherwise public_url is required
}

// homeOf is the name of the public host.
func (h *house) homeOf(c *config.Config) string {
	u, err := url.Parse(h.publicURLOf(c))
	if err != nil {
		return "" // it was read from one before
	}
	return strings.ToLower(u.Hostname())
}

// trusted are the proxies that are believed; in development without any, those
// on this machine.
func (h *house) trusted(s config.Server) []netip.Prefix {
	if len(s.TrustedProxies) > 0 || !h.Dev {
		return s.TrustedProxies
	}
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// loadCertificate reads the listener's certificate anew. Where its files are is
// what the start said: with other files, which count from the next start, the
// one in use stays.
func (h *house) loadCertificate(c *config.TLS, before *generation) (*tls.Certificate, error) {
	boot := h.boot.Server.TLS
	if boot == nil {
		return nil, nil //nolint:nilnil // without a tls block the listener is plain
	}
	if before != nil && (c == nil || c.CertFile != boot.CertFile || c.KeyFile != boot.KeyFile) {
		return before.certificate, nil
	}
	cert, err := tls.LoadX509KeyPair(boot.CertFile, boot.KeyFile)
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "the certificate of the server block cannot be used").
			WithHint("check cert_file %s and key_file %s", boot.CertFile, boot.KeyFile)
	}
	return &cert, nil
}

// tls is how the listeners speak; nil is plain.
func (h *house) tls() *tls.Config {
	if h.boot.Server.TLS == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return h.current.Load().certificate, nil
	}}
}
