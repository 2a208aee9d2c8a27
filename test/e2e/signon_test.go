//go:build linux

package e2e_test

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// portalRules are a connection by which people sign on with the plugin of
// examples/signon, and the roles that their groups give.
const portalRules = `
connection "acme-portal" {
  organization = "acme"
  %s
  %s

  mapping "data" {
    groups = ["Data"]
    roles  = ["analyst"]
  }
}
`

// Who exists: whoever signs on, or whom SCIM has created.
const (
	onLogin     = `create_users = "on_login"`
	provisioned = "match = \"email\"\n  provisioner \"scim\" {}"
)

// newPortal starts a host whose people sign on with a portal.
func newPortal(t *testing.T, who string) (*gatehousetest.Host, gatehousetest.Portal) {
	t.Helper()
	p := gatehousetest.NewPortal(t, gatehousetest.PortalURL)
	h := before(t, gatehousetest.Options{})
	h.Write("portal.hcl", p.Plugin+fmt.Sprintf(portalRules, who, p.Block))
	h.Start()
	return h, p
}

// browser keeps cookies as a browser does that talks to the host by https.
type browser struct{ cookies map[string]string }

func newBrowser() *browser { return &browser{map[string]string{}} }

// open is a navigation of the browser: a link that somebody follows.
func (b *browser) open(t *testing.T, address string) answer {
	t.Helper()
	return b.send(t, http.MethodGet, address, http.Header{"Sec-Fetch-Mode": {"navigate"}, "Accept": {"text/html,*/*;q=0.8"}})
}

func (b *browser) send(t *testing.T, method, address string, header http.Header) answer {
	t.Helper()
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	header.Set("Cookie", strings.Join(pairs, "; "))
	a := ask(t, method, address, header, "")
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return a
}

// signOn opens a page and goes to the portal and back, as somebody does who has
// not signed on. The last answer is the page's, or what refused them.
func (b *browser) signOn(t *testing.T, h *gatehousetest.Host, p gatehousetest.Portal, page string, change map[string]any) answer {
	t.Helper()
	a := b.open(t, p.Answer(b.toPortal(t, h, page), change))
	if a.status != http.StatusSeeOther {
		return a
	}
	return b.open(t, h.URL+a.header.Get("Location"))
}

// toPortal opens a page, and returns where at the portal the browser is sent.
func (b *browser) toPortal(t *testing.T, h *gatehousetest.Host, page string) string {
	t.Helper()
	login := b.open(t, h.URL+page)
	if login.status != http.StatusFound || !strings.Contains(login.header.Get("Location"), "/login?return_to=") {
		t.Fatalf("a page without a session: status %d, to %q", login.status, login.header.Get("Location"))
	}
	sent := b.open(t, h.URL+login.header.Get("Location"))
	if sent.status != http.StatusFound && sent.status != http.StatusSeeOther {
		t.Fatalf("/login: status %d: %s", sent.status, sent.body)
	}
	return sent.header.Get("Location")
}

// TestSignOnOfAThirdParty is a person who signs on with the authenticator of a
// third party, in a process of its own, and sees the application as themselves.
func TestSignOnOfAThirdParty(t *testing.T) {
	t.Parallel()
	h, p := newPortal(t, onLogin)
	const whoami = "/api/v1/whoami"
	ask(t, http.MethodGet, h.URL+whoami, http.Header{"Sec-Fetch-Mode": {"cors"}, "Accept": {"text/html"}}, "").refusal(t, http.StatusUnauthorized, problem.Unauthenticated)

	ada := newBrowser()
	a := ada.signOn(t, h, p, whoami, nil)
	for _, want := range []string{`"kind":"user"`, `"organization":"acme"`, `"roles":["analyst"]`} {
		if a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Fatalf("after the sign-on: status %d, without %s: %s", a.status, want, a.body)
		}
	}
	if echo := ada.open(t, h.URL+"/api/v1/echo"); strings.Contains(echo.body, "__Host-gatehouse") {
		t.Errorf("the application sees the session's token: %s", echo.body)
	}

	t.Run("another page of the same person is theirs at once", func(t *testing.T) {
		var listed admin.SessionPage
		h.JSON(&listed, "sessions", "list", "--connection", "acme-portal")
		if len(listed.Sessions) != 1 || listed.Sessions[0].Organization != "acme" {
			t.Errorf("one person has signed on once, the sessions are %+v", listed.Sessions)
		}
	})
	t.Run("without the group they have no role", func(t *testing.T) {
		a := newBrowser().signOn(t, h, p, whoami, map[string]any{"sub": "bob-2", "email": "bob@acme.example", "groups": []string{}})
		if a.status != http.StatusOK || !strings.Contains(a.body, `"roles":[]`) {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
	t.Run("their groups are those of the last sign-on", func(t *testing.T) {
		eve := newBrowser()
		claims := map[string]any{"sub": "eve-3", "email": "eve@acme.example"}
		if a := eve.signOn(t, h, p, whoami, claims); !strings.Contains(a.body, `"roles":["analyst"]`) {
			t.Errorf("with the group: %s", a.body)
		}
		claims["groups"] = []string{}
		if a := newBrowser().signOn(t, h, p, whoami, claims); !strings.Contains(a.body, `"roles":[]`) {
			t.Errorf("without it: %s", a.body)
		}
		if a := eve.open(t, h.URL+whoami); !strings.Contains(a.body, `"roles":[]`) {
			t.Errorf("in the older session: %s", a.body)
		}
	})
	t.Run("somebody signs out", func(t *testing.T) { signsOut(t, h, p) })
}

func signsOut(t *testing.T, h *gatehousetest.Host, p gatehousetest.Portal) {
	const whoami = "/api/v1/whoami"
	carl := newBrowser()
	carl.signOn(t, h, p, whoami, map[string]any{"sub": "carl-4", "email": "carl@acme.example"})
	kept := maps.Clone(carl.cookies)
	fromElsewhere := carl.send(t, http.MethodPost, h.URL+"/logout", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}})
	if fromElsewhere.status != http.StatusOK || carl.open(t, h.URL+whoami).status != http.StatusOK {
		t.Errorf("a page of another site signs out: %d", fromElsewhere.status)
	}
	if a := carl.send(t, http.MethodPost, h.URL+"/logout", http.Header{"Sec-Fetch-Site": {"same-origin"}}); a.status != http.StatusOK || !strings.Contains(a.body, "You are signed out") {
		t.Errorf("signing out: status %d: %s", a.status, a.body)
	}
	if len(carl.cookies) != 0 {
		t.Errorf("cookies are left: %v", carl.cookies)
	}
	thief := &browser{kept}
	if a := thief.open(t, h.URL+whoami); a.status != http.StatusFound {
		t.Errorf("a copy of the cookie counts after the sign-out: %d %s", a.status, a.body)
	}
}

