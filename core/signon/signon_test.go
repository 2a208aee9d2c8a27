package signon_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/signon"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

func TestSignOn(t *testing.T) {
	each(t, []signon.Connection{okta}, func(t *testing.T, w *world) {
		id := w.person(okta, "jane@acme.example")
		w.as(jane)
		b := w.browser()
		a := b.signOn("acme-okta")
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/reports?x=1" {
			t.Fatalf("%d %s %s", a.StatusCode, a.Header, a.text)
		}
		had := b.session()
		if had == nil || had.User != id || had.Connection != "acme-okta" || had.Instance != "acme-okta/test" || had.SessionIndex != "_si1" || had.Address != "192.0.2.7" {
			t.Fatalf("the session: %+v", had)
		}
		got := w.plugin.complete[0]
		if string(got.State) != "state of acme-okta/test" || got.Endpoints.CompleteURL != w.URL+"/sso/acme-okta/callback" || !strings.Contains(got.Incoming.RawQuery, "code=c") || got.Unsolicited {
			t.Errorf("the plugin was asked %+v", got)
		}
		for _, c := range a.Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("the cookie %s", c)
			}
		}
	})
}

// Which connection somebody belongs to, by what they say.
func TestDiscovery(t *testing.T) {
	for name, tt := range map[string]struct {
		path string
		form url.Values // nil: the address is opened
		to   string     // instance; "" is a page
		page string
	}{
		"nothing":                 {"/login", nil, "", "Your e-mail address at work"},
		"a connection":            {"/login?connection=globex", nil, "globex/test", ""},
		"a connection of nobody":  {"/login?connection=initech", nil, "", "No company signs on here"},
		"one of two ways":         {"/login?connection=acme-entra", nil, "acme-entra/test", ""},
		"the other way":           {"/login?connection=acme-entra&authenticator=test.old", nil, "acme-entra/test.old", ""},
		"no such way":             {"/login?connection=acme-entra&authenticator=old", nil, "", "has no authenticator"},
		"another connection's":    {"/login?connection=globex&authenticator=test.old", nil, "", "has no authenticator"},
		"an organization":         {"/login?organization=globex", nil, "globex/test", ""},
		"an organization of two":  {"/login?organization=acme", nil, "", "?connection=acme-entra&amp;return_to=%2f"},
		"an address":              {"/login?email=joe@Globex.example", nil, "globex/test", ""},
		"an address in a form":    {"/login", url.Values{"email": {" joe@globex.example "}}, "globex/test", ""},
		"an address of nobody":    {"/login", url.Values{"email": {"joe@initech.example"}}, "", "No company signs on here"},
		"an address of two":       {"/login?email=jane@acme.example", nil, "", "acme-okta"},
		"an address beyond ASCII": {"/login?email=" + url.QueryEscape("joe@Bücher.example"), nil, "globex/test", ""},
		"of who has no way in":    {"/login?email=joe@nobody.example", nil, "", "No company signs on here"},
		"when nobody can know":    {"/login?email=joe@away.example", nil, "", "Signing on does not work at the moment"},
		"no address":              {"/login?email=globex.example", nil, "", "No company signs on here"},
		"an address with markup":  {"/login?email=%22%3E%3Cscript%3Ealert(1)%3C/script%3E@x", nil, "", "&lt;script&gt;"},
		"the query beside a form": {"/login?connection=globex", url.Values{"email": {"joe@initech.example"}}, "", "No company signs on here"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t, entra, okta, globex)
			method := http.MethodGet
			if tt.form != nil {
				method = http.MethodPost
			}
			a := w.browser().do(method, tt.path, tt.form, nil)
			if to := a.leads(); tt.to != "" && (to == nil || to.Query().Get("instance") != tt.to) || tt.to == "" && to != nil {
				t.Errorf("it leads to %v, want %q", to, tt.to)
			}
			if !strings.Contains(strings.ToLower(a.text), strings.ToLower(tt.page)) || strings.Contains(a.text, "<script>alert") {
				t.Errorf("the page is %s", a.text)
			}
			if csp := a.Header.Get("Content-Security-Policy"); tt.page != "" && (!strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'")) {
				t.Errorf("the policy is %q", csp)
			}
		})
	}
	t.Run("one connection", func(t *testing.T) {
		w := lite(t, globex)
		if w.browser().begin("/login") == "" {
			t.Error("it asks, though there is nothing to choose")
		}
	})
	t.Run("no connection", func(t *testing.T) {
		w := lite(t, signon.Connection{Label: "pushed", Organization: "acme"})
		if a := w.browser().get("/login"); a.text != "the application" {
			t.Errorf("it takes the application's own path: %s", a.text)
		}
	})
}

