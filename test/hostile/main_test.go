//go:build linux

// Package hostile runs a plugin that tries everything in a real host, and
// proves that each attempt fails, that the operator sees it, and that nobody
// else notices.
package hostile_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

const rules = `
upstream "app" {
  url = "http://127.0.0.1:9"
}

organization "acme" {
  name = "Acme Inc."
}

role "analyst" {
  permissions = ["query:execute"]
}

route "/**" {
  permission = "query:execute"
}

authenticator "apikey" {}

authenticator "intruder" {}

plugin "intruder" {
  path          = %q
  sha256        = "%x"
  host_services = ["audit", "fetch"]
  memory        = "256MiB"
}
`

// start starts a host that runs the intruder, with further lines in its server block.
func start(t *testing.T, server ...string) *gatehousetest.Host {
	t.Helper()
	if missing := confine.Detect().Missing(); missing != "" {
		t.Skip("SKIPPED, NOTHING IS PROVED: " + missing)
	}
	path := gatehousetest.Build(t, "intruder")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return gatehousetest.Start(t, gatehousetest.Options{
		Server: strings.Join(server, "\n"),
		Files:  map[string]string{"rules.hcl": fmt.Sprintf(rules, path, sha256.Sum256(text))},
	})
}

// check asks the host about a request with these headers.
func check(t *testing.T, h *gatehousetest.Host, header http.Header) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/auth/check", http.NoBody)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header = header.Clone()
	req.Header.Set("X-Forwarded-Method", http.MethodGet)
	req.Header.Set("X-Forwarded-Uri", "/x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

var orders atomic.Int64

// order has the intruder do something, each time anew.
func order(t *testing.T, h *gatehousetest.Host, what, arg string) (status int, body string) {
	t.Helper()
	text := fmt.Sprint(orders.Add(1), " ", what, " ", arg)
	token := "int_" + base64.RawURLEncoding.EncodeToString([]byte(text))
	return check(t, h, http.Header{"Authorization": {"Bearer " + token}})
}

// seen waits until the host's log has a line with all of these.
func seen(t *testing.T, h *gatehousetest.Host, parts ...string) {
	t.Helper()
	gatehousetest.Eventually(t, fmt.Sprintf("the log says %q", parts), func() bool {
		for line := range strings.Lines(h.Log.String()) {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(line, part)
			}
			if all {
				return true
			}
		}
		return false
	})
}
