package signon_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

const callback = "/sso/acme-okta/callback?state="

// An answer counts in the browser that began, once, in time, and at the
// connection that was asked.
func TestAnAnswerIsBoundToItsBeginning(t *testing.T) {
	entraOne := entra
	for name, tt := range map[string]struct {
		attack func(w *world, victim, attacker *browser, relay string) answer
		reason string
	}{
		"in another browser": {func(_ *world, _, attacker *browser, relay string) answer { return attacker.get(callback + relay) }, "not_begun_here"},
		"the attacker's answer in the victim's browser": {func(_ *world, victim, attacker *browser, _ string) answer {
			return victim.get(callback + attacker.begin("/login?connection=acme-okta"))
		}, "not_begun_here"},
		"a relay that nobody made": {func(_ *world, victim *browser, _ *browser, _ string) answer {
			return victim.get(callback + "R" + strings.Repeat("x", 32))
		}, "not_begun_here"},
		"no relay": {func(_ *world, victim *browser, _ *browser, _ string) answer {
			return victim.get("/sso/acme-okta/callback?code=c")
		}, "not_begun_here"},
		"two relays": {func(_ *world, victim *browser, _ *browser, relay string) answer {
			return victim.get(callback + relay + "&state=" + relay)
		}, "not_begun_here"},
		"too late": {func(w *world, victim *browser, _ *browser, relay string) answer {
			w.later(16 * time.Minute)
			return victim.get(callback + relay)
		}, "not_begun_here"},
		"at another connection": {func(_ *world, victim *browser, _ *browser, relay string) answer {
			return victim.get("/sso/acme-entra/callback?state=" + relay)
		}, "mixed_up"},
		"at another authenticator": {func(_ *world, victim *browser, _ *browser, _ string) answer {
			return victim.get("/sso/acme-entra/old/callback?state=" + victim.begin("/login?connection=acme-entra"))
		}, "mixed_up"},
		"with a cookie of a logout": {func(_ *world, victim *browser, _ *browser, _ string) answer {
			return victim.get(callback + victim.signOut())
		}, "mixed_up"},
		"with the cookie altered": {func(w *world, victim *browser, _ *browser, relay string) answer {
			u, _ := url.Parse(w.URL)
			for _, c := range victim.Jar.Cookies(u) {
				raw, _ := base64.RawURLEncoding.DecodeString(c.Value)
				raw[len(raw)-1] ^= 1
				c.Value, c.Path, c.Secure = base64.RawURLEncoding.EncodeToString(raw), "/", true
				victim.Jar.SetCookies(u, []*http.Cookie{c})
			}
			return victim.get(callback + relay)
		}, "not_begun_here"},
		"nothing of it": {func(_ *world, victim *browser, _ *browser, relay string) answer { return victim.get(callback + relay) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t, okta, entraOne)
			w.person(okta, "jane@acme.example")
			w.person(entra, "jane@acme.example")
			w.as(jane)
			victim, attacker := w.browser(), w.browser()
			relay := victim.begin("/login?connection=acme-okta")
			a := tt.attack(w, victim, attacker, relay)
			if a.reason() != tt.reason {
				t.Errorf("reason %q, want %q: %s", a.reason(), tt.reason, a.text)
			}
			if had := attacker.session(); had != nil || tt.reason != "" && strings.Contains(a.Header.Get("Set-Cookie"), session.Cookie+"=ghses") {
				t.Errorf("somebody is signed on: %+v", had)
			}
		})
	}
}

// signOut signs on and begins to sign out, and returns the relay of that.
func (b *browser) signOut() string {
	b.w.t.Helper()
	b.signOn("acme-okta")
	a := b.do(http.MethodPost, "/logout", url.Values{}, http.Header{"Sec-Fetch-Site": {"same-origin"}})
	to := a.leads()
	if to == nil {
		b.w.t.Fatalf("it is not sent to the IdP: %d %s", a.StatusCode, a.text)
	}
	return to.Query().Get("state")
}

// The same answer at many nodes in the same moment signs on once: the cookie was
// copied, and the plugin would take it each time.
func TestAnAnswerCountsOnce(t *testing.T) {
	each(t, []signon.Connection{okta}, func(t *testing.T, w *world) {
		w.person(okta, "jane@acme.example")
		w.as(jane)
		b := w.browser()
		relay := b.begin("/login?connection=acme-okta")
		u, err := url.Parse(w.URL)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		reasons := map[string]int{}
		var wg sync.WaitGroup
		for range 8 {
			copied := w.browser()
			for _, c := range b.Jar.Cookies(u) {
				c.Path, c.Secure = "/", true
				copied.Jar.SetCookies(u, []*http.Cookie{c})
			}
			wg.Go(func() {
				a := copied.get(callback + relay)
				mu.Lock()
				defer mu.Unlock()
				reasons[a.reason()]++
			})
		}
		wg.Wait()
		if reasons[""] != 1 || reasons["answered_before"] != 7 {
			t.Errorf("%v", reasons)
		}
	})
}