// Where somebody goes in the end is a path of this host, and not one that begins
// or ends a sign-on.
func TestReturnAddresses(t *testing.T) {
	w := lite(t, okta)
	w.person(okta, "jane@acme.example")
	w.as(jane)
	for to, want := range map[string]string{
		"/reports?x=1&y=2": "/reports?x=1&y=2", "/": "/", "": "/", "reports": "/",
		"//evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/", "https://evil.example": "/", "https:evil.example": "/",
		"javascript:alert(1)": "/", "/\t/evil.example": "/", "/\n/evil": "/", "/%0d%0aSet-Cookie:x=y": "/%0d%0aSet-Cookie:x=y", "/a\r\nX: y": "/", "/é": "/",
		"/login": "/", "/login?x": "/", "/logout": "/", "/sso/acme-okta/callback": "/", "/.gatehouse/logout": "/", "/logouts": "/logouts",
		"/" + strings.Repeat("a", 10<<10): "/", "/a#b": "/",
	} {
		b := w.browser()
		relay := b.begin("/login?" + url.Values{"connection": {"acme-okta"}, "return_to": {to}}.Encode())
		a := b.get("/sso/acme-okta/callback?state=" + relay)
		if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

// Who is refused, for what, and that it is written down.
func TestRefusals(t *testing.T) {
	mfa := okta
	mfa.RequireMFA = true
	mailed, external := okta, okta
	mailed.Match, external.Match = signon.ByEmail, signon.ByExternalID
	for name, tt := range map[string]struct {
		connection signon.Connection
		identity   authn.Identity
		want       string // "" is signed on
	}{
		"provisioned":              {okta, jane, ""},
		"in another case":          {okta, authn.Identity{Subject: "1", UserName: "JANE@acme.example"}, ""},
		"nobody":                   {okta, authn.Identity{Subject: "1", UserName: "mallory@acme.example"}, "not_provisioned"},
		"deactivated":              {okta, authn.Identity{Subject: "2", UserName: "joe@acme.example"}, "deactivated"},
		"without a name":           {okta, authn.Identity{Subject: "00u9"}, "no_name"},
		"another organization's":   {okta, authn.Identity{Subject: "3", UserName: "gil@globex.example"}, "not_provisioned"},
		"by e-mail":                {mailed, authn.Identity{Subject: "4", Email: "jane@acme.example"}, ""},
		"a name where mail counts": {mailed, authn.Identity{Subject: "4", UserName: "jane@acme.example"}, "no_name"},
		"by external id":           {external, authn.Identity{Subject: "ext-jane@acme.example"}, ""},
		"an external id's case":    {external, authn.Identity{Subject: "EXT-jane@acme.example"}, "not_provisioned"},
		"one factor":               {mfa, jane, "mfa_required"},
		"one factor, said so":      {mfa, with(jane, authn.MultiFactorNo), "mfa_required"},
		"two factors":              {mfa, with(jane, authn.MultiFactorYes), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := lite(t, tt.connection, globex)
			w.person(okta, "jane@acme.example")
			joe := w.person(okta, "joe@acme.example")
			w.activate(okta, joe, "joe@acme.example", "false")
			w.person(globex, "gil@globex.example")
			w.as(tt.identity)
			b := w.browser()
			a := b.signOn("acme-okta")
			if a.reason() != tt.want || (b.session() == nil) != (tt.want != "") {
				t.Fatalf("reason %q, want %q: %s", a.reason(), tt.want, a.text)
			}
			if tt.want == "" {
				return
			}
			if a.StatusCode != http.StatusForbidden || strings.Contains(a.text, "mallory") {
				t.Errorf("the page: %d %s", a.StatusCode, a.text)
			}
			if id := a.trace(); id == "" || !strings.Contains(w.log.String(), "trace_id="+id) || w.refusals(t.Context(), t, id) != 1 || w.plugin.trace != id {
				t.Errorf("by the id %q of the page, neither line nor record nor call of the plugin (%s) is found: %s", id, w.plugin.trace, w.log.String())
			}
			if n := w.audited("sign_on.refused"); n != 1 {
				t.Errorf("%d records say so", n)
			}
		})
	}
}

// What does not work now is in the log by the id that the page shows.
func TestFailuresAreFoundByTheirTraceID(t *testing.T) {
	w := lite(t, okta)
	w.plugin.err = errors.New("no route to the IdP")
	b := w.browser()
	a := b.get("/login?connection=acme-okta")
	if id := a.trace(); a.StatusCode < 500 || id == "" || !strings.Contains(w.log.String(), "trace_id="+id) {
		t.Errorf("%d with the id %q, and the log: %s", a.StatusCode, id, w.log.String())
	}
}

func with(i authn.Identity, factors authn.MultiFactor) authn.Identity {
	i.Authentication.MultiFactor = factors
	return i
}

func (w *world) audited(action string) (n int) {
	w.t.Helper()
	err := w.store.Read(w.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(w.t.Context(), `SELECT count(*) FROM audit WHERE action = $1`, action).Scan(&n)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// The first sign-on pins the IdP's name for somebody: afterwards it means them,
// whatever else it says, and nobody else is let in as them.
func TestPins(t *testing.T) {
	each(t, []signon.Connection{okta}, func(t *testing.T, w *world) {
		id, joe := w.person(okta, "jane@acme.example"), w.person(okta, "joe@acme.example")
		sign := func(i authn.Identity) (user, reason string) {
			t.Helper()
			w.as(i)
			b := w.browser()
			a := b.signOn("acme-okta")
			if had := b.session(); had != nil {
				user = had.User
			}
			return user, a.reason()
		}
		for _, step := range []struct {
			name         string
			identity     authn.Identity
			user, reason string
		}{
			{"the first", jane, id, ""},
			{"her name has changed", authn.Identity{Subject: "00u1", UserName: "jane.doe@acme.example", Email: "joe@acme.example"}, id, ""},
			{"another subject with her name", authn.Identity{Subject: "00u2", UserName: "jane@acme.example"}, "", "another_subject"},
			{"another issuer with her subject", authn.Identity{Issuer: "https://evil.example", Subject: "00u1", UserName: "jane@acme.example"}, "", "another_subject"},
			{"her subject with another's name", authn.Identity{Subject: "00u1", UserName: "joe@acme.example"}, id, ""},
			{"a name of one sign-on", authn.Identity{Subject: "_t1", Transient: true, UserName: "joe@acme.example"}, joe, ""},
			{"another one", authn.Identity{Subject: "_t2", Transient: true, UserName: "joe@acme.example"}, joe, ""},
			{"and then a lasting one", authn.Identity{Subject: "00u3", UserName: "joe@acme.example"}, joe, ""},
		} {
			if user, reason := sign(step.identity); user != step.user || reason != step.reason {
				t.Errorf("%s: user %q, reason %q, want %q, %q", step.name, user, reason, step.user, step.reason)
			}
		}
		w.activate(okta, id, "jane@acme.example", "false")
		if user, reason := sign(jane); user != "" || reason != "deactivated" {
			t.Errorf("deactivated: %q, %q", user, reason)
		}
		w.activate(okta, id, "jane@acme.example", "true")
		if user, _ := sign(jane); user != id {
			t.Error("she cannot come back")
		}
	})
}

// Where the first sign-on makes a user, each says anew who they are and in which
// groups; a list that is not whole takes nothing away, and nobody is brought back.
func TestUsersOfTheirFirstSignOn(t *testing.T) {
	own := okta
	own.OnLogin = true
	each(t, []signon.Connection{own}, func(t *testing.T, w *world) {
		sign := func(state authn.GroupsState, groups ...string) (string, string) {
			t.Helper()
			i := jane
			i.DisplayName, i.GroupsState, i.Groups = "Jane Doe", state, groups
			w.as(i)
			b := w.browser()
			a := b.signOn("acme-okta")
			if had := b.session(); had != nil {
				return had.User, a.reason()
			}
			return "", a.reason()
		}
		groups := func(id string) (names []string) {
			t.Helper()
			list, err := w.directory.GroupsOf(t.Context(), id, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range list {
				names = append(names, g.Display)
			}
			slices.Sort(names)
			return names
		}
		id, reason := sign(authn.GroupsPresent, "Staff", "Data")
		if id == "" {
			t.Fatalf("nobody was made: %s", reason)
		}
		for _, step := range []struct {
			state  authn.GroupsState
			groups []string
			want   []string
		}{
			{authn.GroupsPresent, []string{"Staff", "Data"}, []string{"Data", "Staff"}},
			{authn.GroupsOverflow, []string{"Staff"}, []string{"Data", "Staff"}},
			{authn.GroupsPerhapsCut, nil, []string{"Data", "Staff"}},
			{authn.GroupsAbsent, nil, []string{"Data", "Staff"}},
			{authn.GroupsPresent, []string{"Staff", "Platform"}, []string{"Platform", "Staff"}},
			{authn.GroupsPresent, []string{}, nil},
			{authn.GroupsPresent, []string{"staff"}, []string{"staff"}},
		} {
			again, reason := sign(step.state, step.groups...)
			if again != id {
				t.Fatalf("another user: %q, %s", again, reason)
			}
			if diff := cmp.Diff(step.want, groups(id)); diff != "" {
				t.Errorf("%s %q: groups (-want +got):\n%s", step.state, step.groups, diff)
			}
		}
		w.as(authn.Identity{Subject: "00u2", UserName: jane.UserName, GroupsState: authn.GroupsPresent, Groups: []string{"Platform"}})
		if reason := w.browser().signOn("acme-okta").reason(); reason != "another_subject" {
			t.Errorf("another subject with her name: %q", reason)
		}
		if got := groups(id); len(got) != 1 || got[0] != "staff" {
			t.Errorf("and it has changed her groups: %q", got)
		}
		w.activate(own, id, "jane@acme.example", "false")
		if user, reason := sign(authn.GroupsPresent, "Staff"); user != "" || reason != "deactivated" {
			t.Errorf("a claim brought back whom somebody had deactivated: %q, %q", user, reason)
		}
		if got := groups(id); len(got) != 1 || got[0] != "staff" {
			t.Errorf("and changed her groups: %q", got)
		}
		many := make([]string, 1000)
		for i := range many {
			many[i] = "g" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
		}
		w.activate(own, id, "jane@acme.example", "true")
		if _, reason := sign(authn.GroupsPresent, many...); reason != "too_many_groups" {
			t.Errorf("a thousand groups: %q", reason)
		}
	})
}
