//go:build linux

package browser_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

const oidcBlock = `
  require_mfa = true

  authenticator "oidc" {
    issuer        = %q
    client_id     = "gatehouse"
    client_secret = env("OIDC_SECRET")
  }
`

// Somebody signs on by OpenID Connect on the provider's own page, where the
// application needs two factors, and signs out by the provider and back.
func TestOpenIDConnect(t *testing.T) {
	t.Parallel()
	var idp *oidcidp.Provider
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { idp.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	h := gatehousetest.New(t, gatehousetest.Options{
		Env: []string{"OIDC_SECRET=a secret of a client"}, Server: fmt.Sprintf("fetch {\n allow = [\"127.0.0.1/32\"]\n ca_file = %q\n }", ca),
	})
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(application.Handler(v))
	t.Cleanup(app.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	issuer, base := "https://127.0.0.1:"+at.Port(), h.URL+"/sso/acme-idp/"
	if idp, err = oidcidp.New(oidcidp.Options{
		Issuer: issuer,
		People: []oidcidp.Person{
			{Subject: ada.subject, Name: ada.name, Email: ada.email, UserName: ada.email, Groups: ada.groups},
			{Subject: grace.subject, Name: grace.name, Email: grace.email, UserName: grace.email, Groups: []string{}},
		},
		Clients: []oidcidp.Client{{ID: "gatehouse", Secret: "a secret of a client", RedirectURIs: []string{base + "callback"}, LogoutURIs: []string{base + "slo"}}},
	}); err != nil {
		t.Fatal(err)
	}
	h.Write("rules.hcl", fmt.Sprintf(rules, app.URL))
	h.Write("connections.hcl", fmt.Sprintf(connection, "acme-idp", "acme", onLogin, fmt.Sprintf(oidcBlock, issuer)))
	h.Start()

	b := chromium(t)
	b.open(h.URL + "/")
	b.shows("Who are you?")
	b.picture("provider")
	b.follow("Sign on") // the first button, which is Ada's, with one factor
	b.shows("Reason: mfa_required")
	b.open(h.URL + "/")
	b.follow("with two factors")
	b.shows("Hello, " + ada.name)
	b.shows("analyst")
	b.follow("Sign out")
	b.shows("You are signed out")
	b.open(h.URL + "/")
	b.follow("Cancel")
	b.shows("Reason: idp_access_denied")
}
