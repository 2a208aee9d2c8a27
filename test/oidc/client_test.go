package oidc_test

import (
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// Each way to authenticate at the token endpoint works, and sends the secret in no
// other.
func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"client_secret_basic", "client_secret_post"} {
		w := newWorld(t, options{config: map[string]any{"token_auth": way}})
		w.h.HandleFetch(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				inHeader, inForm := r.Header.Get("Authorization") != "", r.PostForm.Get("client_secret") != ""
				if inHeader != (way == "client_secret_basic") || inForm == inHeader || r.URL.RawQuery != "" {
					t.Errorf("%s: header %t, form %t, query %q", way, inHeader, inForm, r.URL.RawQuery)
				}
			}
			w.idp.ServeHTTP(rw, r)
		}))
		w.signsOn(signOn{})
	}
}

// With a key of the host's the provider needs its public half only, which the metadata
// has; a newer key is published before it signs.
func TestPrivateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{config: map[string]any{"token_auth": "private_key_jwt", "client_secret": nil}})
	publish := func(want int) {
		t.Helper()
		m, err := w.h.Metadata(t.Context(), w.name, w.h.Endpoints(w.name))
		var set jose.JSONWebKeySet
		if err != nil || m.ContentType != "application/json" || json.Unmarshal(m.Document, &set) != nil || len(set.Keys) != want {
			t.Fatalf("the metadata: %q %s, %v", m.ContentType, m.Document, err)
		}
		for _, k := range set.Keys {
			if _, ok := k.Key.(*rsa.PublicKey); !ok || k.Use != "sig" {
				t.Errorf("it publishes %T for %q", k.Key, k.Use)
			}
		}
		w.idp.SetKeySet(clientID, m.Document)
	}
	publish(1)
	w.signsOn(signOn{})
	w.h.StagePair(w.name, hostsvc.KeySign)
	publish(2)
	w.signsOn(signOn{})
	w.h.UseNewestPair(w.name, hostsvc.KeySign, true)
	w.signsOn(signOn{})
	w.idp.SetKeySet(clientID, []byte(`{"keys":[]}`))
	if _, err := w.do(signOn{}); reason(err) != "idp_invalid_client" {
		t.Errorf("a key that the provider does not know: %v", err)
	}
}

// The provider's keys change without anybody here doing anything, and one that is
// withdrawn no longer counts once the set has been fetched.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for i := range 6 { // each at once after the one before
		w.signsOn(signOn{})
		if err := w.idp.Rotate(i%2 == 1); err != nil {
			t.Fatal(err)
		}
	}
	w.signsOn(signOn{})
	if asked := w.idp.Asked("/keys"); asked != 7 {
		t.Errorf("the keys were fetched %d times for seven keys", asked)
	}
	if asked := w.idp.Asked("/.well-known/openid-configuration"); asked != 1 {
		t.Errorf("the discovery document was fetched %d times", asked)
	}
}

// What one block says is nothing to another, though one process has both.
func TestInstancesApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	other := map[string]any{"algorithms": []string{"RS384", "RS512", "ES384", "ES512"}, "scopes": []string{"openid", "other"}, "mfa_amr_values": []string{"other"}}
	maps.Copy(other, map[string]any{"issuer": issuer, "client_id": "other", "client_secret": "other"})
	if ds, err := w.h.Configure(t.Context(), "oidc", "globex/oidc", other); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
	w.signsOn(signOn{})
	w.configure()
	if got := w.signsOn(signOn{factors: 2}); got.Authentication.MultiFactor != authn.MultiFactorYes || got.Email == "" {
		t.Errorf("another block has changed this one: %+v", got)
	}
}

// What was fetched is there after a restart, while the provider is down: a logout
// token needs nothing of it.
func TestProviderDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.signsOn(signOn{})
	push, err := w.logout()
	if err != nil || push == nil {
		t.Fatal(err)
	}
	w.h.Restart(t.Context())
	w.h.HandleFetch(nil)
	if err := push(); err != nil {
		t.Errorf("a logout token while the provider is down: %v", err)
	}
	if _, err := w.begun(signOn{}); err != nil {
		t.Errorf("the way to a provider that is down: %v", err)
	}
}
