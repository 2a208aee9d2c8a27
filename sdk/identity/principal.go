// Package identity tells an application behind Gatehouse who is there.
//
// Gatehouse sends every request on with an assertion: a JWT in the header
// X-Gatehouse-Assertion, signed with Ed25519, for one application and for at
// most a minute. A Verifier checks it against the keys that Gatehouse
// publishes; its Middleware puts the Principal into the request's context:
//
//	v, err := identity.New(identity.Options{
//		Issuer:   "https://app.example.com", // public_url
//		Audience: "app",                     // the upstream's label
//	})
//	...
//	http.Handle("/", v.Middleware(app))
//
// The other X-Gatehouse headers are for people who read logs. Anybody who can
// reach the application without Gatehouse can write them, so nothing here
// reads them.
package identity

import (
	"context"
	"slices"
	"time"
)

// Principal is who makes a request: a program (Kind "client") or a person
// (Kind "user").
type Principal struct {
	Subject      string // stable id: a client's or a user's
	Kind         string
	Organization string   // label of the organization that the principal belongs to
	Client       string   // id of the client; empty for people
	Email        string   // of people; an attribute that may change, never a key
	Name         string   // of people, for display
	Roles        []string // names of roles, as configured
	Scopes       []string // what the credential was limited to; empty says no limit

	AuthTime  time.Time // when a person signed on; zero for clients
	AMR       []string  // how a person signed on (RFC 8176)
	ACR       string    // how strong that was, in the IdP's words
	SessionID string    // a person's session at Gatehouse

	IssuedAt time.Time // of the assertion
	Expires  time.Time // of the assertion, not of the credential
}

// Has reports whether the principal has a role.
func (p Principal) Has(role string) bool { return slices.Contains(p.Roles, role) }

type contextKey struct{}

// NewContext returns a context that carries p. The Middleware calls it;
// an application's own tests may.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the principal of a request that came through the Middleware.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}
