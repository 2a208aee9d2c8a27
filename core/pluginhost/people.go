//go:build unix

package pluginhost

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// signOnLimit is how long a plugin may take over one step of a sign-on. It may
// have to ask the IdP meanwhile.
const signOnLimit = 15 * time.Second

// Person says what an authenticator of people can do beside signing them on.
type Person struct {
	Callback    string // the last part of the address that a browser comes back to: "acs", "callback"
	Unsolicited bool   // its IdPs answer what nobody asked for
	Refreshes   bool   // People.Refresh asks
	LogsOut     bool   // People.Logout sends a browser, and Receive reads what one brings
	Receives    bool   // People.Receive reads what servers push
}

// People is an instance that signs people on. It stays good while the instance is
// configured anew, moved or removed: each call finds it where it is.
type People struct {
	host         *Host
	instance     string
	organization string
}

// People returns the instance of that name, of a connection of the organization,
// whether it is configured or not.
func (h *Host) People(instance, organization string) *People {
	return &People{host: h, instance: instance, organization: organization}
}

// Begin says where to send a browser. If the plugin dies meanwhile the call is
// repeated once.
func (p *People) Begin(ctx context.Context, r authn.BeginRequest) (authn.Begun, error) {
	return person(ctx, p, "Begin", true, always, func(ctx context.Context, g *process) (authn.Begun, error) {
		return g.beginSignOn(ctx, p, r)
	})
}

// Complete reads what a browser came back with. The error is a *authn.Denied
// where the message signs nobody on. It is never repeated.
func (p *People) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	can := func(k Person) bool { return k.Unsolicited || !r.Unsolicited }
	return person(ctx, p, "Complete", false, can, func(ctx context.Context, g *process) (authn.Identity, error) {
		identity, err := g.complete(ctx, p, r)
		if err == nil {
			err = p.counts(ctx, g, identity.Once)
		}
		return identity, err
	})
}

// Refresh asks about a session again. The error is a *authn.Denied where the IdP
// says that it is over. It is never repeated: the IdP may have taken the refresh
// token back for another one.
func (p *People) Refresh(ctx context.Context, e authn.Endpoints, s authn.Session) (authn.Identity, error) {
	can := func(k Person) bool { return k.Refreshes }
	return person(ctx, p, "Refresh", false, can, func(ctx context.Context, g *process) (authn.Identity, error) {
		return g.refresh(ctx, p, e, s)
	})
}

// Logout says where to send the browser of a session that has ended. A zero Begun
// is an IdP that has no way to be told.
func (p *People) Logout(ctx context.Context, e authn.Endpoints, relay string, s authn.Session) (authn.Begun, error) {
	can := func(k Person) bool { return k.LogsOut }
	return person(ctx, p, "Logout", true, can, func(ctx context.Context, g *process) (authn.Begun, error) {
		return g.logout(ctx, p, e, relay, s)
	})
}

// Metadata is what an administrator of the IdP has to be given.
func (p *People) Metadata(ctx context.Context, e authn.Endpoints) (authn.Metadata, error) {
	return person(ctx, p, "Metadata", true, always, func(ctx context.Context, g *process) (authn.Metadata, error) {
		return g.metadata(ctx, p, e)
	})
}

// Receive reads what an IdP sent. The error is a *authn.Denied where that counts
// for nothing. It is never repeated.
func (p *People) Receive(ctx context.Context, r authn.ReceiveRequest) (authn.Received, error) {
	can := func(k Person) bool { return r.Browser && k.LogsOut || !r.Browser && k.Receives }
	return person(ctx, p, "Receive", false, can, func(ctx context.Context, g *process) (authn.Received, error) {
		return g.receive(ctx, p, r)
	})
}

func always(Person) bool { return true }

// person makes a call of an instance that can do it. harmless is one that may be
// made again where the process ended meanwhile.
func person[T any](ctx context.Context, p *People, method string, harmless bool, can func(Person) bool, call func(context.Context, *process) (T, error)) (answer T, err error) {
	ctx, span := callSpan(ctx, p.instance, method)
	defer func() { span.End(err) }()
	return observed(p.host, p.instance, method, func(s *supervised, kind Kind) (T, error) {
		var none T
		if kind.Person == nil || !can(*kind.Person) {
			return none, problem.New(problem.Unsupported, "instance %q does not do this", p.instance)
		}
		try := once[*process, T]
		if harmless {
			try = twice[*process, T]
		}
		return try(ctx, s.supervisor, p.instance, func(ctx context.Context, g *process) (T, error) {
			ctx, cancel := context.WithTimeout(ctx, signOnLimit)
			defer cancel()
			return call(ctx, g)
		})
	})
}
