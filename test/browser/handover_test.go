//go:build linux

package browser_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

const twoApplications = `
upstream "app" {
  url   = %q
  hosts = ["127.0.0.1"]
}

upstream "reports" {
  url   = %q
  hosts = ["reports.localhost"]
}

organization "acme" {
  name = "Acme Inc."
}

role "analyst" {
  permissions = ["query:execute"]
}
`

// Somebody opens an application at another host than the one that the IdP knows:
// they sign on once for both, and out of both.
func TestSignOnAtAnotherHost(t *testing.T) {
	t.Parallel()
	p := portal(t)
	h := gatehousetest.New(t, gatehousetest.Options{})
	urls := map[string]string{}
	for _, name := range []string{"app", "reports"} {
		v, err := identity.New(identity.Options{Issuer: h.URL, Audience: name})
		if err != nil {
			t.Fatal(err)
		}
		app := httptest.NewServer(application.Handler(v))
		t.Cleanup(app.Close)
		urls[name] = app.URL
	}
	h.Write("rules.hcl", fmt.Sprintf(twoApplications, urls["app"], urls["reports"]))
	h.Write("connections.hcl", p.Plugin+fmt.Sprintf(connection, "acme-portal", "acme", onLogin, p.Block))
	h.Start()
	public, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	reports := "http://reports.localhost:" + public.Port()

	b := chromium(t)
	b.open(reports + "/api/v1/whoami?x=1")
	b.follow(ada.name)
	b.shows(`"organization":"acme"`)
	if got := b.address(); got != reports+"/api/v1/whoami?x=1" {
		t.Errorf("they wanted to go to another page than %s", got)
	}
	b.open(h.URL + "/")
	b.shows("Hello, " + ada.name) // nobody asked again
	b.open(reports + "/")
	b.shows("Hello, " + ada.name)
	b.follow("Sign out")
	b.shows("You are signed out")
	b.open(h.URL + "/")
	b.shows(grace.name) // the portal's page
	b.open(reports + "/")
	b.shows(grace.name)
}
