package oidc_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

func sessionOf(i authn.Identity) authn.Session {
	return authn.Session{Issuer: i.Issuer, Subject: i.Subject, Keep: i.Keep}
}

// A session is renewed while the provider says so, is over when it says that, and goes
// on while it says nothing.
func TestRefresh(t *testing.T) {
	t.Parallel()
	claims := func(f func(map[string]any)) oidcidp.Bend { return oidcidp.Bend{Claims: f} }
	for what, one := range map[string]struct {
		before func(w *world)
		want   string
	}{
		"as it should be":   {func(*world) {}, ""},
		"revoked":           {func(w *world) { w.idp.Revoke("ada-1") }, "session_over"},
		"the endpoint down": {func(w *world) { w.idp.Bend(oidcidp.Bend{Status: map[string]int{"/token": 503}}) }, "error"},
		"too many requests": {func(w *world) { w.idp.Bend(oidcidp.Bend{Status: map[string]int{"/token": 429}}) }, "error"},
		"no network":        {func(w *world) { w.h.HandleFetch(nil) }, "error"},
		"client refused":    {func(w *world) { w.config["client_secret"] = "another"; w.configure() }, "error"},
		"another person":    {func(w *world) { w.idp.Bend(claims(func(c map[string]any) { c["sub"] = "bob-2" })) }, "subject"},
		"another issuer":    {func(w *world) { w.idp.Bend(claims(func(c map[string]any) { c["iss"] = "https://other.example" })) }, "issuer"},
		"another client":    {func(w *world) { w.idp.Bend(claims(func(c map[string]any) { c["aud"] = "other" })) }, "audience"},
		"another nonce":     {func(w *world) { w.idp.Bend(claims(func(c map[string]any) { c["nonce"] = "other" })) }, "nonce"},
		"no nonce":          {func(w *world) { w.idp.Bend(claims(func(c map[string]any) { delete(c, "nonce") })) }, ""},
		"no token":          {func(w *world) { w.idp.Bend(oidcidp.Bend{Tokens: func(a map[string]any) { delete(a, "id_token") }}) }, "error"},
	} {
		w := newWorld(t, options{config: map[string]any{"refresh": true}})
		first := w.signsOn(signOn{factors: 2})
		if !first.Refreshable {
			t.Fatal("there is no refresh token")
		}
		one.before(w)
		again, err := w.h.Refresh(t.Context(), w.name, w.h.Endpoints(w.name), sessionOf(first))
		expect(t, what, one.want, err)
		if err != nil {
			continue
		}
		if string(again.Keep) == string(first.Keep) || !again.Refreshable {
			t.Errorf("%s: the refresh token is the one of before", what)
		}
		again.Keep = first.Keep
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("%s: the same person is another (-before +now):\n%s", what, diff)
		}
	}
}

// What does not fit into what the host keeps is the hint for a sign-out, and not what
// renews the session.
func TestLargeToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{config: map[string]any{"refresh": true}, person: map[string]any{"x": strings.Repeat("a", 15_000)}})
	i := w.signsOn(signOn{})
	if len(i.Keep) > 16<<10 || !i.Refreshable {
		t.Errorf("%d bytes are kept, refreshable: %t", len(i.Keep), i.Refreshable)
	}
	begun, err := w.h.Logout(t.Context(), w.name, w.h.Endpoints(w.name), "relay", sessionOf(i))
	if err != nil || begun.URL == "" || strings.Contains(begun.URL, "id_token_hint") {
		t.Errorf("%q, %v", begun.URL, err)
	}
	if _, err := w.h.Refresh(t.Context(), w.name, w.h.Endpoints(w.name), sessionOf(i)); err != nil {
		t.Error(err)
	}
}

// A provider that renews without an ID token is asked at the userinfo endpoint.
func TestRefreshWithoutToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{config: map[string]any{"refresh": true, "userinfo": true}})
	first := w.signsOn(signOn{factors: 2})
	w.idp.Bend(oidcidp.Bend{Tokens: func(a map[string]any) { delete(a, "id_token"); delete(a, "refresh_token") }, UserInfo: func(c map[string]any) { c["groups"] = []string{"New"} }})
	again, err := w.h.Refresh(t.Context(), w.name, w.h.Endpoints(w.name), sessionOf(first))
	if err != nil {
		t.Fatal(err)
	}
	if again.Subject != "ada-1" || again.Issuer != issuer || len(again.Groups) != 1 || again.SessionIndex != first.SessionIndex ||
		again.Authentication.MultiFactor != authn.MultiFactorYes || string(again.Keep) != string(first.Keep) {
		t.Errorf("%+v", again)
	}
}