// A page of the IdP posts its answer, so the browser leaves the cookies out the
// first time. It is never taken without them.
func TestAnAnswerThatIsPosted(t *testing.T) {
	w := lite(t, okta)
	w.person(okta, "jane@acme.example")
	w.as(jane)
	b := w.browser()
	relay := b.begin("/login?connection=acme-okta")
	form := url.Values{"SAMLResponse": {`PHg+"'<`}, "RelayState": {relay}}
	without := w.browser() // as a browser is that leaves them out
	a := without.do(http.MethodPost, "/sso/acme-okta/callback", form, nil)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text, `name="SAMLResponse" value="PHg&#43;&#34;&#39;&lt;"`) || !strings.Contains(a.text, `name="gatehouse_again"`) || strings.Contains(a.text, "action=") {
		t.Errorf("it is not posted once more: %s", a.text)
	}
	if len(w.plugin.complete) != 0 {
		t.Error("the plugin has seen it")
	}
	form.Set("gatehouse_again", "1")
	if a := without.do(http.MethodPost, "/sso/acme-okta/callback", form, nil); len(w.plugin.complete) != 0 || a.StatusCode == http.StatusSeeOther && a.Header.Get("Location") == "/" {
		t.Errorf("it was taken without cookies: %d", a.StatusCode)
	}
	if a := b.do(http.MethodPost, "/sso/acme-okta/callback", form, nil); a.StatusCode != http.StatusSeeOther || b.session() == nil {
		t.Errorf("with them it is not: %d %s", a.StatusCode, a.text)
	}
	for _, f := range w.plugin.complete[0].Incoming.Form {
		if f.Name == "gatehouse_again" {
			t.Error("the plugin gets a field of ours")
		}
	}
}

// An answer that nobody asked for begins a sign-on; it signs on by itself only
// where the operator says so.
func TestUnsolicitedAnswers(t *testing.T) {
	form := url.Values{"SAMLResponse": {"PHg+"}, "RelayState": {"https://evil.example"}, "gatehouse_again": {"1"}}
	for name, tt := range map[string]struct {
		allowed, kind bool
		form          url.Values
		signed, begun bool
	}{
		"not allowed":       {false, true, form, false, true},
		"allowed":           {true, true, form, true, false},
		"a kind without":    {true, false, form, false, false},
		"nothing in it":     {true, true, url.Values{"gatehouse_again": {"1"}}, false, false},
		"an answer of ours": {false, true, url.Values{"SAMLResponse": {"PHg+"}, "gatehouse_again": {"1"}, "RelayState": {"R" + strings.Repeat("x", 32)}}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := okta
			c.Unsolicited = tt.allowed
			c.Authenticators = []signon.Authenticator{{Instance: "acme-okta/test", Callback: "callback", Unsolicited: tt.kind}}
			w := lite(t, c)
			w.person(c, "jane@acme.example")
			w.as(jane)
			b := w.browser()
			a := b.do(http.MethodPost, "/sso/acme-okta/callback", tt.form, nil)
			if (b.session() != nil) != tt.signed || (len(w.plugin.begun) > 0) != tt.begun {
				t.Errorf("signed on %v, begun %v: %d %s", b.session(), w.plugin.begun, a.StatusCode, a.text)
			}
			if tt.signed && (a.Header.Get("Location") != "/" || !w.plugin.complete[0].Unsolicited) {
				t.Errorf("it leads to %s, and the plugin was told %+v", a.Header.Get("Location"), w.plugin.complete[0])
			}
		})
	}
}

// A session that was planted in a browser is not the one that somebody signs on
// with, and the one that they had ends.
func TestEachSignOnHasASessionOfItsOwn(t *testing.T) {
	w := lite(t, okta)
	w.person(okta, "jane@acme.example")
	w.person(okta, "mallory@acme.example")
	w.as(authn.Identity{Subject: "m", UserName: "mallory@acme.example"})
	attacker, victim := w.browser(), w.browser()
	attacker.signOn("acme-okta")
	planted := attacker.session()
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range attacker.Jar.Cookies(u) {
		c.Path, c.Secure = "/", true
		victim.Jar.SetCookies(u, []*http.Cookie{c})
	}
	w.as(jane)
	victim.signOn("acme-okta")
	if had := victim.session(); had == nil || had.ID == planted.ID || had.User == planted.User {
		t.Errorf("she goes on with %+v", had)
	}
	if attacker.session() != nil {
		t.Error("the attacker shares the browser's session")
	}
}

