//go:build linux

package e2e_test

import (
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestBothDatabases(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, url string){
		"revoked is refused from the next request": func(t *testing.T, url string) {
			h := before(t, gatehousetest.Options{Store: url, Server: unthrottled})
			h.Start()
			revocations(t, h, "acme", "analyst", 4)
		},
		"a restart keeps what was acknowledged": func(t *testing.T, url string) {
			h := before(t, gatehousetest.Options{Store: url})
			h.Start()
			stays, leaves, rotated := analyst(h, "stays"), analyst(h, "leaves"), analyst(h, "rotated")
			h.Revoke(leaves)
			var issued struct{ Secret string }
			h.JSON(&issued, "keys", "rotate", "rotated", "--overlap", "1h")
			renewed := rotated
			renewed.Secret = issued.Secret
			h.Restart()
			for name, k := range map[string]gatehousetest.Key{"stays": stays, "the old one of two": rotated, "the new one of two": renewed} {
				if a := execute(t, h, pair(k)); a.status != http.StatusOK {
					t.Errorf("%s: status %d: %s", name, a.status, a.body)
				}
			}
			execute(t, h, pair(leaves)).refusal(t, http.StatusUnauthorized, problem.Unauthenticated)
		},
		"a second host is refused, and told who holds the database": func(t *testing.T, url string) {
			first := before(t, gatehousetest.Options{Store: url})
			first.Start()
			second := before(t, gatehousetest.Options{Store: url})
			second.Launch()
			if status := second.Wait(); status != 1 {
				t.Errorf("exit status %d", status)
			}
			if says := regexp.MustCompile(`in use by another host: \S.* since \d{4}-`); !says.MatchString(second.Log.String()) {
				t.Errorf("the second host said:\n%s", second.Log)
			}
			if status, body := first.Readyz(); status != http.StatusOK {
				t.Errorf("the first host: %d %s", status, body)
			}
		},
		"changed files are taken as the database has it": func(t *testing.T, url string) {
			h := before(t, gatehousetest.Options{Store: url})
			h.Write("late.hcl", "")
			h.Start()
			k := analyst(h, "my-tenant")
			whoami := h.URL + "/api/v1/whoami"
			if a := ask(t, http.MethodGet, whoami, pair(k), ""); a.status != http.StatusOK {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			h.Write("late.hcl", "route \"/api/v1/whoami\" {\n  permission = \"late:rule\"\n}\n")
			h.Restart()
			if strings.HasPrefix(url, "postgres") { // nodes with old files must not undo what newer ones said
				if a := ask(t, http.MethodGet, whoami, pair(k), ""); a.status != http.StatusOK || !strings.Contains(h.Log.String(), "gatehouse apply") {
					t.Errorf("a restart took the files: status %d: %s", a.status, a.body)
				}
				h.Signal(syscall.SIGTERM)
				h.Wait()
				if r := h.CLI("apply", "--config", h.Config); r.Status != 0 {
					t.Fatalf("apply: status %d: %s%s", r.Status, r.Out, r.Err)
				}
				h.Start()
			}
			if a := ask(t, http.MethodGet, whoami, pair(k), ""); a.status != http.StatusForbidden || a.problem.Permission != "late:rule" {
				t.Errorf("the new rule is not in force: status %d: %s", a.status, a.body)
			}
		},
		"an expired key": func(t *testing.T, url string) {
			h := before(t, gatehousetest.Options{Store: url})
			h.Start()
			k := analyst(h, "short-lived", "--lifetime", "2s")
			issued := time.Now()
			if a := execute(t, h, pair(k)); a.status != http.StatusOK && time.Since(issued) < time.Second {
				t.Errorf("before its end: status %d: %s", a.status, a.body)
			}
			gatehousetest.Eventually(t, "the key ends", func() bool { return execute(t, h, pair(k)).status != http.StatusOK })
			execute(t, h, pair(k)).refusal(t, http.StatusUnauthorized, problem.Expired)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.EachURL(t, test)
		})
	}
}
