//go:build linux

// Package browser_test signs people on in a real browser, Chromium without a
// window: what browsers do with cookies, forms and policies, no client of ours
// knows.
package browser_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

const rules = `
upstream "app" {
  url = %q
}

organization "acme" {
  name    = "Acme Inc."
  domains = ["acme.example"]
}

organization "globex" {
  name    = "Globex"
  domains = ["globex.example"]
}

role "analyst" {
  permissions = ["query:execute"]
}
`

// connection is one of acme's. What else stands in it says who exists.
const connection = `
connection %q {
  organization = %q
  %s
  %s

  mapping "data" {
    groups = ["Data"]
    roles  = ["analyst"]
  }
}
`

const onLogin = `create_users = "on_login"`

// start starts a host before the demonstration application.
func start(t *testing.T, more string) *gatehousetest.Host {
	t.Helper()
	h := gatehousetest.New(t, gatehousetest.Options{})
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(application.Handler(v))
	t.Cleanup(app.Close)
	h.Write("rules.hcl", fmt.Sprintf(rules, app.URL))
	h.Write("connections.hcl", more)
	h.Start()
	return h
}

// Somebody opens the application, signs on with their company, is greeted, and
// signs out.
func TestSignOnAndOut(t *testing.T) {
	t.Parallel()
	p := portal(t)
	h := start(t, p.Plugin+fmt.Sprintf(connection, "acme-portal", "acme", onLogin, p.Block))
	b := chromium(t)
	b.open(h.URL + "/")
	b.follow(ada.name)
	b.shows("Hello, " + ada.name)
	b.shows("analyst")
	b.picture("greeted")

	// The session is the browser's: another tab is signed on.
	second := b.another()
	second.open(h.URL + "/api/v1/whoami")
	second.shows(`"roles":["analyst"]`)

	b.follow("Sign out")
	b.shows("You are signed out")
	b.picture("signed out")
	second.open(h.URL + "/")
	second.shows(grace.name) // the portal's page
	second.follow(grace.name)
	second.shows("Hello, " + grace.name)
	second.shows("none") // of the roles
}

// Two companies: whoever says their address gets to their own.
func TestSignOnByAddress(t *testing.T) {
	t.Parallel()
	p := portal(t)
	h := start(t, p.Plugin+fmt.Sprintf(connection, "acme-portal", "acme", onLogin, p.Block)+fmt.Sprintf(connection, "globex-portal", "globex", onLogin, p.Block))
	b := chromium(t)
	b.open(h.URL + "/api/v1/whoami?x=1")
	b.picture("asked")
	b.fill("email", "somebody@initech.example\r")
	b.shows("No company signs on here")
	b.picture("unknown")
	b.fill("email", ada.email+"\r")
	b.follow(ada.name)
	b.shows(`"organization":"acme"`)
	if got := b.address(); got != h.URL+"/api/v1/whoami?x=1" {
		t.Errorf("they wanted to go to another page than %s", got)
	}
}

// Two tabs that sign on at once both get where they wanted to go, and the back
// button leads to no second session.
func TestTabsAndTheBackButton(t *testing.T) {
	t.Parallel()
	p := portal(t)
	h := start(t, p.Plugin+fmt.Sprintf(connection, "acme-portal", "acme", onLogin, p.Block))
	one := chromium(t)
	two := one.another()
	one.open(h.URL + "/api/v1/whoami?tab=1")
	two.open(h.URL + "/api/v1/whoami?tab=2")
	one.follow(ada.name)
	one.shows(`"kind":"user"`)
	two.follow(ada.name)
	two.shows(`"kind":"user"`)
	for tab, b := range map[string]tab{"1": one, "2": two} {
		if want := h.URL + "/api/v1/whoami?tab=" + tab; b.address() != want {
			t.Errorf("tab %s is at %s", tab, b.address())
		}
	}
	one.back()
	one.shows(grace.name) // the portal's page, as it was
	one.follow(grace.name)
	one.shows("Begin again")
	one.picture("back")
	two.open(h.URL + "/")
	two.shows("Hello, " + ada.name)
}

// A browser that takes no cookies cannot sign on, and is told what to look at.
func TestWithoutCookies(t *testing.T) {
	t.Parallel()
	p := portal(t)
	h := start(t, p.Plugin+fmt.Sprintf(connection, "acme-portal", "acme", onLogin, p.Block))
	b := chromium(t)
	b.open(h.URL + "/")
	b.dropCookies()
	b.follow(ada.name)
	b.shows("see that your browser takes cookies")
	b.picture("without cookies")
}

// Somebody sees where they are signed on, and signs out everywhere; nothing of
// another site is needed for it, nor can it do it.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	p := portal(t)
	h := start(t, p.Plugin+fmt.Sprintf(connection, "acme-portal", "acme", onLogin, p.Block))
	here, there := chromium(t), chromium(t)
	for _, b := range []tab{here, there} {
		b.open(h.URL + "/")
		b.follow(ada.name)
		b.shows("Hello, " + ada.name)
	}
	here.open(h.URL + "/sso/sessions")
	here.shows("This browser")
	here.picture("sessions")
	here.follow("Sign out everywhere")
	here.shows("You are signed out")
	there.open(h.URL + "/")
	there.shows(grace.name) // the very next click leads to the portal
}
