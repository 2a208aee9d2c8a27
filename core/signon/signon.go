// Package signon is the browser's way in and out: which connection somebody
// belongs to, the way to its IdP and back, who of the directory that is, and the
// session that follows.
//
// Of a sign-on that has begun nothing is kept here. The browser keeps it, sealed,
// in a cookie of its own: so nobody fills a table by asking for /login, an answer
// that another browser began counts for nothing, and every node can go on with
// it. That an answer counts once is remembered for all of them.
package signon

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Authenticator is one way to sign on: a configured block of a connection.
type Authenticator struct {
	Instance    string // "acme-okta/saml"
	Label       string // "" of the one without
	Callback    string // the last part of where a browser comes back: "acs", "callback"
	Unsolicited bool   // its IdPs answer what nobody asked for
	LogsOut     bool
	Receives    bool
	Refreshes   bool // the IdP can be asked about a session again
}

// Match says by what the first sign-on of a user finds them.
type Match string

// What an identity and a user have in common.
const (
	ByUserName   Match = "user_name"
	ByEmail      Match = "email"
	ByExternalID Match = "external_id"
)

// Connection is one by which people sign on.
type Connection struct {
	Label          string
	Organization   string
	Name           string // of the organization, as people read it
	Authenticators []Authenticator
	Match          Match
	OnLogin        bool // a first sign-on makes the user
	RequireMFA     bool
	Unsolicited    bool // answers count that nobody asked for
}

// Plugin signs people on with an IdP; a pluginhost.People is one.
type Plugin interface {
	Begin(ctx context.Context, r authn.BeginRequest) (authn.Begun, error)
	Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error)
	Refresh(ctx context.Context, e authn.Endpoints, s authn.Session) (authn.Identity, error)
	Logout(ctx context.Context, e authn.Endpoints, relay string, s authn.Session) (authn.Begun, error)
	Metadata(ctx context.Context, e authn.Endpoints) (authn.Metadata, error)
	Receive(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error)
}

// Directory knows who there is.
type Directory interface {
	Find(ctx context.Context, s directory.Scope, q sdk.Query) (sdk.Page, error)
	Apply(ctx context.Context, by directory.By, s directory.Scope, changes []sdk.Change) ([]sdk.Outcome, error)
	Facts(ctx context.Context, tx *store.Tx, users []string) (map[string]directory.Facts, error)
}

// Domains knows whose an e-mail domain is; a domain.Known is one.
type Domains interface {
	// Owner is the label of an organization; "" is that nobody has the domain.
	Owner(ctx context.Context, name string) (organization string, err error)
}

// Once remembers what counts once; an once.Memory is one.
type Once interface {
	Take(ctx context.Context, instance, kind, id string, until time.Time) (first bool, err error)
}

// Sessions starts and ends sessions; a session.Sessions is one.
type Sessions interface {
	Start(ctx context.Context, tx *store.Tx, by session.By, n session.Start) (session.Session, secret.Text, error)
	Find(ctx context.Context, token secret.Text) (session.Session, time.Time, error)
	List(ctx context.Context, q session.Query) ([]session.Session, error)
	Kept(ctx context.Context, id string) (authn.Session, error)
	Share(ctx context.Context, by session.By, n session.Share) (session.Session, secret.Text, error)
	End(ctx context.Context, by session.By, reason session.Reason, id string) (session.Session, error)
	Due(ctx context.Context, connection string, limit int) ([]session.Due, error)
	Claim(ctx context.Context, one session.Due) (mine bool, err error)
	Renew(ctx context.Context, one session.Session, identity authn.Identity) error
	EndNamed(ctx context.Context, tx *store.Tx, by session.By, connection string, e authn.Ended) ([]string, error)
	EndOf(ctx context.Context, tx *store.Tx, by session.By, reason session.Reason, users []string) (int, error)
}

// Sealer encrypts what browsers keep; a keyring.Keyring is one.
type Sealer interface {
	Seal(p keyring.Purpose, associated, plaintext []byte) ([]byte, error)
	Unseal(p keyring.Purpose, associated, sealed []byte) ([]byte, error)
}

// Options are what a SignOn is made from.
type Options struct {
	Store       *store.Store
	Feed        *change.Feed
	Audit       *audit.Log
	Directory   Directory
	Sessions    Sessions
	Keys        Keys
	Once        Once
	Sealer      Sealer
	Plugin      func(instance, organization string) Plugin
	Connections func() []Connection        // of the configuration in force, by label
	Domains     func() Domains             // with those of the configuration in force
	Base        func() string              // what the addresses here begin with, such as "https://app.example.com"
	Host        func(*http.Request) string // the host of the configuration that a request is for: that of Base, or one of Hosts
	Hosts       func() []string            // whose applications people sign on to, in lower case
	Source      func(*http.Request) netip.Addr
	TraceID     func(http.Header) string
	Clock       func() time.Time
	Random      io.Reader
	Logger      *slog.Logger
	Seen        func(connection, outcome string) // told of each sign-on; may be nil
}

// SignOn serves the pages and addresses of signing on, as an http.Handler.
type SignOn struct{ Options }

// New returns it.
func New(o Options) *SignOn {
	if o.Seen == nil {
		o.Seen = func(string, string) {}
	}
	return &SignOn{o}
}

// connection finds one by its label.
func (s *SignOn) connection(label string) (Connection, bool) {
	for _, c := range s.Connections() {
		if c.Label == label && len(c.Authenticators) > 0 {
			return c, true
		}
	}
	return Connection{}, false
}

// authenticator finds one of a connection by its label.
func (c Connection) authenticator(label string) (Authenticator, bool) {
	for _, a := range c.Authenticators {
		if a.Label == label {
			return a, true
		}
	}
	return Authenticator{}, false
}

// endpoints are the addresses of an authenticator. One without a label has the
// connection's own, which never change.
func (s *SignOn) endpoints(c Connection, a Authenticator) authn.Endpoints {
	base := s.Base() + "/sso/" + c.Label
	if a.Label != "" {
		base += "/" + a.Label
	}
	return authn.Endpoints{
		EntityID: base + "/metadata", CompleteURL: base + "/" + a.Callback, LogoutURL: base + "/slo", ReceiveURL: base + "/receive",
	}
}
