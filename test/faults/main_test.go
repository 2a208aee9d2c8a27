//go:build linux

// Package faults proves what callers and operators see while something that
// the host depends on fails, and that nothing acknowledged is lost by it. The
// host, its plugins and its databases are the real ones.
package faults_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

// rules are what the hosts run with, before the application at a URL.
const rules = `
upstream "app" {
  url     = %q
  headers = { organization = "X-Tenant-ID" }
}

organization "acme" {
  name = "Acme Inc."
}

role "analyst" {
  permissions = ["query:execute"]
}

route "/api/v1/query/**" {
  permission = "query:execute"
}

authenticator "apikey" {}
`

// before makes a host before the application at a URL. It is not started.
func before(t *testing.T, o gatehousetest.Options, url string) *gatehousetest.Host {
	t.Helper()
	h := gatehousetest.New(t, o)
	h.Write("rules.hcl", fmt.Sprintf(rules, url))
	return h
}

// demonstrated is a host before the demonstration application.
func demonstrated(t *testing.T, o gatehousetest.Options) *gatehousetest.Host {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	h := before(t, o, "http://"+app.Listener.Addr().String())
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	app.Config.Handler = application.Handler(v)
	app.Start()
	t.Cleanup(app.Close)
	return h
}

// analyst makes a client that may execute queries, and its key.
func analyst(h *gatehousetest.Host, id string, flags ...string) gatehousetest.Key {
	return h.NewKey(id, append([]string{"--organization", "acme", "--role", "analyst"}, flags...)...)
}