// Another site's page cannot sign somebody out.
func TestSignOut(t *testing.T) {
	for name, tt := range map[string]struct {
		method string
		header http.Header
		out    bool
	}{
		"a button of ours":           {http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		"a link of the application":  {http.MethodGet, http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		"another site's form":        {http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
		"a sibling's form":           {http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-site"}}, false},
		"another site's link":        {http.MethodGet, http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
		"typed":                      {http.MethodGet, http.Header{"Sec-Fetch-Site": {"none"}}, false},
		"an old browser's button":    {http.MethodPost, http.Header{"Origin": {"OWN"}}, true},
		"an old browser, other site": {http.MethodPost, http.Header{"Origin": {"https://evil.example"}}, false},
		"an old browser's link":      {http.MethodGet, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t, okta)
			w.person(okta, "jane@acme.example")
			w.as(jane)
			b := w.browser()
			b.signOn("acme-okta")
			if tt.header.Get("Origin") == "OWN" {
				tt.header = http.Header{"Origin": {w.URL}}
			}
			a := b.do(tt.method, "/logout", url.Values{}, tt.header)
			if (b.session() == nil) != tt.out {
				t.Errorf("out: %v; %d %s", !tt.out, a.StatusCode, a.text)
			}
			if to := a.leads(); tt.out && (to == nil || to.Host+to.Path != "idp.example/slo" || string(w.plugin.ended[0].Keep) != "kept") {
				t.Errorf("the IdP is not told: %s, %+v", to, w.plugin.ended)
			}
			if !tt.out && !strings.Contains(a.text, "Do you want to sign out?") {
				t.Errorf("it does not ask: %s", a.text)
			}
		})
	}
}

// What an IdP pushes ends sessions of its own connection, and of no other.
func TestPushes(t *testing.T) {
	each(t, []signon.Connection{okta, globex}, func(t *testing.T, w *world) {
		id := w.person(okta, "jane@acme.example")
		w.person(globex, "jane@acme.example")
		w.as(jane)
		signed := func() (*browser, *browser) {
			a, b := w.browser(), w.browser()
			a.signOn("acme-okta")
			b.signOn("globex")
			return a, b
		}
		push := func(connection string, e authn.Ended) int {
			w.mu.Lock()
			w.plugin.answer, w.plugin.err = authn.Received{Ended: []authn.Ended{e}, Status: http.StatusNoContent}, nil
			w.mu.Unlock()
			return w.browser().do(http.MethodPost, "/sso/"+connection+"/receive", url.Values{"logout_token": {"x"}}, nil).StatusCode
		}
		for name, e := range map[string]authn.Ended{
			"by index": {SessionIndexes: []string{"_si1"}}, "by subject": {Issuer: "https://idp.example", Subject: "00u1"}, "by mail": {Email: "JANE@acme.example"},
		} {
			a, b := signed()
			if status := push("acme-okta", e); status != http.StatusNoContent || a.session() != nil || b.session() == nil {
				t.Errorf("%s: status %d, here %v, there %v", name, status, a.session(), b.session())
			}
		}
		if len(w.stopped) > 0 {
			t.Errorf("keys were ended: %q", w.stopped)
		}
		a, _ := signed()
		push("acme-okta", authn.Ended{Email: "jane@acme.example", Keys: true})
		if a.session() != nil || len(w.stopped) == 0 || w.stopped[0] != id {
			t.Errorf("with keys: %q", w.stopped)
		}
		w.mu.Lock()
		w.plugin.err = &authn.Denied{Reason: "signature", Detail: "it has none", Status: http.StatusUnauthorized}
		w.mu.Unlock()
		if a := w.browser().do(http.MethodPost, "/sso/acme-okta/receive", nil, nil); a.StatusCode != http.StatusUnauthorized || a.text != "" {
			t.Errorf("a push that counts for nothing: %d %s", a.StatusCode, a.text)
		}
	})
}

// A flood of beginnings leaves nothing behind here.
func TestBeginningWritesNothing(t *testing.T) {
	w := lite(t, okta)
	b := w.browser()
	for range 50 {
		b.begin("/login?connection=acme-okta")
	}
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.Jar.Cookies(u)); n > 8 {
		t.Errorf("the browser keeps %d cookies", n)
	}
	err = w.store.Read(t.Context(), func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM plugin_once) + (SELECT count(*) FROM session)`).Scan(&n); err != nil {
			return err
		}
		if n != 0 {
			t.Errorf("there are %d rows", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
