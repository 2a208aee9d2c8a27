package signon_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// two and three are hosts beside the public one.
func (w *world) withHosts() (two, three string) {
	w.hosts = []string{"two.example.com", "three.example.com"}
	_, port, _ := strings.Cut(strings.TrimPrefix(w.URL, "https://"), ":")
	return "https://two.example.com:" + port, "https://three.example.com:" + port
}

// follow goes where answers lead, as long as that is a host of ours.
func (b *browser) follow(a answer) answer {
	b.w.t.Helper()
	for range 10 {
		to := a.leads()
		if to == nil || to.Hostname() == "idp.example" {
			return a
		}
		if !to.IsAbs() {
			to = a.Request.URL.ResolveReference(to)
		}
		a = b.do(http.MethodGet, to.String(), nil, nil)
	}
	b.w.t.Fatal("it goes round in a circle")
	return a
}

// comeBack is the IdP's answer to where somebody was sent.
func (b *browser) comeBack(sent answer) answer {
	b.w.t.Helper()
	to := sent.leads()
	if to == nil {
		b.w.t.Fatalf("it was not sent to the IdP: %d %s", sent.StatusCode, sent.text)
	}
	return b.get("/sso/acme-okta/callback?" + url.Values{"state": {to.Query().Get("state")}, "code": {"c"}}.Encode())
}

// handedOver is the address with the code, which the browser was not at yet.
func (b *browser) handedOver(at string) string {
	b.w.t.Helper()
	a := b.do(http.MethodGet, at+"/login?return_to=/x", nil, nil)
	for range 10 {
		to := a.leads()
		if to == nil {
			break
		}
		if to.Query().Has("code") {
			return to.String()
		}
		a = b.do(http.MethodGet, a.Request.URL.ResolveReference(to).String(), nil, nil)
	}
	b.w.t.Fatalf("no code was handed over: %d %s", a.StatusCode, a.text)
	return ""
}

func TestAnotherHostGetsItsOwnSession(t *testing.T) {
	each(t, []signon.Connection{okta}, func(t *testing.T, w *world) {
		two, three := w.withHosts()
		user := w.person(okta, "jane@acme.example")
		w.as(jane)
		b := w.browser()
		sent := b.follow(b.do(http.MethodGet, two+"/login?return_to=/reports?x=1", nil, nil))
		if to := sent.leads(); to == nil || to.Hostname() != "idp.example" || sent.Request.URL.Host != strings.TrimPrefix(w.URL, "https://") {
			t.Fatalf("without a session at the public host it was not sent to the IdP from there: %v", sent.Request.URL)
		}
		last := b.follow(b.comeBack(sent))
		if got := last.Request.URL.String(); got != two+"/reports?x=1" {
			t.Fatalf("the browser ends at %s", got)
		}
		root, child := b.session(), b.sessionAt(two)
		if root == nil || child == nil || child.ID == root.ID || child.User != user || child.Host != "two.example.com" || child.Parent != root.ID {
			t.Fatalf("the sessions are %+v and %+v", root, child)
		}
		if root.Host != "127.0.0.1" || !root.EndsAt.Equal(child.EndsAt) || root.SaidWhen() != child.SaidWhen() {
			t.Errorf("the session there is not of the same sign-on: %+v and %+v", root, child)
		}
		last = b.follow(b.do(http.MethodGet, three+"/login?return_to=/y", nil, nil))
		if got := last.Request.URL.String(); got != three+"/y" || len(w.plugin.begun) != 1 {
			t.Errorf("with a session the third host asked the IdP again (%d), and the browser is at %s", len(w.plugin.begun), got)
		}
		if kept, err := w.sessions.Kept(t.Context(), child.ID); err != nil || len(kept.Keep) > 0 {
			t.Errorf("what the plugin keeps is at the other host too: %v, %v", kept, err)
		}
	})
}

func TestSessionsOfOneSignOnEndTogether(t *testing.T) {
	each(t, []signon.Connection{okta}, func(t *testing.T, w *world) {
		two, three := w.withHosts()
		w.person(okta, "jane@acme.example")
		w.as(jane)
		by := session.By{Actor: "test"}
		for name, end := range map[string]func(root, child *session.Session) error{
			"the first": func(root, _ *session.Session) error {
				_, err := w.sessions.End(t.Context(), by, session.Revoked, root.ID)
				return err
			},
			"that of another host": func(_, child *session.Session) error {
				_, err := w.sessions.End(t.Context(), by, session.Revoked, child.ID)
				return err
			},
			"by the IdP": func(root, _ *session.Session) error {
				return w.store.Write(t.Context(), func(tx *store.Tx) error {
					_, err := w.sessions.EndNamed(t.Context(), tx, by, "acme-okta", authn.Ended{SessionIndexes: []string{root.SessionIndex}})
					return err
				})
			},
		} {
			t.Run(name, func(t *testing.T) {
				b, other := w.browser(), w.browser()
				b.follow(b.comeBack(b.follow(b.do(http.MethodGet, two+"/login", nil, nil))))
				b.follow(b.do(http.MethodGet, three+"/login", nil, nil))
				i := jane
				i.SessionIndex = "_another"
				w.as(i)
				other.signOn("acme-okta")
				w.as(jane)
				root, child := b.session(), b.sessionAt(two)
				if root == nil || child == nil || b.sessionAt(three) == nil {
					t.Fatalf("the sessions are %v, %v and %v", root, child, b.sessionAt(three))
				}
				if err := end(root, child); err != nil {
					t.Fatal(err)
				}
				if b.session() != nil || b.sessionAt(two) != nil || b.sessionAt(three) != nil {
					t.Error("a session of the sign-on goes on")
				}
				if other.session() == nil {
					t.Error("another sign-on of the person ended too")
				}
			})
		}
	})
}

