//go:build linux

package e2e_test

import (
	"encoding/pem"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

const oidcRules = `
connection "acme-idp" {
  organization = "acme"
  create_users = "on_login"

  authenticator "oidc" {
    issuer        = %q
    client_id     = "gatehouse"
    client_secret = env("OIDC_SECRET")
  }

  mapping "data" {
    groups = ["Data"]
    roles  = ["analyst"]
  }
}
`

// newOIDC starts a host whose people sign on by OpenID Connect.
func newOIDC(t *testing.T) (*gatehousetest.Host, *oidcidp.Provider) {
	t.Helper()
	var idp *oidcidp.Provider
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { idp.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	h := before(t, gatehousetest.Options{
		Env: []string{"OIDC_SECRET=a secret of a client"}, Server: fmt.Sprintf("fetch {\n allow = [\"127.0.0.1/32\"]\n ca_file = %q\n }", ca),
	})
	base := h.URL + "/sso/acme-idp/"
	idp, err := oidcidp.New(oidcidp.Options{
		Issuer: server.URL,
		People: []oidcidp.Person{
			{Subject: "ada-1", UserName: "ada@acme.example", Name: "Ada Lovelace", Email: "ada@acme.example", EmailVerified: true, Groups: []string{"Data"}},
			{Subject: "bob-2", UserName: "bob@acme.example", Name: "Bob", Email: "bob@acme.example", Groups: []string{}},
		},
		Clients: []oidcidp.Client{{ID: "gatehouse", Secret: "a secret of a client", RedirectURIs: []string{base + "callback"}, LogoutURIs: []string{base + "slo"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Write("oidc.hcl", fmt.Sprintf(oidcRules, server.URL))
	h.Start()
	return h, idp
}

// by signs somebody on at the provider, and returns the page that they wanted.
func (b *browser) by(t *testing.T, h *gatehousetest.Host, idp *oidcidp.Provider, subject string) answer {
	t.Helper()
	back, err := idp.SignOn(b.toPortal(t, h, "/api/v1/whoami"), subject, 1)
	if err != nil {
		t.Fatal(err)
	}
	a := b.open(t, back)
	if a.status != http.StatusSeeOther {
		return a
	}
	return b.open(t, h.URL+a.header.Get("Location"))
}

// TestOpenIDConnect is a person who signs on by the bundled plugin, and every way in
// which their session ends.
func TestOpenIDConnect(t *testing.T) {
	t.Parallel()
	h, idp := newOIDC(t)
	ada, bob := newBrowser(), newBrowser()
	if a := ada.by(t, h, idp, "ada-1"); a.status != http.StatusOK || !strings.Contains(a.body, `"roles":["analyst"]`) {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if a := bob.by(t, h, idp, "bob-2"); a.status != http.StatusOK || !strings.Contains(a.body, `"roles":[]`) {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	in := func(b *browser) bool { return b.open(t, h.URL+"/api/v1/whoami").status == http.StatusOK }
	push := func(subject string, change func(map[string]any)) int {
		t.Helper()
		raw, err := idp.LogoutToken("gatehouse", subject, "", change)
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"logout_token": {raw}}.Encode()
		return ask(t, http.MethodPost, h.URL+"/sso/acme-idp/receive", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, form).status
	}
	if status := push("ada-1", func(c map[string]any) { c["aud"] = "another" }); status != http.StatusBadRequest || !in(ada) {
		t.Errorf("a logout token for another: status %d, signed on: %t", status, in(ada))
	}
	if status := push("ada-1", nil); status != http.StatusOK || in(ada) || !in(bob) {
		t.Errorf("a logout token of Ada: status %d, signed on: Ada %t, Bob %t", status, in(ada), in(bob))
	}
	out := bob.send(t, http.MethodPost, h.URL+"/logout", http.Header{"Sec-Fetch-Site": {"same-origin"}})
	next := regexp.MustCompile(`href="([^"]+/logout[?][^"]+)"`).FindStringSubmatch(out.body) // a page that leads on
	if next == nil || in(bob) {
		t.Fatalf("signing out: status %d, signed on: %t: %s", out.status, in(bob), out.body)
	}
	to, err := url.Parse(html.UnescapeString(next[1]))
	if err != nil || to.Query().Get("post_logout_redirect_uri") != h.URL+"/sso/acme-idp/slo" {
		t.Fatalf("signing out leads to %q, %v", next[1], err)
	}
	if a := bob.open(t, h.URL+"/sso/acme-idp/slo?state="+url.QueryEscape(to.Query().Get("state"))); a.status != http.StatusOK || !strings.Contains(a.body, "You are signed out") {
		t.Errorf("back from the provider: status %d: %s", a.status, a.body)
	}
	var listed admin.SessionPage
	if h.JSON(&listed, "sessions", "list", "--connection", "acme-idp"); len(listed.Sessions) != 0 {
		t.Errorf("sessions are left: %+v", listed.Sessions)
	}
	if a := ask(t, http.MethodGet, h.URL+"/sso/acme-idp/metadata", http.Header{}, ""); !strings.Contains(a.body, "backchannel_logout_uri: "+h.URL+"/sso/acme-idp/receive") {
		t.Errorf("what the provider is to be told: %s", a.body)
	}
}

// TestOpenIDConnectFaults are answers of a provider that must sign nobody on, through
// the whole host. All that there are is in test/oidc.
func TestOpenIDConnectFaults(t *testing.T) {
	t.Parallel()
	h, idp := newOIDC(t)
	faults, err := idp.Faults()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"wrong-audience": "audience", "wrong-nonce": "nonce", "unsigned": "algorithm", "denied": "idp_access_denied", "other-response-issuer": "issuer"}
	for _, f := range faults {
		reason, ok := want[f.Name]
		if !ok {
			continue
		}
		b := newBrowser()
		idp.Bend(f)
		if a := b.by(t, h, idp, "ada-1"); a.status != http.StatusForbidden || !strings.Contains(a.body, "Reason: "+reason) {
			t.Errorf("%s Status %d: %s", f.Doc, a.status, a.body)
		}
		idp.Bend(oidcidp.Bend{})
		if a := b.by(t, h, idp, "ada-1"); a.status != http.StatusOK {
			t.Errorf("after it: %s Status %d: %s", f.Doc, a.status, a.body)
		}
	}
}
