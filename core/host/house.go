package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/once"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/provisioning/pull"
	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	plugininstance "github.com/gatehouse-id/gatehouse/sdk/instance"
)

// house is a host with its rooms, from the cellar up.
type house struct {
	Options
	boot     *config.Config // that of the start: what cannot change while it runs
	clock    func() time.Time
	random   io.Reader
	started  time.Time
	demo     *demo
	registry *prometheus.Registry

	current    atomic.Pointer[generation]
	reloading  sync.Mutex // one after the other
	refused    atomic.Pointer[refused]
	failures   prometheus.Counter // of reloads
	jumps      *prometheus.CounterVec
	undeclared *undeclared
	checked    storeCheck
	throttled  throttle.Observer
	tracer     *tracing.Tracer // nil: nothing is traced
	rates      *throttle.Rates
	counted    access.Counted
	upstreams  *upstreamFailures
	failing    *provisionerFailures

	store   *store.Store
	keyring *keyring.Keyring
	feed    *change.Feed
	audit   *audit.Log
	fetch   *fetch.Client
	plugins *pluginhost.Host
	once    *once.Memory
	records *credential.Records
	usage   *credential.Usage
	tokens  *credential.AdminTokens
	decided *decided.Sealer
	grants  *grant.Grants

	domains            *domain.Domains
	sessions           *session.Sessions
	signOn             *signon.SignOn
	directory          *directory.Directory
	provisioningTokens *provisioning.Tokens
	mount              *provisioning.Mount
	traffic            *traffic.Log
	brake              *brake.Brake
	pulls              *pull.Pulls

	streams *proxy.Streams
	server  *server.Server
	api     *admin.API
	socket  *admin.Socket
}

// state brings up what keeps state: audit, change, keys, records.
func (h *house) state(ctx context.Context, end *closers) error {
	h.feed = change.NewFeed(h.store, h.clock)
	h.audit = audit.New(h.clock, h.random)
	root, err := h.rootKey()
	if err != nil {
		return err
	}
	h.keyring, err = keyring.Open(ctx, keyring.Options{
		Store: h.store, Root: root, Clock: h.clock, Random: h.random, Changed: h.keyChanged,
		Overlap: h.boot.Keyring.Overlap, RotateAfter: h.boot.Keyring.RotateAfter,
	})
	if err != nil {
		return err
	}
	if h.decided, err = decided.New(h.keyring, h.clock, h.random); err != nil {
		return err
	}
	parts := credential.Options{Store: h.store, Feed: h.feed, Audit: h.audit, Issuer: issuer{h}, Importer: issuer{h}, Clock: h.clock, Random: h.random}
	h.records = credential.New(parts)
	h.tokens = credential.NewAdminTokens(parts, h.keyring)
	h.directory = directory.New(directory.Options{Store: h.store, Feed: h.feed, Audit: h.audit, Clock: h.clock, Listener: listener{h}})
	h.grants = grant.New(grant.Options{Store: h.store, Feed: h.feed, Audit: h.audit, Directory: h.directory, Clock: h.clock})
	h.provisioningTokens = provisioning.NewTokens(provisioning.TokenOptions{Store: h.store, Feed: h.feed, Audit: h.audit, MAC: h.keyring, Clock: h.clock, Random: h.random})
	h.domains = domain.New(domain.Options{
		Store: h.store, Feed: h.feed, Audit: h.audit, Resolver: domain.NewResolver(h.dnsServer), Filed: h.filedDomain, Clock: h.clock, Random: h.random,
	})
	h.sessions = session.New(session.Options{Store: h.store, Feed: h.feed, Audit: h.audit, Sealer: h.keyring, Clock: h.clock, Random: h.random})
	h.once = once.New(h.store, h.clock)
	h.usage = credential.NewUsage(h.store)
	end.add(func() error { return within(5*time.Second, h.usage.Flush) })
	end.add(func() error { return within(5*time.Second, h.provisioningTokens.Flush) })
	end.add(func() error { return within(5*time.Second, h.sessions.Flush) })
	return nil
}

func (h *house) rootKey() (keyring.RootKey, error) {
	value, _ := h.Env("GATEHOUSE_ROOT_KEY")
	file := h.boot.Keyring.RootKeyFile
	if value == "" && file == "" && h.Dev {
		file = filepath.Join(h.Data, "root.key")
		if err := keyring.CreateRootKeyFile(file, h.random); err != nil && !errors.Is(err, fs.ErrExist) {
			return keyring.RootKey{}, err
		}
	}
	return keyring.LoadRootKey(value, file)
}

