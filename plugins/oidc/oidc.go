// Package oidc is the authenticator of people by OpenID Connect: the authorization
// code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636), logout in both
// directions, and the renewal of what is known about a session.
//
// This package is the messages of it. What a token has to say is the business of
// internal/idtoken, whose key has signed it of internal/keyset, where everything is
// of internal/discovery, and how providers differ of provider. It keeps nothing but
// documents of the provider, which it could fetch again.
package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/kept"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/keyset"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

// Plugin describes the plugin, for plugin.Serve.
func Plugin() plugin.Plugin {
	return plugin.Plugin{
		Name:         "oidc",
		Version:      "1.0.0",
		HostServices: []string{hostsvc.FetchService, hostsvc.KeysService, hostsvc.OnceService, hostsvc.StateService},
		People: []authn.PersonKind{{
			Name: "oidc",
			Doc: "Signs people on by OpenID Connect, with Okta, Microsoft Entra ID, OneLogin, PingOne, JumpCloud, " +
				"Google Workspace, and every other provider of the authorization code flow.",
			Schema:    block(),
			Refreshes: true,
			LogsOut:   true,
			Receives:  true,
			New: func(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
				s, ds := readSettings(c)
				if ds.HasErrors() {
					return nil, ds
				}
				return newClient(s, c.Host, c.Logger, time.Now), ds
			},
		}},
	}
}

// Host is what the plugin asks of its host.
type Host interface {
	kept.Store
	HTTPClient(ctx context.Context, credentials ...string) *http.Client
	Take(ctx context.Context, kind, id string, until time.Time) (first bool, err error)
	Keys(ctx context.Context, purpose hostsvc.KeyPurpose) ([]hostsvc.PublicKey, error)
	Sign(ctx context.Context, keyID, algorithm string, digest []byte) ([]byte, error)
}

// client is one instance: what RFC 6749 calls the client, and OpenID Connect the
// relying party.
type client struct {
	settings
	host     Host
	logger   *slog.Logger
	clock    func() time.Time
	provider *kept.Document[discovery.Document]

	mu   sync.Mutex
	sets map[string]*keyset.Set // by the name of what is kept
	urls map[string]string      // where those sets come from
}

var (
	_ authn.People        = (*client)(nil)
	_ authn.Refresher     = (*client)(nil)
	_ authn.LogoutStarter = (*client)(nil)
	_ authn.Receiver      = (*client)(nil)
)

func newClient(s settings, h Host, logger *slog.Logger, clock func() time.Time) *client {
	c := &client{settings: s, host: h, logger: logger, clock: clock, sets: map[string]*keyset.Set{}, urls: map[string]string{}}
	c.provider = kept.New(kept.Options[discovery.Document]{
		Name: "discovery", Of: s.Issuer, Every: 10 * time.Second, Store: h, Clock: clock, Logger: logger,
		Read: func(text []byte) (discovery.Document, error) { return discovery.Read(s.issuer.Named(), text) },
		Fetch: func(ctx context.Context) ([]byte, time.Duration, error) {
			return c.get(ctx, discovery.URL(s.Issuer), discovery.Limit)
		},
	})
	return c
}

// discovered is what the provider says of itself.
func (c *client) discovered(ctx context.Context) (discovery.Document, error) {
	got, err := c.provider.Get(ctx)
	return got.Value, err
}

// keys are those at an address, kept under a name.
func (c *client) keys(name, url string) *keyset.Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.urls[name] != url { // the provider has moved them
		c.urls[name] = url
		c.sets[name] = keyset.New(keyset.Options{
			Name: name, URL: url, Store: c.host, Clock: c.clock, Logger: c.logger,
			Fetch: func(ctx context.Context, url string) ([]byte, time.Duration, error) {
				return c.get(ctx, url, keyset.Limit)
			},
		})
	}
	return c.sets[name]
}

// verifier reads the provider's tokens.
func (c *client) verifier(d discovery.Document) idtoken.Verifier {
	return idtoken.Verifier{
		Keys: c.keys("keys", d.JWKSURL), Issuer: c.issuer, ClientID: c.ClientID, Audiences: c.Audiences,
		Algorithms: c.algorithms(d), Skew: c.skew, Clock: c.clock,
	}
}
