// Package admin is the admin API: clients and their keys, revocations, admin
// tokens, what identity providers bring, and how the host is. It is served under /api/admin/v1 to those with
// an admin token, and on a local socket to those who may read the file beside
// it. Command line, console and scripts all come through here.
//
// Nobody gets anything without a credential, on this machine neither. What a
// caller may do is decided route by route, by the scopes of that credential.
package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Records keeps clients and their keys.
type Records interface {
	Create(ctx context.Context, by credential.By, c credential.Client, lifetime time.Duration, with func(*store.Tx) error) (credential.Client, credential.Key, secret.Text, error)
	Update(ctx context.Context, by credential.By, id string, change func(credential.Client) (credential.Client, error), with func(*store.Tx, credential.Client) error) (credential.Client, error)
	Client(ctx context.Context, within, id string) (credential.Client, error)
	Clients(ctx context.Context, organization, after string, limit int) ([]credential.Client, error)
	Keys(ctx context.Context, client string) ([]credential.Key, error)
	Issue(ctx context.Context, by credential.By, client string, lifetime time.Duration) (credential.Key, secret.Text, error)
	Rotate(ctx context.Context, by credential.By, client string, lifetime, overlap time.Duration) (credential.Key, secret.Text, error)
	Import(ctx context.Context, by credential.By, instance string, keys []credential.Foreign, try bool, with func(*store.Tx, int) error) ([]credential.ImportedKey, []credential.Mistake, error)
	Revoke(ctx context.Context, by credential.By, key, reason string) (credential.Key, error)
	RevokeSelfContained(ctx context.Context, by credential.By, instance, id, reason string) error
}

// Tokens keeps the tokens of this API.
type Tokens interface {
	Verify(ctx context.Context, text secret.Text) (credential.AdminToken, error)
	Create(ctx context.Context, by credential.By, name, organization string, scopes []string, lifetime time.Duration) (credential.AdminToken, secret.Text, error)
	List(ctx context.Context, organization, after string, limit int) ([]credential.AdminToken, error)
	Revoke(ctx context.Context, by credential.By, id string) (credential.AdminToken, error)
}

// Grants keeps who has which role.
type Grants interface {
	Of(ctx context.Context, principal string) ([]grant.Grant, error)
	Replace(ctx context.Context, tx *store.Tx, by grant.By, principal string, source grant.Source, rule string, roles []string) error
}

// Known is what the configuration in force declares.
type Known interface {
	Organizations() []string // labels
	Roles() []string         // names
	Instances() []string     // of authenticators that issue keys
	SelfContained() []string // instances of authenticators whose credentials have no record
}

// Configuration is what the host runs with, and what it ran with before.
type Configuration interface {
	// Apply brings files into force as a whole. Its error is a
	// *RefusedConfig where something is wrong with them.
	Apply(ctx context.Context, by credential.By, files []wire.ConfigFile) (wire.AppliedConfig, error)

	// Revisions are those with a number below before, the newest first.
	Revisions(ctx context.Context, before int64, limit int) ([]wire.Revision, error)

	Revision(ctx context.Context, number int64) (wire.RevisionDetail, error)
}

// Options are what an API is made from.
type Options struct {
	Store   *store.Store // for the answers to requests with an idempotency key
	Records Records
	Tokens  Tokens
	Grants  Grants
	Known   Known
	Config  Configuration
	Keyring Keyring

	ProvisioningTokens ProvisioningTokens
	Connections        provisioning.Connections
	Links              Links
	Traffic            Traffic
	Brakes             Brakes
	People             People
	Sessions           Sessions
	Pins               Pins
	Domains            Domains
	Explain            Explainer

	Plugins   func() []pluginhost.Status
	Status    func(context.Context) wire.Status
	Attempts  func() *throttle.Guard         // of the configuration in force
	Source    func(*http.Request) netip.Addr // where a request came from, as far as that is known
	PublicURL func() string                  // where the application is reached
	TraceID   func(http.Header) string
	Clock     func() time.Time
	Random    io.Reader
	Logger    *slog.Logger
}

// API answers the requests. As an http.Handler it serves those with an admin
// token; Listen serves it locally.
type API struct {
	Options
	answers answers
	byToken http.Handler
}

// New returns the API.
func New(o Options) *API {
	a := &API{Options: o, answers: answers{o.Store, o.Clock}}
	a.byToken = a.handler(a.tokenActor)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.byToken.ServeHTTP(w, r) }
