//go:build linux

package e2e_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// newToken makes an admin token over the local socket.
func newToken(h *gatehousetest.Host, name string, flags ...string) (id, secret string) {
	var issued struct {
		Token  admin.Token `json:"admin_token"`
		Secret string      `json:"secret"`
	}
	h.JSON(&issued, append([]string{"admin", "token", "create", name}, flags...)...)
	return issued.Token.ID, issued.Secret
}

// administers asks the admin API with a token, from an address.
func administers(t *testing.T, h *gatehousetest.Host, token, address, method, path, body string) answer {
	t.Helper()
	return ask(t, method, h.URL+path, http.Header{
		"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "X-Forwarded-For": {address},
	}, body)
}

// TestAnAdministratorOfOneOrganization makes and ends keys of one organization
// from the command line, and tries the other's.
func TestAnAdministratorOfOneOrganization(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Write("globex.hcl", `organization "globex" {}`)
	h.Start()
	theirs := h.NewKey("theirs", "--organization", "globex", "--role", "analyst")
	_, token := newToken(h, "acme-admin", "--organization", "acme")
	as := func(args ...string) gatehousetest.Result {
		return h.CLI(append(args, "--url", h.URL, "--token", token)...)
	}
	if r := as("keys", "create", "mine", "--organization", "acme", "--role", "analyst"); r.Status != 0 {
		t.Fatal(r.Err)
	}
	for _, list := range [][]string{{"keys", "list"}, {"admin", "token", "list"}} {
		if r := as(list...); r.Status != 0 || strings.Contains(r.Out, "theirs") || strings.Contains(r.Out, "globex") || !strings.Contains(r.Out, "acme") {
			t.Errorf("%v: %s%s", list, r.Out, r.Err)
		}
	}
	for _, refused := range []struct {
		args []string
		says string
	}{
		{[]string{"keys", "show", "theirs"}, `there is no client "theirs"`},
		{[]string{"keys", "create", "theirs"}, `there is no client "theirs"`},
		{[]string{"keys", "rotate", "theirs"}, `there is no client "theirs"`},
		{[]string{"keys", "revoke", theirs.ID}, "there is no key"},
		{[]string{"keys", "create", "new", "--organization", "globex"}, `confined to the organization "acme"`},
		{[]string{"keys", "create", "new", "--organization", "nowhere"}, `confined to the organization "acme"`},
		{[]string{"keys", "create", "theirs", "--organization", "acme"}, "taken"},
		{[]string{"admin", "token", "create", "more"}, `confined to the organization "acme"`},
		{[]string{"plugins", "list"}, "whole installation"},
		{[]string{"keyring", "list"}, "whole installation"},
		{[]string{"status"}, "whole installation"},
	} {
		if r := as(refused.args...); r.Status == 0 || !strings.Contains(r.Err, refused.says) {
			t.Errorf("%v: status %d, %s%s", refused.args, r.Status, r.Out, r.Err)
		}
	}
	if a := execute(t, h, pair(theirs)); a.status != http.StatusOK {
		t.Errorf("the other organization's key: %d %s", a.status, a.body)
	}
	administers(t, h, token, "203.0.113.9", http.MethodGet, "/metrics", "").refusal(t, http.StatusForbidden, problem.Forbidden)
}

// TestGuessingAnAdminToken names one token's id with wrong secrets from one
// address, behind a trusted proxy.
func TestGuessingAnAdminToken(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{Server: `throttle {
    per_source = 2
  }`})
	h.Start()
	id, right := newToken(h, "ci")
	guess, err := secret.New(rand.Reader, "gha", id)
	if err != nil {
		t.Fatal(err)
	}
	wrong := guess.Reveal()
	const attacker, home, path = "203.0.113.7", "198.51.100.1", "/api/admin/v1/clients"
	administers(t, h, wrong, attacker, http.MethodGet, path, "").refusal(t, http.StatusUnauthorized, problem.Unauthenticated)
	for _, at := range []string{path, "/metrics"} {
		a := administers(t, h, wrong, attacker, http.MethodGet, at, "")
		a.refusal(t, http.StatusTooManyRequests, problem.Throttled)
		retryAfter(t, a, 60)
	}
	measured(t, h, throttle.Refused, throttle.BySourceAndID)
	if a := administers(t, h, right, home, http.MethodGet, path, ""); a.status != http.StatusOK {
		t.Errorf("the right token, from elsewhere: %d %s", a.status, a.body)
	}
	if r := h.CLI("admin", "token", "list"); r.Status != 0 {
		t.Errorf("over the local socket: %s", r.Err)
	}
}
