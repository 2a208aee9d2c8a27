//go:build linux

package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/domain/dnstest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// claims is an application that shows what it is told.
func claims(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.Header.Get("X-Gatehouse-Assertion"), ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[len(parts)/2])
	_, _ = w.Write(payload)
}

// TestADomainIsProvedAtRunTime is a person whose company proves its domain in a real
// DNS: /login finds them by it from then on, and not before; the application is told
// that their address is verified; and both hold after a reload and a restart, until
// the domain is taken away.
func TestADomainIsProvedAtRunTime(t *testing.T) {
	t.Parallel()
	dns := dnstest.New(t)
	p := gatehousetest.NewPortal(t, gatehousetest.PortalURL)
	h := gatehousetest.New(t, gatehousetest.Options{Server: fmt.Sprintf("dns_server = %q", dns.Addr)})
	furnish(t, h, http.HandlerFunc(claims), "60s")
	h.Write("portal.hcl", p.Plugin+fmt.Sprintf(portalRules, onLogin, p.Block))
	h.Write("other.hcl", "organization \"globex\" {}\nconnection \"globex-portal\" {\n  organization = \"globex\"\n  create_users = \"on_login\"\n  "+p.Block+"}\n")
	h.Start()

	// found reports whether /login sends somebody to their portal, by their address.
	found := func(email string) bool {
		t.Helper()
		a := newBrowser().open(t, h.URL+"/login?email="+url.QueryEscape(email))
		if to := a.header.Get("Location"); to != "" {
			return strings.HasPrefix(to, gatehousetest.PortalURL)
		}
		if !strings.Contains(a.body, "No company signs on here") {
			t.Fatalf("/login: status %d: %s", a.status, a.body)
		}
		return false
	}
	// ada signs on by the connection, which needs no domain.
	ada := newBrowser()
	login := ada.open(t, h.URL+"/login?connection=acme-portal&return_to=/api/v1/claims")
	a := ada.open(t, p.Answer(login.header.Get("Location"), map[string]any{"email": "ada@Acme.test"}))
	if a.status != http.StatusSeeOther {
		t.Fatalf("the sign-on: status %d: %s", a.status, a.body)
	}
	verified := func() bool {
		t.Helper()
		a := ada.open(t, h.URL+"/api/v1/claims")
		if a.status != http.StatusOK || !strings.Contains(a.body, `"email":"ada@Acme.test"`) {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		return strings.Contains(a.body, `"email_verified":true`)
	}
	expect := func(when string, want bool) {
		t.Helper()
		if got := found("somebody@acme.test"); got != want {
			t.Errorf("%s: somebody is found by their address: %v", when, got)
		}
		if got := verified(); got != want {
			t.Errorf("%s: the address is shown as verified: %v", when, got)
		}
	}
	expect("before", false)
	var claimed admin.Domain
	h.JSON(&claimed, "domain", "add", "acme.test", "--organization", "acme")
	expect("claimed", false)
	if r := h.CLI("domain", "verify", "acme.test"); r.Status != 1 || !strings.Contains(r.Err, "there is no TXT record at _gatehouse-challenge.acme.test") {
		t.Errorf("without the record: %+v", r)
	}
	dns.Publish(claimed.Record.Name, "v=spf1 -all", claimed.Record.Value)
	var proved admin.Domain
	h.JSON(&proved, "domain", "verify", "acme.test")
	if proved.State != admin.DomainProved || proved.ProvedBy != "dns" || dns.Asked(claimed.Record.Name) < 2 {
		t.Errorf("proved: %+v, after %d questions", proved, dns.Asked(claimed.Record.Name))
	}
	expect("proved", true)
	if found("somebody@acme.test.evil.example") || found("somebody@evil.acme.test") {
		t.Error("domains around it are found as well")
	}
	h.Write("more.hcl", "organization \"initech\" {}\n")
	if r := h.CLI("apply", "--config", h.Config); r.Status != 0 {
		t.Fatalf("apply: %+v", r)
	}
	expect("after a reload", true)
	h.Restart()
	expect("after a restart", true)
	if r := h.CLI("domain", "remove", "acme.test"); r.Status != 0 {
		t.Fatalf("remove: %+v", r)
	}
	expect("removed", false)
}
