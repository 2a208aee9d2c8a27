package signon_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// People see their own sessions and end them; neither those of others, nor by a
// page of another site.
func TestOwnSessions(t *testing.T) {
	w := lite(t, okta)
	w.person(okta, "jane@acme.example")
	w.person(okta, "joe@acme.example")
	here, there, joe := w.browser(), w.browser(), w.browser()
	w.as(jane)
	here.signOn("acme-okta")
	there.signOn("acme-okta")
	w.as(authn.Identity{Subject: "joe", UserName: "joe@acme.example"})
	joe.signOn("acme-okta")
	const page = "/sso/sessions"
	own, other := http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}

	a := here.get(page)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text, here.session().ID) || !strings.Contains(a.text, there.session().ID) || strings.Contains(a.text, joe.session().ID) {
		t.Errorf("her page: %d %s", a.StatusCode, a.text)
	}
	if strings.Count(a.text, "This browser") != 1 {
		t.Errorf("which one is this browser's? %s", a.text)
	}
	if a := w.browser().get(page); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "../login" {
		t.Errorf("without a session: %d %s", a.StatusCode, a.Header)
	}
	for name, of := range map[string]struct {
		id     string
		header http.Header
	}{
		"another's":                   {joe.session().ID, own},
		"her own, from another site":  {there.session().ID, other},
		"all of hers, from elsewhere": {"all", other},
		"none":                        {"", own},
	} {
		here.do(http.MethodPost, page, url.Values{"session": {of.id}}, of.header)
		if here.session() == nil || there.session() == nil || joe.session() == nil {
			t.Fatalf("%s has ended a session", name)
		}
	}
	if a := here.do(http.MethodPost, page, url.Values{"session": {there.session().ID}}, own); a.StatusCode != http.StatusSeeOther || there.session() != nil || here.session() == nil {
		t.Errorf("one of hers: %d; there %v, here %v", a.StatusCode, there.session(), here.session())
	}
	w.as(jane)
	there.signOn("acme-okta")
	a = here.do(http.MethodPost, page, url.Values{"session": {"all"}}, own)
	if here.session() != nil || there.session() != nil || joe.session() == nil || !strings.Contains(a.text, "You are signed out") {
		t.Errorf("all of hers: %d %s", a.StatusCode, a.text)
	}
}
