// Package oidc_test has the bundled authenticator by OpenID Connect meet a provider
// that behaves in every way that one should not.
package oidc_test

import (
	"cmp"
	"crypto/rand"
	"errors"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/oidc"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

const (
	issuer   = "https://idp.example/tenant"
	clientID = "gatehouse"
	secret   = "a-client's secret, with / and %"
)

// world is a provider, and the plugin in a host.
type world struct {
	testing.TB
	name   string // of the instance
	idp    *oidcidp.Provider
	h      *plugintest.Harness
	config map[string]any
}

// options change how a world is made.
type options struct {
	config   map[string]any // of the block; nil takes an attribute away
	provider string
	issuer   string
	person   map[string]any // claims about Ada

	algorithm string // ES256 unless set: no test waits for the keys of RSA
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	h := plugintest.New(t, oidc.Plugin())
	if o.provider != "" {
		h.SetProvider("acme", o.provider)
	}
	o.issuer, o.algorithm = cmp.Or(o.issuer, issuer), cmp.Or(o.algorithm, "ES256")
	e := h.Endpoints("acme/oidc")
	idp, err := oidcidp.New(oidcidp.Options{
		Issuer: o.issuer, Algorithm: o.algorithm,
		People: []oidcidp.Person{
			{Subject: "ada-1", UserName: "ada", Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Email: "ada@acme.example", EmailVerified: true, Groups: []string{"Data", "Engines"}, Claims: o.person},
			{Subject: "bob-2", UserName: "bob", Name: "Bob", Email: "bob@acme.example"},
		},
		Clients: []oidcidp.Client{{ID: clientID, Secret: secret, RedirectURIs: []string{e.CompleteURL}, LogoutURIs: []string{e.LogoutURL}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.HandleFetch(idp)
	w := &world{TB: t, name: "acme/oidc", idp: idp, h: h, config: map[string]any{"issuer": o.issuer, "client_id": clientID, "client_secret": secret}}
	maps.Copy(w.config, o.config)
	maps.DeleteFunc(w.config, func(_ string, v any) bool { return v == nil })
	w.configure()
	return w
}

// configure makes the instance, or makes it anew.
func (w *world) configure() {
	w.Helper()
	if ds, err := w.h.Configure(w.Context(), "oidc", w.name, w.config); err != nil || ds.HasErrors() {
		w.Fatalf("the block is refused: %v %v", ds, err)
	}
}

// signOn is a sign-on from its beginning to its end.
type signOn struct {
	subject string
	factors int
	asked   authn.BeginRequest
	tamper  func(r *authn.CompleteRequest)
}

func (w *world) do(s signOn) (authn.Identity, error) {
	w.Helper()
	r, err := w.begun(s)
	if err != nil {
		return authn.Identity{}, err
	}
	return w.h.Complete(w.Context(), w.name, r)
}

// begun is a sign-on whose answer is there.
func (w *world) begun(s signOn) (authn.CompleteRequest, error) {
	w.Helper()
	s.asked.Endpoints, s.asked.Relay = w.h.Endpoints(w.name), "R"+rand.Text()
	at := time.Now()
	begun, err := w.h.Begin(w.Context(), w.name, s.asked)
	if err != nil {
		return authn.CompleteRequest{}, err
	}
	if s.subject == "" {
		s.subject = "ada-1"
	}
	back, err := w.idp.SignOn(begun.URL, s.subject, max(s.factors, 1))
	if err != nil {
		w.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		w.Fatal(err)
	}
	r := authn.CompleteRequest{
		Endpoints: s.asked.Endpoints, Incoming: authn.Incoming{Method: "GET", RawQuery: u.RawQuery}, State: begun.State,
		Fresh: s.asked.Fresh, MaxAge: s.asked.MaxAge, Begun: at,
	}
	if s.tamper != nil {
		s.tamper(&r)
	}
	return r, nil
}

// signsOn: it is a success.
func (w *world) signsOn(s signOn) authn.Identity {
	w.Helper()
	i, err := w.do(s)
	if err != nil {
		w.Fatalf("nobody is signed on: %v\nthe plugin's log:\n%s", err, w.h.Logs())
	}
	return i
}

// failure stands for an error that is no denial.
const failure = "error"

// reason is that of a denial, failure of any other error, and "" of none.
func reason(err error) string {
	var denied *authn.Denied
	switch {
	case err == nil:
		return ""
	case errors.As(err, &denied):
		return denied.Reason
	}
	return failure
}

// logout is a logout token, ready to be received.
func (w *world) logout() (push func() error, err error) {
	raw, err := w.idp.LogoutToken(clientID, "ada-1", "s1", nil)
	return func() error {
		_, err := w.h.Receive(w.Context(), w.name, authn.ReceiveRequest{
			Endpoints: w.h.Endpoints(w.name), Incoming: authn.Incoming{Method: "POST", Form: []authn.Field{{Name: "logout_token", Value: raw}}},
		})
		return err
	}, err
}
