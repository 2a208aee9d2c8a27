package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	plugininstance "github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// house is a host with its rooms, from the cellar up.
type house struct {
	Options
	config   *config.Config
	clock    func() time.Time
	random   io.Reader
	started  time.Time
	demo     *demo
	revision int64
	registry *prometheus.Registry

	checked storeCheck

	store   *store.Store
	keyring *keyring.Keyring
	feed    *change.Feed
	audit   *audit.Log
	plugins *pluginhost.Host
	plan    *plan
	records *credential.Records
	usage   *credential.Usage
	tokens  *credential.AdminTokens
	grants  *grant.Grants
	access  *access.Service
	proxy   *proxy.Proxy
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
		Store: h.store, Root: root, Clock: h.clock, Random: h.random, Made: h.keyMade,
	})
	if err != nil {
		return err
	}
	parts := credential.Options{Store: h.store, Feed: h.feed, Audit: h.audit, Issuer: issuer{h}, Clock: h.clock, Random: h.random}
	h.records = credential.New(parts)
	h.tokens = credential.NewAdminTokens(parts, h.keyring)
	h.grants = grant.New(h.store, h.feed, h.audit, h.clock)
	h.usage = credential.NewUsage(h.store)
	end.add(func() error { return within(5*time.Second, h.usage.Flush) })
	return nil
}

// keyMade records a new key of the keyring's, in its transaction.
func (h *house) keyMade(ctx context.Context, tx *store.Tx, k keyring.NewKey) error {
	r := audit.Record{Action: audit.KeyringKeyCreated, Actor: "host:keyring", Subject: k.ID,
		After: map[string]string{"purpose": string(k.Purpose), "instance": k.Instance, "algorithm": k.Algorithm}}
	var tag change.Tag
	switch {
	case k.ID == keyring.RootID:
		r.Action, r.After = audit.KeyringCreated, nil
		return h.audit.Append(ctx, tx, r)
	case k.Instance != "":
		tag = change.Instance(k.Instance)
	default:
		tag = change.Key(string(k.Purpose))
	}
	if err := h.feed.Append(ctx, tx, tag); err != nil {
		return err
	}
	return h.audit.Append(ctx, tx, r)
}