// What somebody does with a code that is not theirs, or at another place, gets them
// nothing; where the code was made by us, a record says so.
func TestACodeIsForOneBrowserAndHost(t *testing.T) {
	w := lite(t, okta)
	two, three := w.withHosts()
	w.person(okta, "jane@acme.example")
	w.as(jane)
	victim := w.browser()
	victim.follow(victim.comeBack(victim.follow(victim.do(http.MethodGet, two+"/login", nil, nil))))

	stranger := w.browser()
	stranger.do(http.MethodGet, two+"/login", nil, nil) // it has the cookie of a browser there
	begun := func(b *browser) *url.URL { return b.do(http.MethodGet, two+"/login", nil, nil).leads() }
	for name, attack := range map[string]func() (a answer, at string, b *browser){
		"a code of another browser": func() (answer, string, *browser) {
			return stranger.do(http.MethodGet, victim.handedOver(two), nil, nil), two, stranger
		},
		"a browser that never came there": func() (answer, string, *browser) {
			b := w.browser()
			return b.do(http.MethodGet, victim.handedOver(two), nil, nil), two, b
		},
		"a code for another host": func() (answer, string, *browser) {
			return victim.do(http.MethodGet, strings.Replace(victim.handedOver(two), "two.", "three.", 1), nil, nil), three, victim
		},
		"a code too late": func() (answer, string, *browser) {
			code := victim.handedOver(three)
			w.later(2 * time.Minute)
			return victim.do(http.MethodGet, code, nil, nil), three, victim
		},
		"a code that was altered": func() (answer, string, *browser) {
			code := victim.handedOver(three)
			return victim.do(http.MethodGet, code[:len(code)-2]+"AA", nil, nil), three, victim
		},
		"a stranger's wish in the victim's browser": func() (answer, string, *browser) {
			return victim.do(http.MethodGet, victim.do(http.MethodGet, begun(stranger).String(), nil, nil).leads().String(), nil, nil), three, victim
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, at, b := attack()
			if a.StatusCode != http.StatusForbidden || a.reason() != "not_begun_here" || b.sessionAt(at) != nil {
				t.Errorf("it got %d %q and the session %v", a.StatusCode, a.reason(), b.sessionAt(at))
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		code := victim.handedOver(three)
		if a := victim.do(http.MethodGet, code, nil, nil); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("the first time it got %d", a.StatusCode)
		}
		if a := victim.do(http.MethodGet, code, nil, nil); a.reason() != "answered_before" {
			t.Errorf("the second time it got %d %q", a.StatusCode, a.reason())
		}
	})
	if n := w.refusals(t.Context(), t, "not_begun_here"); n != 4 {
		t.Errorf("there are %d records of codes of ours that were refused", n)
	}
}