// furnish configures the instances, declares the clients, and puts the rooms
// above the plugins together.
func (h *house) furnish(ctx context.Context, p *plan, end *closers) error {
	if err := h.sweepKeys(ctx, p); err != nil {
		return err
	}
	if err := each(p.instances, func(in instance) error { return h.configure(ctx, in) }); err != nil {
		return err
	}
	h.streams = proxy.NewStreams(h.recheck)
	h.admit()
	h.letPeopleIn()
	first, err := h.build(ctx, p, nil)
	if err != nil {
		return err
	}
	if first.revision, err = h.declare(ctx, "file", p); err != nil {
		return err
	}
	first.requests.Revision = first.revision
	h.limitSessions(p.config)
	h.current.Store(first)
	return h.open(ctx, end)
}

// open makes the ways in: the listeners and the admin socket.
func (h *house) open(ctx context.Context, end *closers) error {
	h.api = admin.New(admin.Options{
		Store: h.store, Records: h.records, Tokens: h.tokens, Grants: h.grants, Known: known{h}, Config: configurations{h}, Keyring: keys{h}, Plugins: h.plugins.Status, Status: h.status,
		ProvisioningTokens: h.provisioningTokens, Connections: connections{h}, Links: links{h}, Traffic: h.traffic, Brakes: h.brake, People: people{h}, Sessions: h.sessions, Pins: h.signOn, Domains: h.domains, Explain: explainer{h},
		Attempts: func() *throttle.Guard { return h.current.Load().attempts }, Source: h.cameFrom,
		PublicURL: h.publicURL, TraceID: access.TraceID, Clock: h.clock, Random: h.random, Logger: h.Logger,
	})
	limits := h.boot.Server.Limits
	var err error
	h.server, err = server.New(ctx, server.Options{
		Listen: h.listen(), AdminListen: h.boot.Server.AdminListen, TLS: h.tls(), Now: h.requests,
		Limits:       server.Limits{HeaderBytes: int(limits.Header), ReadHeaderTimeout: limits.ReadHeaderTimeout, IdleTimeout: limits.IdleTimeout},
		Provisioning: h.mount, SignOn: h.signOn, Admin: h.api, AdminToken: h.api.CheckToken, JWKS: h.keyring.JWKS, JWKSAge: h.jwksAge(), Ready: h.ready,
		Metrics: promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}), Registry: h.registry, Logger: h.Logger,
		Tracer: h.tracer, Decisions: h.decided, AccessLog: slog.New(slog.NewJSONHandler(h.Out, nil)),
	})
	if err != nil {
		return err
	}
	h.socket, err = admin.Listen(ctx, h.Data, h.api)
	if err != nil {
		return err
	}
	end.add(h.socket.Close)
	return nil
}

// serve accepts until ctx ends, then drains.
func (h *house) serve(ctx context.Context) error {
	background, stop := context.WithCancel(ctx)
	cancel := h.feed.Subscribe(func([]change.Tag) { go h.streams.Changed(background) })
	defer cancel()
	go h.usage.Run(background, func(err error) {
		h.Logger.WarnContext(ctx, "the last uses of keys could not be written and will be again", "error", err)
	})
	var following sync.WaitGroup
	following.Go(func() {
		h.keyring.Run(background, func(err error) {
			h.Logger.ErrorContext(ctx, "the signing key could not be rotated, which is tried again in a minute", "error", err)
		})
	})
	h.background(background, &following)
	following.Go(func() { h.follow(background) })
	following.Go(func() { h.watchClock(background) })
	following.Go(func() { h.rest(background) })
	defer following.Wait()
	defer stop()
	if h.demo != nil {
		if err := h.openDemo(); err != nil {
			return err
		}
	}
	failed := make(chan error, 2)
	go func() { failed <- h.server.Serve() }()
	go func() { failed <- h.socket.Serve() }()
	h.Logger.InfoContext(ctx, "ready", "listen", h.server.Address(), "admin_listen", h.server.AdminAddress(), "revision", h.current.Load().revision, "version", h.Version)
	if h.demo != nil {
		if err := h.present(ctx); err != nil && ctx.Err() == nil { // else it is stopped, which is no failure
			return errors.Join(err, h.server.Shutdown(context.WithoutCancel(ctx)))
		}
	}
	select {
	case err := <-failed:
		return errors.Join(err, h.server.Shutdown(context.WithoutCancel(ctx)))
	case <-ctx.Done():
		h.Logger.InfoContext(ctx, "draining: requests in flight are finished, new ones are refused")
		return h.server.Shutdown(context.WithoutCancel(ctx))
	}
}