func (h *house) rootKey() (keyring.RootKey, error) {
	value, _ := h.Env("GATEHOUSE_ROOT_KEY")
	file := h.config.Keyring.RootKeyFile
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
func (h *house) furnish(ctx context.Context, end *closers) error {
	if err := h.configure(ctx); err != nil {
		return err
	}
	if err := h.declare(ctx, "file"); err != nil {
		return err
	}
	reader, err := access.NewReader(h.plan.readers())
	if err != nil {
		return err
	}
	decoys, err := h.decoys(ctx)
	if err != nil {
		return err
	}
	organizations := map[string]bool{}
	for _, o := range h.config.Organizations {
		organizations[o.Label] = true
	}
	upstreams := make([]string, len(h.config.Upstreams))
	for i, u := range h.config.Upstreams {
		upstreams[i] = u.Name
	}
	h.access, err = access.New(access.Options{
		Reader: reader, Policy: h.plan.policy, Rules: len(h.config.Routes), Records: h.records, Verifier: verifier{h.plugins},
		Granted: h.grants, Used: h.usage, Decoys: decoys, Organizations: organizations, Feed: h.feed, Clock: h.clock, Random: h.random,
		Assertions: access.Assertions{Issuer: h.publicURL(), Upstreams: upstreams, Signer: h.keyring.Signer},
	})
	if err != nil {
		return err
	}
	h.proxy, err = proxy.New(proxy.Options{
		Upstreams: h.upstreams(), Strip: reader.Strip, Recheck: h.access.Check, Logger: h.Logger,
		Problem: func(w http.ResponseWriter, r *http.Request, err error) { h.server.Failed(w, r, err) },
	})
	if err != nil {
		return err
	}
	return h.open(ctx, end)
}

// open makes the ways in: the listeners and the admin socket.
func (h *house) open(ctx context.Context, end *closers) error {
	tls, err := tlsConfig(h.config.Server.TLS)
	if err != nil {
		return err
	}
	h.api = admin.New(admin.Options{
		Records: h.records, Tokens: h.tokens, Grants: h.grants, Known: known{h}, Plugins: h.plugins.Status, Status: h.status,
		PublicURL: h.publicURL(), TraceID: access.TraceID, Clock: h.clock, Random: h.random, Logger: h.Logger,
	})
	limits := h.config.Server.Limits
	h.server, err = server.New(ctx, server.Options{
		Listen: h.listen(), AdminListen: h.config.Server.AdminListen, TLS: tls, TrustedProxies: h.trusted(), ShortRoutes: h.config.Server.ShortRoutes,
		Limits: server.Limits{
			HeaderBytes: int(limits.Header), BodyBytes: limits.Body, ReadHeaderTimeout: limits.ReadHeaderTimeout, IdleTimeout: limits.IdleTimeout, DrainTimeout: limits.DrainTimeout,
		},
		Access: h.access, Proxy: h.proxy, Admin: h.api, AdminToken: h.api.CheckToken, JWKS: h.keyring.JWKS, Ready: h.ready,
		Metrics: promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}), Registry: h.registry, Logger: h.Logger,
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
	defer stop()
	cancel := h.feed.Subscribe(func([]change.Tag) { go h.proxy.Changed(background) })
	defer cancel()
	go h.usage.Run(background, func(err error) {
		h.Logger.WarnContext(ctx, "the last uses of keys could not be written and will be again", "error", err)
	})
	failed := make(chan error, 2)
	go func() { failed <- h.server.Serve() }()
	go func() { failed <- h.socket.Serve() }()
	h.Logger.InfoContext(ctx, "ready", "listen", h.server.Address(), "admin_listen", h.server.AdminAddress(), "revision", h.revision, "version", h.Version)
	if h.demo != nil {
		if err := h.present(ctx); err != nil {
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

// configure gives every instance its block and its keys, all at once.
func (h *house) configure(ctx context.Context) error {
	return each(h.plan.instances, func(in instance) error {
		own, err := h.keyring.InstanceKeys(ctx, in.Name)
		if err != nil {
			return err
		}
		var keys []plugininstance.Key
		for _, k := range own {
			keys = append(keys, plugininstance.Key{ID: k.ID, Key: k.Key.Reveal()})
		}
		done, err := h.plugins.Configure(ctx, in.configure(false, keys))
		if err != nil {
			return fmt.Errorf("configuring %q: %w", in.Name, err)
		}
		if done.Diagnostics.HasErrors() {
			return fmt.Errorf("configuring %q: the plugin refused what it had accepted before: %v", in.Name, done.Diagnostics)
		}
		return nil
	})
}

// declare makes the files' clients, their roles and the revision what the
// configuration says, in one transaction.
func (h *house) declare(ctx context.Context, actor string) error {
	var clients []credential.Client
	for _, c := range h.config.Clients {
		clients = append(clients, credential.Client{
			ID: c.ID, Organization: c.Organization, Instance: h.instanceOf(c), Name: c.Name, Owner: c.Owner,
			Scopes: c.Scopes, Networks: c.Networks, ExpiresAt: c.ExpiresAt,
		})
	}
	by := credential.By{Actor: actor}
	return h.records.Declare(ctx, by, clients, func(tx *store.Tx) (err error) {
		for _, c := range h.config.Clients {
			by := grant.By{Actor: actor, Organization: c.Organization}
			if err := h.grants.Replace(ctx, tx, by, grant.Client(c.ID), grant.File, fmt.Sprintf("client %q", c.ID), c.Roles); err != nil {
				return err
			}
		}
		h.revision, err = take(ctx, tx, h.feed, h.audit, actor, h.clock(), h.plan.source)
		return err
	})
}

// instanceOf is the authenticator that a client's keys are of: the one it
// names, or the first that keeps records.
func (h *house) instanceOf(c config.Client) string {
	if c.Authenticator != "" {
		return c.Authenticator
	}
	for _, in := range h.plan.instances {
		if in.kind.Records == authn.RecordsHost {
			return in.Name
		}
	}
	return ""
}

// decoys has each plugin that keeps records with us make verifiers of secrets
// that nobody has, which unknown ids are checked against.
func (h *house) decoys(ctx context.Context) (map[string][]authn.Record, error) {
	all := map[string][]authn.Record{}
	for _, in := range h.plan.instances {
		if in.kind.Records != authn.RecordsHost {
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

func (h *house) upstreams() []proxy.Upstream {
	list := make([]proxy.Upstream, len(h.config.Upstreams))
	for i, u := range h.config.Upstreams {
		list[i] = proxy.Upstream{
			Label: u.Name, URL: u.URL, Hosts: u.Hosts, Names: proxy.Names(u.Headers), PreserveHost: u.PreserveHost,
			ConnectTimeout: u.ConnectTimeout, ResponseTimeout: u.ResponseTimeout, CAFile: u.CAFile,
		}
	}
	return list
}

func (h *house) listen() string {
	if h.Listen != "" {
		return h.Listen
	}
	return h.config.Server.Listen
}

// publicURL is what assertions are issued by.
func (h *house) publicURL() string {
	if u := h.config.Server.PublicURL; u != nil {
		return u.String()
	}
	return "http://" + h.listen() // development only: otherwise public_url is required
}

// trusted are the proxies that are believed; in development without any, those
// on this machine.
func (h *house) trusted() []netip.Prefix {
	if len(h.config.Server.TrustedProxies) > 0 || !h.Dev {
		return h.config.Server.TrustedProxies
	}
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
