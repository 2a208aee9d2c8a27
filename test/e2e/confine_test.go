//go:build linux

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
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