// refusals counts the records of sign-ons that were refused for a reason.
func (w *world) refusals(ctx context.Context, t *testing.T, reason string) (n int) {
	t.Helper()
	err := w.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM audit JOIN audit_payload ON audit_id = id WHERE action = $1 AND payload LIKE $2`, audit.SignOnRefused, `%"`+reason+`"%`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Nobody is led to a host that is not in the configuration, and nobody goes round in
// a circle where a proxy hides which host they came to.
func TestHandOverLeadsToOurHostsOnly(t *testing.T) {
	w := lite(t, okta)
	two, _ := w.withHosts()
	w.person(okta, "jane@acme.example")
	w.as(jane)
	b := w.browser()
	b.signOn("acme-okta")
	digest := strings.Repeat("A", 43)
	for name, path := range map[string]string{
		"a stranger's host":  "/sso/handover?host=evil.example&browser=" + digest,
		"our own":            "/sso/handover?host=127.0.0.1&browser=" + digest,
		"no host":            "/sso/handover?browser=" + digest,
		"a port":             "/sso/handover?host=two.example.com:1&browser=" + digest,
		"a name and another": "/sso/handover?host=two.example.com@evil.example&browser=" + digest,
		"no browser":         "/sso/handover?host=two.example.com",
		"a short browser":    "/sso/handover?host=two.example.com&browser=AAAA",
		"a code at home":     "/sso/handover?code=AAAA",
	} {
		if a := b.get(path); a.StatusCode != http.StatusBadRequest || a.leads() != nil {
			t.Errorf("%s: %d, to %v", name, a.StatusCode, a.leads())
		}
	}
	a := b.get("/sso/handover?host=two.example.com&return_to=//evil.example/&browser=" + digest)
	if to := a.leads(); to == nil || to.Hostname() != "two.example.com" {
		t.Errorf("it leads to %v", to)
	}
	for _, path := range []string{"/sso/handover?host=two.example.com&browser=" + digest, "/login?return_to=/sso/handover%3Fhost%3Dtwo.example.com", "/logout?code=AAAA"} {
		if a := b.do(http.MethodGet, two+path, nil, nil); a.StatusCode != http.StatusServiceUnavailable || a.leads() != nil {
			t.Errorf("a request that was for the public host goes on in a circle: %s: %d, to %v", path, a.StatusCode, a.leads())
		}
	}
}

func TestSigningOutAtAnotherHost(t *testing.T) {
	w := lite(t, okta)
	two, _ := w.withHosts()
	w.person(okta, "jane@acme.example")
	w.as(jane)
	ourPage := http.Header{"Sec-Fetch-Site": {"same-origin"}}
	b := w.browser()
	b.follow(b.comeBack(b.follow(b.do(http.MethodGet, two+"/login", nil, nil))))

	if a := b.do(http.MethodGet, two+"/logout", nil, http.Header{"Sec-Fetch-Site": {"cross-site"}}); a.leads() != nil || b.sessionAt(two) == nil {
		t.Fatal("a page of another site signs somebody out")
	}
	stranger := w.browser()
	stranger.follow(stranger.comeBack(stranger.follow(stranger.do(http.MethodGet, two+"/login", nil, nil))))
	link := stranger.do(http.MethodPost, two+"/logout", nil, ourPage).leads()
	if a := b.do(http.MethodGet, link.String(), nil, nil); a.leads() != nil || b.session() == nil || b.sessionAt(two) == nil || len(w.plugin.ended) > 0 {
		t.Errorf("a stranger's link signs somebody out: %d, the IdP was told %d times", a.StatusCode, len(w.plugin.ended))
	}
	if stranger.session() != nil {
		t.Error("whoever made the link is signed on still")
	}

	a := b.follow(b.do(http.MethodPost, two+"/logout", nil, ourPage))
	if to := a.leads(); to == nil || to.Hostname() != "idp.example" || len(w.plugin.ended) != 1 {
		t.Errorf("the IdP was not told: %d %s", a.StatusCode, a.text)
	}
	if b.session() != nil || b.sessionAt(two) != nil {
		t.Error("a session goes on")
	}
	// A code of the one use is none of the other.
	b.follow(b.comeBack(b.follow(b.do(http.MethodGet, two+"/login", nil, nil))))
	code := b.do(http.MethodPost, two+"/logout", nil, ourPage).leads().Query().Get("code")
	if a := b.do(http.MethodGet, two+"/sso/handover?code="+url.QueryEscape(code), nil, nil); a.reason() != "not_begun_here" {
		t.Errorf("a code for signing out signs on: %d %q", a.StatusCode, a.reason())
	}
	over := b.handedOver(two)
	code = over[strings.Index(over, "code=")+5:]
	if a := b.get("/logout?code=" + code); a.reason() != "not_begun_here" || b.session() == nil {
		t.Errorf("a code for signing on signs out: %d %q", a.StatusCode, a.reason())
	}
}

// What a route of another host asks for, it gets: another sign-on.
func TestAnotherHostAsksForMore(t *testing.T) {
	w := lite(t, okta)
	two, _ := w.withHosts()
	w.person(okta, "jane@acme.example")
	w.as(jane)
	b := w.browser()
	b.follow(b.comeBack(b.follow(b.do(http.MethodGet, two+"/login", nil, nil))))
	before := b.sessionAt(two)
	i := jane
	i.Authentication = authn.Authentication{MultiFactor: authn.MultiFactorYes, Time: w.now()}
	w.as(i)
	sent := b.follow(b.do(http.MethodGet, two+"/login?mfa=1&max_age=60&return_to=/vault", nil, nil))
	if asked := w.plugin.begun[len(w.plugin.begun)-1]; len(w.plugin.begun) != 2 || !asked.MultiFactor || asked.MaxAge != time.Minute {
		t.Fatalf("the IdP was asked %d times, the last time for %+v", len(w.plugin.begun), asked)
	}
	if last := b.follow(b.comeBack(sent)); last.Request.URL.String() != two+"/vault" {
		t.Errorf("the browser ends at %v", last.Request.URL)
	}
	after := b.sessionAt(two)
	if after == nil || after.ID == before.ID || after.Authentication.MultiFactor != authn.MultiFactorYes {
		t.Errorf("the session at the other host is %+v", after)
	}
}
