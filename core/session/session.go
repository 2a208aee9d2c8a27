// Package session keeps the sessions of people with a browser: who signed on,
// how, and until when. A session is a row; the browser has a token that names it,
// of which the row has a hash. Nothing about a person is in the cookie, so what
// ends a session ends it everywhere.
package session

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Session is a person's sign-on with one browser.
type Session struct {
	ID           string
	Organization string
	User         string // id in the directory
	Connection   string // label
	Instance     string // of the authenticator that signed them on: "acme-okta/saml"

	Issuer       string // of the IdP
	Subject      string // the IdP's name for the person
	SessionIndex string // the IdP's name for its session; "" is none

	Parent string // id of the session at the public host that this one belongs to; "" is none: they signed on with it

	Host      string // that the cookie is for
	StartedAt time.Time
	SeenAt    time.Time // up to a minute late
	EndsAt    time.Time // whatever is done with it until then

	// Authentication is how they proved at the IdP who they are. Its time is that
	// of the start where the IdP did not say.
	Authentication authn.Authentication

	Agent   string // the browser's name for itself, cut
	Address string // that they signed on from
}

// SaidWhen reports whether the IdP said when they proved who they are: where it did
// not, they may have done so long before the session began.
func (s Session) SaidWhen() bool { return s.Authentication.Time.Before(s.StartedAt) }

// Settings are the limits of sessions.
type Settings struct {
	Idle    time.Duration // a session that was not used for as long is over
	Life    time.Duration // a session is over after as long, whatever is done with it
	PerUser int           // sessions of one user; the one that was used least lately makes room
	Refresh time.Duration // the IdP is asked about a session that is used at most as often, where it can be
}

// Defaults are for a working day, and a week.
var Defaults = Settings{Idle: 12 * time.Hour, Life: 7 * 24 * time.Hour, PerUser: 20, Refresh: 15 * time.Minute}

// Sealer encrypts what a plugin keeps with a session; a keyring.Keyring is one.
type Sealer interface {
	Seal(p keyring.Purpose, associated, plaintext []byte) ([]byte, error)
	Unseal(p keyring.Purpose, associated, sealed []byte) ([]byte, error)
}

// Options are what Sessions are made from.
type Options struct {
	Store  *store.Store
	Feed   *change.Feed
	Audit  *audit.Log
	Sealer Sealer
	Clock  func() time.Time
	Random io.Reader // crypto/rand.Reader outside of tests
}

// Sessions starts, finds and ends sessions. Its methods may be called by many
// goroutines.
type Sessions struct {
	Options
	settings atomic.Pointer[Settings]

	mu   sync.Mutex
	seen map[string]time.Time // by id; not written yet
}

// New returns the sessions of a store. Run writes when they were used, and
// forgets those that are over.
func New(o Options) *Sessions {
	s := &Sessions{Options: o, seen: map[string]time.Time{}}
	s.settings.Store(&Defaults)
	return s
}

// Configure puts other limits in force. They hold for the sessions that there are
// too, but for Life, which is that of the start.
func (s *Sessions) Configure(to Settings) { s.settings.Store(&to) }

// By is who does something with sessions.
type By struct {
	Actor   string // as in the audit log: "user:u123", "admin:…", "connection:acme-okta"
	TraceID string
	Within  string // the organization that they are confined to; "" is none
}

// Reason is why a session ended, as the audit log says it.
type Reason string

// The reasons.
const (
	SignedOut     Reason = "signed_out"         // by the person
	EndedByIDP    Reason = "ended_by_idp"       // the IdP said so
	Revoked       Reason = "revoked"            // by an operator, or by the person from another session
	UserLeft      Reason = "user_left"          // they were deactivated or deleted
	Replaced      Reason = "too_many"           // another session of the user took its place
	OtherSignOn   Reason = "signed_on_again"    // with the same browser
	NotRefreshed  Reason = "not_refreshed"      // the IdP refused to go on with it
	ConnectionCut Reason = "connection_removed" // its connection is not configured any more
)