// Without a refresh token there is nothing to renew.
func TestNoRefreshToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	i := w.signsOn(signOn{})
	if _, err := w.h.Refresh(t.Context(), w.name, w.h.Endpoints(w.name), sessionOf(i)); i.Refreshable || reason(err) != "error" {
		t.Errorf("refreshable: %t, %v", i.Refreshable, err)
	}
}

// Signing out goes by the provider and back, where it has a way.
func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	e, i := w.h.Endpoints(w.name), w.signsOn(signOn{})
	begun, err := w.h.Logout(t.Context(), w.name, e, "relay", sessionOf(i))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(begun.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if !strings.HasPrefix(begun.URL, issuer+"/logout?") || q.Get("state") != "relay" || q.Get("post_logout_redirect_uri") != e.LogoutURL || q.Get("client_id") != clientID || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("%q", begun.URL)
	}
	receive := func(query string, state []byte) (authn.Received, error) {
		return w.h.Receive(t.Context(), w.name, authn.ReceiveRequest{Endpoints: e, Browser: true, State: state, Incoming: authn.Incoming{Method: "GET", RawQuery: query}})
	}
	if got, err := receive("state=relay", begun.State); err != nil || !got.Confirmed || len(got.Ended) != 0 {
		t.Errorf("the answer: %+v, %v", got, err)
	}
	for _, query := range []string{"state=other", "", "state=relay&state=relay"} {
		if _, err := receive(query, begun.State); err == nil {
			t.Errorf("%q confirms a sign-out", query)
		}
	}
	long := newWorld(t, options{person: map[string]any{"x": strings.Repeat("a", 6000)}})
	if begun, err = long.h.Logout(t.Context(), long.name, e, "relay", sessionOf(long.signsOn(signOn{}))); err != nil || len(begun.Fields) != 4 || strings.Contains(begun.URL, "?") {
		t.Errorf("with a long token: %q with %d fields, %v", begun.URL, len(begun.Fields), err)
	}
	for what, other := range map[string]*world{
		"switched off":        newWorld(t, options{config: map[string]any{"logout": false}}),
		"without an endpoint": newWorld(t, options{}),
	} {
		if what != "switched off" {
			other.idp.Bend(oidcidp.Bend{Discovery: func(d map[string]any) { delete(d, "end_session_endpoint") }})
		}
		if begun, err := other.h.Logout(t.Context(), other.name, e, "relay", sessionOf(i)); err != nil || begun.URL != "" {
			t.Errorf("%s: %q, %v", what, begun.URL, err)
		}
	}
}

// A page of the provider ends a session that it names, with whose it is.
func TestFrontChannelLogout(t *testing.T) {
	t.Parallel()
	w, off := newWorld(t, options{}), newWorld(t, options{config: map[string]any{"frontchannel_logout": false}})
	ours := "iss=" + url.QueryEscape(issuer)
	for what, one := range map[string]struct{ query, want string }{
		"as it should be":                {ours + "&sid=s1", ""},
		"without an issuer":              {"sid=s1", "logout_form"},
		"without a session":              {ours, "logout_form"},
		"with an empty session":          {ours + "&sid=", "logout_form"},
		"of another issuer":              {"iss=https://other.example&sid=s1", "issuer"},
		"with two sessions":              {ours + "&sid=s1&sid=s2", "response_form"},
		"with a session of 2000 letters": {ours + "&sid=" + strings.Repeat("s", 2000), "logout_form"},
	} {
		r := authn.ReceiveRequest{Endpoints: w.h.Endpoints(w.name), Browser: true, Incoming: authn.Incoming{Method: "GET", RawQuery: one.query}}
		got, err := w.h.Receive(t.Context(), w.name, r)
		expect(t, what, one.want, err)
		if err == nil && (len(got.Ended) != 1 || got.Ended[0].Issuer != issuer || got.Ended[0].SessionIndexes[0] != "s1" || got.Ended[0].Keys) {
			t.Errorf("%s: %+v", what, got)
		}
		if _, err := off.h.Receive(t.Context(), off.name, r); err == nil {
			t.Errorf("%s: it ends a session though it is switched off", what)
		}
	}
}

