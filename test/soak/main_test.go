//go:build linux

// Package soak runs a real host under mixed load while it is reloaded and
// killed, and proves that nothing leaks, that nothing acknowledged is lost, and
// that nobody is let in or refused who should not be.
package soak_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

const server = `
server {
  public_url      = %q
  listen          = %q
  trusted_proxies = ["127.0.0.0/8"]
  tls {
    cert_file = %q
    key_file  = %q
  }
}

store {
  url = env("GATEHOUSE_DATABASE_URL")
}
`

const rules = `
upstream "app" {
  url = %q
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

authenticator "signed-token" {
  public_key = %q
}
`

// pinned is the block of a third party's plugin, at its path and with its digest.
const pinned = `
plugin "signed-token" {
  path   = %q
  sha256 = "%x"
}
`

// place is a host that speaks TLS, before the demonstration application.
type place struct {
	*gatehousetest.Host
	authority *authority
	issuer    issuer
	plugin    string       // path of the third party's plugin
	smuggled  atomic.Int64 // requests that reached the application and should not
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{Host: gatehousetest.New(t, gatehousetest.Options{}), authority: newAuthority(t), plugin: gatehousetest.Build(t, "../../examples/plugin")}
	p.URL = strings.Replace(p.URL, "http:", "https:", 1)
	v, err := identity.New(identity.Options{Issuer: p.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	behind := application.Handler(v)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.RequestURI, "smuggled") {
			p.smuggled.Add(1)
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		app.CloseClientConnections()
		app.Close()
	})
	var key string
	p.issuer, key = newIssuer(t)
	certificate := filepath.Join(p.Config, "tls.crt")
	p.Write("server.hcl", fmt.Sprintf(server, p.URL, p.Addr, certificate, filepath.Join(p.Config, "tls.key")))
	p.Write("rules.hcl", fmt.Sprintf(rules, app.URL, key))
	p.pin(t)
	p.authority.replace(t, p.Host)
	return p
}

// pin writes the block of the plugin as it is on the disk now.
func (p *place) pin(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(p.plugin)
	if err != nil {
		t.Fatal(err)
	}
	p.Write("plugin.hcl", fmt.Sprintf(pinned, p.plugin, sha256.Sum256(text)))
}

// exchange puts another binary at the plugin's path, and its pin beside it.
func (p *place) exchange(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(p.plugin)
	if err != nil {
		t.Fatal(err)
	}
	if text[len(text)-1] == '+' { // it runs all the same with something behind its end
		text = text[:len(text)-1]
	} else {
		text = append(text, '+')
	}
	next := p.plugin + ".next"
	if err := os.WriteFile(next, text, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, p.plugin); err != nil {
		t.Fatal(err)
	}
	p.pin(t)
}
