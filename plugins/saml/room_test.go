package saml_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

// room is the plugin with one instance, and a browser.
type room struct {
	*plugintest.Harness
	t *testing.T
}

// newRoom has an instance of a provider, with a block.
func newRoom(t *testing.T, provider string, block doc) *room {
	t.Helper()
	r := &room{plugintest.New(t, saml.Plugin()), t}
	r.SetProvider("acme", provider)
	r.set(block)
	return r
}

func (r *room) set(block doc) {
	r.t.Helper()
	if ds, err := r.Configure(r.t.Context(), "saml", name, block); err != nil || ds.HasErrors() {
		r.t.Fatal(ds, err)
	}
}

func (r *room) asks(change func(b *authn.BeginRequest)) (authn.BeginRequest, authn.Begun) {
	r.t.Helper()
	b := authn.BeginRequest{Endpoints: r.Endpoints(name), Relay: rand.Text()}
	if change != nil {
		change(&b)
	}
	begun, err := r.Begin(r.t.Context(), name, b)
	if err != nil {
		r.t.Fatalf("Begin: %v\n%s", err, r.Logs())
	}
	return b, begun
}

// signOn goes the whole way, with an answer of the IdP.
func (r *room) signOn(change func(m *samltest.Message)) (authn.Identity, error) {
	r.t.Helper()
	b, begun := r.asks(nil)
	return r.Complete(r.t.Context(), name, authn.CompleteRequest{
		Endpoints: b.Endpoints, State: begun.State, Incoming: answers(change)(r.t, b, begun), Begun: time.Now(),
	})
}

func (r *room) signsOn(what string, change func(m *samltest.Message)) authn.Identity {
	r.t.Helper()
	i, err := r.signOn(change)
	if err != nil {
		r.t.Errorf("%s: %v\n%s", what, err, r.Logs())
	}
	return i
}

func (r *room) refuses(what, reason string, change func(m *samltest.Message)) {
	r.t.Helper()
	i, err := r.signOn(change)
	wantDenied(r.t, what, reason, err)
	if err == nil {
		r.t.Errorf("%s: it signed %q on", what, i.Subject)
	}
}

func wantDenied(t testing.TB, what, reason string, err error) {
	t.Helper()
	denied := (*authn.Denied)(nil)
	if !errors.As(err, &denied) || !strings.Contains("|"+reason+"|", "|"+denied.Reason+"|") {
		t.Errorf("%s: %v, want it denied as %q", what, err, reason)
	}
}

// attributes replaces those of a message.
func attributes(list ...samltest.Attribute) func(m *samltest.Message) {
	return func(m *samltest.Message) { m.Attributes = list }
}

func values(name string, list ...string) samltest.Attribute {
	return samltest.Attribute{Name: name, Values: list}
}