// A logout token counts by the rules of Back-Channel Logout 1.0 §2.6, and once.
func TestBackChannelLogout(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	with := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	const event = "http://schemas.openid.net/event/backchannel-logout"
	w := newWorld(t, options{})
	push := func(form ...authn.Field) (authn.Received, error) {
		return w.h.Receive(t.Context(), w.name, authn.ReceiveRequest{
			Endpoints: w.h.Endpoints(w.name), Incoming: authn.Incoming{Method: "POST", ContentType: "application/x-www-form-urlencoded", Form: form},
		})
	}
	for what, one := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"as it should be":               {nil, ""},
		"without exp":                   {with("exp", nil), ""},
		"of a person":                   {with("sid", nil), ""},
		"of a session":                  {with("sub", nil), ""},
		"of neither person nor session": {func(c map[string]any) { delete(c, "sub"); delete(c, "sid") }, "subject"},
		"with a nonce":                  {with("nonce", "n"), "nonce"},
		"with an empty nonce":           {func(c map[string]any) { c["nonce"] = nil }, "nonce"},
		"without events":                {with("events", nil), "events"},
		"with another event":            {with("events", map[string]any{"https://other.example": map[string]any{}}), "events"},
		"with one event more":           {with("events", map[string]any{event: map[string]any{}, "https://other.example": map[string]any{}}), "events"},
		"with an event that is text":    {with("events", map[string]any{event: "yes"}), "events"},
		"with an event that is null":    {with("events", map[string]any{event: nil}), "events"},
		"with a list of events":         {with("events", []string{event}), "events"},
		"without jti":                   {with("jti", nil), "jti"},
		"with a long jti":               {with("jti", strings.Repeat("j", 2000)), "jti"},
		"without iat":                   {with("iat", nil), "issued_at"},
		"issued an hour ago":            {with("iat", now-3600), "issued_at"},
		"issued in an hour":             {with("iat", now+3600), "issued_at"},
		"expired":                       {with("exp", now-600), "expired"},
		"for another client":            {with("aud", "other"), "audience"},
		"for another client too":        {with("aud", []string{clientID, "other"}), "audience"},
		"of another issuer":             {with("iss", "https://other.example"), "issuer"},
		"with a number as sid":          {with("sid", 1), "claims"},
		"with a number as sub":          {with("sub", 1), "claims"},
		"without an issuer":             {with("iss", nil), "issuer"},
	} {
		raw, err := w.idp.LogoutToken(clientID, "ada-1", "s1", one.change)
		if err != nil {
			t.Fatal(err)
		}
		got, err := push(authn.Field{Name: "logout_token", Value: raw})
		expect(t, what, one.want, err)
		if err != nil {
			continue
		}
		if got.Status != 200 || len(got.Ended) != 1 || got.Ended[0].Issuer != issuer || got.Ended[0].Keys || got.Ended[0].Email != "" {
			t.Errorf("%s: %+v", what, got)
		}
		_, err = push(authn.Field{Name: "logout_token", Value: raw})
		expect(t, what+", a second time", "replay", err)
	}
	good, err := w.idp.LogoutToken(clientID, "ada-1", "s1", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = push(authn.Field{Name: "logout_token", Value: good}, authn.Field{Name: "logout_token", Value: good})
	expect(t, "twice in one message", "logout_form", err)
	// An ID token is none, and neither is one that nobody has signed (CVE-2026-18569).
	id, err := w.idp.Sign("JWT", map[string]any{"iss": issuer, "aud": clientID, "sub": "ada-1", "iat": now, "exp": now + 60, "nonce": "n", "jti": "j"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = push(authn.Field{Name: "logout_token", Value: id})
	expect(t, "an ID token", "events", err)
	w.idp.Bend(oidcidp.Bend{Header: func(h map[string]any) { h["alg"] = "none" }, Signer: oidcidp.Signer("none", nil)})
	unsigned, err := w.idp.LogoutToken(clientID, "ada-1", "s1", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = push(authn.Field{Name: "logout_token", Value: unsigned})
	expect(t, "one that nobody has signed (CVE-2026-18569)", "algorithm", err)
}

// A request to revoke everything is authorized by a token of its own, and names a
// person in a way that is understood.
func TestUniversalLogout(t *testing.T) {
	t.Parallel()
	const org = "https://org.example"
	block := func(more map[string]any) map[string]any {
		b := map[string]any{"issuer": org, "keys": true}
		maps.Copy(b, more)
		return map[string]any{"universal_logout": b}
	}
	w := newWorld(t, options{config: block(nil)})
	e := w.h.Endpoints(w.name)
	const mail = `{"sub_id":{"format":"email","email":"ada@acme.example"}}`
	with := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			c["iss"] = org
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	good := with("x", 1)
	for what, one := range map[string]struct {
		change func(map[string]any)
		body   string
		want   string
		status int
	}{
		"by mail":                        {good, mail, "", 204},
		"by name":                        {good, `{"sub_id":{"format":"iss_sub","iss":"https://org.example","sub":"ada-1"}}`, "", 204},
		"by another's name":              {good, `{"sub_id":{"format":"iss_sub","iss":"https://other.example","sub":"ada-1"}}`, "subject", 422},
		"by telephone":                   {good, `{"sub_id":{"format":"phone_number","phone_number":"+1"}}`, "subject", 422},
		"by no mail":                     {good, `{"sub_id":{"format":"email","email":""}}`, "subject", 422},
		"by nothing":                     {good, `{}`, "subject", 422},
		"by no JSON":                     {good, `{`, "revocation_form", 400},
		"for another address":            {with("aud", "https://other.example"), mail, "audience", 401},
		"for another address too":        {with("aud", []string{e.ReceiveURL, "https://other.example"}), mail, "audience", 401},
		"about another client":           {with("sub", "other"), mail, "subject", 401},
		"of the connection's own issuer": {nil, mail, "issuer", 401},
		"expired":                        {with("exp", time.Now().Add(-time.Hour).Unix()), mail, "expired", 401},
		"of long ago":                    {with("iat", time.Now().Add(-time.Hour).Unix()), mail, "issued_at", 401},
		"without an id":                  {with("jti", nil), mail, "jti", 401},
	} {
		token, err := w.idp.RevocationToken(clientID, e.ReceiveURL, one.change)
		if err != nil {
			t.Fatal(err)
		}
		r := authn.ReceiveRequest{Endpoints: e, Incoming: authn.Incoming{Method: "POST", ContentType: "application/json", Authorization: "Bearer " + token, Body: []byte(one.body)}}
		got, err := w.h.Receive(t.Context(), w.name, r)
		denied, _ := err.(*authn.Denied) //nolint:errorlint // the harness returns it as it is
		expect(t, what, one.want, err)
		if denied != nil && denied.Status != one.status || denied == nil && got.Status != one.status {
			t.Errorf("%s: %+v, %v with status %v, want %d", what, got, err, denied, one.status)
		}
		if err != nil {
			continue
		}
		if len(got.Ended) != 1 || !got.Ended[0].Keys || got.Ended[0].Email == "" && (got.Ended[0].Subject != "ada-1" || got.Ended[0].Issuer != issuer) {
			t.Errorf("%s: %+v", what, got)
		}
		_, err = w.h.Receive(t.Context(), w.name, r)
		expect(t, what+", a second time", "replay", err)
	}
	// Nothing else is one: not a logout token, no other scheme, and nothing where it is
	// not configured.
	logout, err := w.idp.Sign("logout+jwt", map[string]any{"iss": org})
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.idp.RevocationToken(clientID, e.ReceiveURL, good)
	if err != nil {
		t.Fatal(err)
	}
	for what, authorization := range map[string]string{"a logout token": "Bearer " + logout, "another scheme": "Basic " + token, "no token": "Bearer "} {
		r := authn.ReceiveRequest{Endpoints: e, Incoming: authn.Incoming{Method: "POST", Authorization: authorization, Body: []byte(mail)}}
		if got, err := w.h.Receive(t.Context(), w.name, r); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
	off := newWorld(t, options{})
	r := authn.ReceiveRequest{Endpoints: e, Incoming: authn.Incoming{Method: "POST", Authorization: "Bearer " + token, Body: []byte(mail)}}
	_, err = off.h.Receive(t.Context(), off.name, r)
	expect(t, "where it is not configured", "not_configured", err)
}
