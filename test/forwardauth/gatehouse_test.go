//go:build linux

package forwardauth_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

// credential is a client's id and secret.
type credential struct{ id, secret string }

// gatehouse is what the tests know of the host that they run against.
type gatehouse struct {
	url      string // also its public_url
	audience string

	reader credential // may do everything but what needs policy:write
	busy   credential // is answered 503 with Retry-After: 7

	portal gatehousetest.Portal // that people of acme sign on with
}

// busyPlugin is built once for all tests.
var busyPlugin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "busy")
	if err != nil {
		return "", err
	}
	return gatehousetest.BuildTo("testdata/busy", dir)
})

// startGatehouse starts the host with these rules: /healthz and /open/** are
// public, /api/v1/admin/* needs policy:write.
func startGatehouse(t *testing.T) gatehouse {
	t.Helper()
	path, err := busyPlugin()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	portal := gatehousetest.NewPortal(t, gatehousetest.PortalURL)
	h := gatehousetest.Start(t, gatehousetest.Options{Files: map[string]string{"rules.hcl": fmt.Sprintf(`
upstream "app" {
  url = "http://127.0.0.1:9" # nothing passes through Gatehouse here
}

route "/healthz" {
  public = true
}

route "/open/**" {
  public = true
}

route "/api/v1/admin/*" {
  permission = "policy:write"
}

role "analyst" {
  permissions = ["query:execute"]
}

role "viewer" {
  permissions = ["policy:read"]
}

organization "acme" {}

client "my-tenant" {
  organization  = "acme"
  authenticator = "apikey"
  roles         = ["analyst", "viewer"]
}

authenticator "apikey" {}

plugin "busy" {
  path   = %q
  sha256 = "%x"
}

authenticator "busy" {}

%s
connection "acme-portal" {
  organization = "acme"
  create_users = "on_login"
  %s
  mapping "data" {
    groups = ["Data"]
    roles  = ["analyst"]
  }
}
`, path, sha256.Sum256(binary), portal.Plugin, portal.Block)}})
	return gatehouse{
		url: h.URL, audience: "app",
		reader: credential{"my-tenant", h.NewKey("my-tenant").Secret}, busy: credential{"busy", "busy_secret"}, portal: portal,
	}
}

var identityHeaders = []string{
	"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Organization", "X-Gatehouse-Roles", "X-Gatehouse-Assertion",
}
