//go:build linux

package browser_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
	"github.com/gatehouse-id/gatehouse/test/idp"
	"github.com/gatehouse-id/gatehouse/test/idp/samlidp"
)

const provisioned = `create_users = "provisioned"
  provisioner "scim" {}`

// company is a host, and an identity provider with which the people of two
// connections sign on, by either protocol, whom SCIM has to make first. By a third
// they need two factors.
func company(t *testing.T) *gatehousetest.Host {
	t.Helper()
	var provider *idp.Provider
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	h := gatehousetest.New(t, gatehousetest.Options{
		Env: []string{"OIDC_SECRET=" + idp.ClientSecret}, Server: fmt.Sprintf("fetch {\n allow = [\"127.0.0.1/32\"]\n ca_file = %q\n }", ca),
	})
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(application.Handler(v))
	t.Cleanup(app.Close)
	strict := h.URL + "/sso/acme-strict"
	if provider, err = idp.New(idp.Options{URL: server.URL + "/idp", OIDC: h.URL + "/sso/acme-oidc", SAML: h.URL + "/sso/acme-saml", People: []idp.Person{
		{UserName: ada.email, GivenName: "Ada", FamilyName: "Lovelace", Groups: ada.groups},
	}}); err != nil {
		t.Fatal(err)
	}
	provider.SAML.Add(samlidp.Service{EntityID: strict + "/metadata", ACS: strict + "/acs", Logout: strict + "/slo"})
	saml := fmt.Sprintf("authenticator \"saml\" {\n metadata_url = %q\n }", provider.MetadataURL())
	h.Write("rules.hcl", fmt.Sprintf(rules, app.URL))
	h.Write("connections.hcl",
		fmt.Sprintf(connection, "acme-oidc", "acme", provisioned, fmt.Sprintf("authenticator \"oidc\" {\n issuer = %q\n client_id = %q\n client_secret = env(\"OIDC_SECRET\")\n }", provider.Issuer(), idp.ClientID))+
			fmt.Sprintf(connection, "acme-saml", "acme", provisioned, saml)+
			fmt.Sprintf(connection, "acme-strict", "acme", onLogin+"\n  require_mfa = true", saml))
	h.Start()
	return h
}

// SCIM says who there is: whom it does not know is refused, and whom it deactivates
// is out with the very next click.
func TestOnlyTheProvisionedSignOn(t *testing.T) {
	t.Parallel()
	h := company(t)
	for _, connection := range []string{"acme-oidc", "acme-saml"} {
		t.Run(connection, func(t *testing.T) {
			t.Parallel()
			directory := h.SCIM(connection)
			signOn := h.URL + "/login?connection=" + connection
			b := chromium(t)
			b.open(signOn)
			b.signOnAs(ada.name)
			b.shows("You are not signed on")
			b.shows("Reason: not_provisioned")
			b.picture("not provisioned " + connection)
			b.open(h.URL + "/")
			b.shows("Choose how your company signs on")

			id := directory.Create("/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"displayName":"Ada Lovelace","active":true}`, ada.email))
			group := directory.Create("/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Data","members":[{"value":%q}]}`, id))
			b = chromium(t)
			b.open(signOn)
			b.signOnAs(ada.name)
			b.shows("Hello, " + ada.name)
			b.shows("analyst")

			// What SCIM says counts with the next click: first of the group, then of her.
			directory.Must(http.StatusNoContent, http.MethodDelete, "/Groups/"+group, "")
			b.open(h.URL + "/")
			b.shows("Hello, " + ada.name)
			b.shows("none")
			directory.Must(http.StatusOK, http.MethodPatch, "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
			b.open(h.URL + "/api/v1/whoami")
			b.shows("Choose how your company signs on")
			b.picture("deactivated " + connection)
			b.follow(connection)
			if connection == "acme-oidc" { // the other knows her still, and asks nothing
				b.signOnAs(ada.name)
			}
			b.shows("Reason: deactivated")
		})
	}
}

func TestSAMLWithoutTheSecondFactor(t *testing.T) {
	t.Parallel()
	h := company(t)
	b := chromium(t)
	b.open(h.URL + "/login?connection=acme-strict")
	b.signOnAs(ada.name)
	b.shows("Reason: mfa_required")
	b.picture("without the second factor")
}