// TestSignOnOfTheProvisioned is a connection where SCIM says who exists: nobody
// else signs on, and whoever is ended is out from the very next click.
func TestSignOnOfTheProvisioned(t *testing.T) {
	t.Parallel()
	h, p := newPortal(t, provisioned)
	const whoami = "/api/v1/whoami"
	if a := newBrowser().signOn(t, h, p, whoami, nil); a.status != http.StatusForbidden || !strings.Contains(a.body, "Reason: not_provisioned") {
		t.Errorf("somebody whom SCIM does not know: status %d: %s", a.status, a.body)
	}
	idp := h.SCIM("acme-portal")
	for i, tt := range []struct {
		name string
		end  func(t *testing.T, s admin.Session)
		back bool // they may sign on again
	}{
		{"revoked", func(t *testing.T, s admin.Session) {
			if r := h.CLI("sessions", "revoke", s.ID); r.Status != 0 {
				t.Errorf("sessions revoke: %s", r.Err)
			}
		}, true},
		{"deactivated", func(_ *testing.T, s admin.Session) {
			idp.Must(http.StatusOK, http.MethodPatch, "/Users/"+s.User, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
		}, false},
		{"deleted", func(_ *testing.T, s admin.Session) {
			idp.Must(http.StatusNoContent, http.MethodDelete, "/Users/"+s.User, "")
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			email := fmt.Sprintf("person-%d@acme.example", i)
			id := idp.Create("/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"active":true,"emails":[{"value":%q,"primary":true}]}`, email, email))
			claims := map[string]any{"sub": fmt.Sprint("person-", i), "email": email}
			b := newBrowser()
			if a := b.signOn(t, h, p, whoami, claims); a.status != http.StatusOK || !strings.Contains(a.body, id) {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			var listed admin.SessionPage
			h.JSON(&listed, "sessions", "list", "--user", email)
			if len(listed.Sessions) != 1 {
				t.Fatalf("sessions of one who signed on once: %+v", listed.Sessions)
			}
			tt.end(t, listed.Sessions[0])
			if a := b.open(t, h.URL+whoami); a.status != http.StatusFound {
				t.Errorf("the very next click: status %d: %s", a.status, a.body)
			}
			again := newBrowser().signOn(t, h, p, whoami, claims)
			if back := again.status == http.StatusOK; back != tt.back {
				t.Errorf("a new sign-on: status %d: %s", again.status, again.body)
			}
		})
	}
}

// TestSignOnAttacks are answers of the portal that must sign nobody on. The test
// above is the same without the attack.
func TestSignOnAttacks(t *testing.T) {
	t.Parallel()
	h, p := newPortal(t, onLogin)
	for name, tt := range map[string]struct {
		attack func(t *testing.T, b *browser) answer
		reason string
	}{
		"a link that was used": {func(t *testing.T, b *browser) answer {
			back := p.Answer(b.toPortal(t, h, "/"), nil)
			kept := maps.Clone(b.cookies)
			b.open(t, back)
			b.cookies = kept
			return b.open(t, back)
		}, "answered_before"},
		"a link of somebody else": {func(t *testing.T, b *browser) answer {
			return b.open(t, p.Answer(newBrowser().toPortal(t, h, "/"), nil))
		}, "not_begun_here"},
		"a link that another portal signed": {func(t *testing.T, b *browser) answer {
			return b.open(t, p.Forged().Answer(b.toPortal(t, h, "/"), nil))
		}, "signature"},
		"a link for another application": {func(t *testing.T, b *browser) answer {
			return b.open(t, p.Answer(b.toPortal(t, h, "/"), map[string]any{"aud": "https://other.example/"}))
		}, "audience"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser()
			a := tt.attack(t, b)
			if a.status != http.StatusForbidden || !strings.Contains(html.UnescapeString(a.body), "Reason: "+tt.reason) || !strings.Contains(a.body, "Trace id: ") {
				t.Errorf("status %d, for %s: %s", a.status, tt.reason, a.body)
			}
			if _, signedOn := b.cookies["__Host-gatehouse"]; signedOn && tt.reason != "answered_before" {
				t.Error("they are signed on")
			}
		})
	}
	t.Run("where to go then is here", func(t *testing.T) {
		for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "javascript:alert(1)", "/%0d%0aSet-Cookie:x"} {
			b := newBrowser()
			sent := b.open(t, h.URL+"/login?"+url.Values{"return_to": {to}}.Encode())
			a := b.open(t, p.Answer(sent.header.Get("Location"), nil))
			if at := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.HasPrefix(at, "/") || strings.Contains(at, "evil") {
				t.Errorf("%q: status %d, to %q", to, a.status, at)
			}
		}
	})
}