// background is what goes on beside the requests of identity providers.
func (h *house) background(ctx context.Context, following *sync.WaitGroup) {
	report := func(what string) func(error) {
		return func(err error) {
			h.Logger.ErrorContext(ctx, "work in the background has failed, and is tried again", "work", what, "error", err)
		}
	}
	following.Go(func() {
		h.provisioningTokens.Run(ctx, report("writing the last uses of provisioning tokens"))
	})
	following.Go(func() { h.grants.Run(ctx, report("bringing the roles of users up to the mappings")) })
	following.Go(func() { h.brake.Run(ctx, report("finishing what the brake has held back")) })
	following.Go(func() { h.pulls.Run(ctx) })
	following.Go(func() { h.sessions.Run(ctx, report("writing the last uses of sessions")) })
	following.Go(func() { h.signOn.Run(ctx, report("asking identity providers about sessions")) })
	following.Go(func() { h.once.Run(ctx, report("forgetting ids that count once")) })
}

// configure gives an instance its block and its keys.
func (h *house) configure(ctx context.Context, in instance) error {
	var keys []plugininstance.Key
	if in.of == nil { // only authenticators of programs have something to hash
		own, err := h.keyring.InstanceKeys(ctx, in.Name)
		if err != nil {
			return err
		}
		for _, k := range own {
			keys = append(keys, plugininstance.Key{ID: k.ID, Key: k.Key.Reveal()})
		}
	}
	done, err := h.plugins.Configure(ctx, in.configure(false, keys))
	// What it has verified before counts no more, nor where nobody knows what it took.
	h.feed.Announce(change.Instance(in.Name))
	if err != nil {
		return fmt.Errorf("configuring %q: %w", in.Name, err)
	}
	if done.Diagnostics.HasErrors() {
		return fmt.Errorf("configuring %q: the plugin refused what it had accepted before: %v", in.Name, done.Diagnostics)
	}
	return nil
}

// declare makes the files' clients, their roles and the revision what the
// configuration says, in one transaction.
func (h *house) declare(ctx context.Context, actor string, p *plan) (revision int64, err error) {
	var clients []credential.Client
	for _, c := range p.config.Clients {
		clients = append(clients, credential.Client{
			ID: c.ID, Organization: c.Organization, Instance: p.instanceOf(c), Name: c.Name, Owner: credential.OwnedBy(c.Owner),
			Scopes: c.Scopes, Networks: c.Networks, Rate: c.Rate, ExpiresAt: c.ExpiresAt,
		})
	}
	by := credential.By{Actor: actor}
	err = h.records.Declare(ctx, by, clients, func(tx *store.Tx) (err error) {
		for _, c := range p.config.Clients {
			by := grant.By{Actor: actor, Organization: c.Organization}
			if err := h.grants.Replace(ctx, tx, by, grant.Client(c.ID), grant.File, fmt.Sprintf("client %q", c.ID), c.Roles); err != nil {
				return err
			}
		}
		if err := domain.Declare(ctx, tx, p.domains()); err != nil {
			return err
		}
		if err := h.grants.Declare(ctx, tx, connectionsOf(p.config), p.policy); err != nil {
			return err
		}
		revision, err = take(ctx, tx, h.feed, h.audit, actor, h.clock(), p.source)
		return err
	})
	return revision, err
}

// connectionsOf are the connections whose users have grants of mappings.
func connectionsOf(c *config.Config) []grant.Connection {
	var list []grant.Connection
	for _, one := range c.Connections {
		list = append(list, grant.Connection{Label: one.Label, Organization: one.Organization})
	}
	return list
}

// instanceOf is the authenticator that a client's keys are of: the one it
// names, or the first that keeps records.
func (p *plan) instanceOf(c config.Client) string {
	if c.Authenticator != "" {
		return c.Authenticator
	}
	for _, in := range p.instances {
		if in.kind.Records == authn.RecordsHost {
			return in.Name
		}
	}
	return ""
}

func (h *house) listen() string {
	if h.Listen != "" {
		return h.Listen
	}
	return h.boot.Server.Listen
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
