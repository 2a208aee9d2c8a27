package signon_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Whoever has a session, and comes to a page that asks for more than it, is sent to
// the IdP that they signed on with, which is asked for it; an answer that is no more
// signs nobody on, or they would go round and round.
func TestStepUp(t *testing.T) {
	for name, tt := range map[string]struct {
		query   string
		ago     time.Duration // that they signed on at the IdP; 0 is unsaid
		factors authn.MultiFactor
		want    string // "" is signed on
	}{
		"two factors":             {"mfa=1", 0, authn.MultiFactorYes, ""},
		"one factor":              {"mfa=1", 0, authn.MultiFactorNo, "mfa_required"},
		"nobody says":             {"mfa=1", 0, authn.MultiFactorUnsaid, "mfa_required"},
		"just now":                {"max_age=600", time.Second, authn.MultiFactorNo, ""},
		"a while ago":             {"max_age=600", 9 * time.Minute, authn.MultiFactorNo, ""},
		"too long ago":            {"max_age=600", 12 * time.Minute, authn.MultiFactorNo, "not_fresh"},
		"nobody says when":        {"max_age=600", 0, authn.MultiFactorNo, "not_fresh"},
		"both":                    {"max_age=600&mfa=1", time.Second, authn.MultiFactorYes, ""},
		"both, and one factor":    {"max_age=600&mfa=1", time.Second, authn.MultiFactorNo, "mfa_required"},
		"no number asks for most": {"max_age=x", 2 * time.Minute, authn.MultiFactorNo, "not_fresh"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t, okta, globex) // with two, /login has to know which
			w.person(okta, "jane@acme.example")
			w.as(jane)
			b := w.browser()
			b.signOn("acme-okta")
			before := b.session()
			identity := with(jane, tt.factors)
			if tt.ago > 0 {
				identity.Authentication.Time = w.now().Add(-tt.ago)
			}
			w.as(identity)
			relay := b.begin("/login?return_to=/admin&" + tt.query)
			asked := w.plugin.begun[len(w.plugin.begun)-1]
			if asked.MultiFactor != strings.Contains(tt.query, "mfa") || (asked.MaxAge > 0) != strings.Contains(tt.query, "max_age") {
				t.Errorf("the plugin was asked %+v", asked)
			}
			a := b.get(callback + relay)
			if a.reason() != tt.want {
				t.Errorf("reason %q, want %q: %s", a.reason(), tt.want, a.text)
			}
			switch now := b.session(); {
			case tt.want == "" && (a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/admin" || now == nil || now.ID == before.ID):
				t.Errorf("signed on: %d %s, session %+v", a.StatusCode, a.Header, now)
			case tt.want != "" && (now == nil || now.ID != before.ID):
				t.Errorf("refused, and the session is %+v", now)
			}
		})
	}
}
