package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

const portalURL = "https://portal.example.com/sign-on?tenant=7"

// key is the portal's, and the same in every run.
var key = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two characters."))

func config(change map[string]any) map[string]any {
	c := map[string]any{"url": portalURL, "public_key": base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}
	maps.Copy(c, change)
	return c
}

// sign is what the portal makes of its claims.
func sign(t testing.TB, payload []byte) string {
	t.Helper()
	signed := base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
}

// answer plays the portal: it reads what the browser brings, and sends it back
// with claims about Ada. nil takes a claim away.
func answer(change map[string]any) plugintest.Answer {
	return func(t testing.TB, r authn.BeginRequest, b authn.Begun) authn.Incoming {
		t.Helper()
		u, err := url.Parse(b.URL)
		if err != nil || !strings.HasPrefix(b.URL, "https://portal.example.com/sign-on?") || u.Query().Get("return_to") != r.Endpoints.CompleteURL || u.Query().Get("tenant") != "7" {
			t.Errorf("the portal is asked by %q, %v", b.URL, err)
		}
		said := map[string]any{
			"sub": "ada-1", "name": "Ada Lovelace", "email": "ada@example.com", "groups": []string{"Data"}, "aud": r.Endpoints.EntityID,
			"state": u.Query().Get("state"), "exp": time.Now().Add(time.Minute).Unix(), "jti": rand.Text(),
		}
		maps.Copy(said, change)
		maps.DeleteFunc(said, func(_ string, value any) bool { return value == nil })
		payload, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		return returned(u.Query().Get("state"), sign(t, payload))
	}
}

func returned(state, token string) authn.Incoming {
	return authn.Incoming{Method: "GET", RawQuery: url.Values{"state": {state}, "token": {token}}.Encode()}
}

// fixture tells the conformance suite what is right and wrong for this plugin.
func fixture() plugintest.PeopleFixture {
	bad := func(path string, value any) plugintest.BadConfig {
		return plugintest.BadConfig{Values: config(map[string]any{path: value}), Path: diag.Path{path}}
	}
	denied := func(reason, claim string, value any) plugintest.DeniedAnswer {
		return plugintest.DeniedAnswer{Answer: answer(map[string]any{claim: value}), Reason: reason}
	}
	token := func(reason string, bend func(t testing.TB, token string) string) plugintest.DeniedAnswer {
		return plugintest.DeniedAnswer{Reason: reason, Answer: func(t testing.TB, r authn.BeginRequest, b authn.Begun) authn.Incoming {
			query, err := url.ParseQuery(answer(nil)(t, r, b).RawQuery)
			if err != nil {
				t.Fatal(err)
			}
			return returned(r.Relay, bend(t, query.Get("token")))
		}}
	}
	return plugintest.PeopleFixture{
		Kind: "signed-link", Config: config(nil), Answer: answer(nil),
		BadConfigs: map[string]plugintest.BadConfig{
			"no address": bad("url", ""), "a path": bad("url", "/sign-on"), "without TLS": bad("url", "http://portal.example.com/"),
			"a fragment": bad("url", portalURL+"#x"), "a user": bad("url", "https://a@portal.example.com/"),
			"no base64": bad("public_key", "?"), "a short key": bad("public_key", "AAAA"),
		},
		Denied: map[string]plugintest.DeniedAnswer{
			"for another":        denied("audience", "aud", "https://other.example/"),
			"for nobody":         denied("audience", "aud", nil),
			"without a state":    denied("state", "state", nil),
			"of another sign-on": denied("state", "state", "other"),
			"that is over":       denied("expiry", "exp", time.Now().Add(-time.Minute).Unix()),
			"for an hour":        denied("expiry", "exp", time.Now().Add(time.Hour).Unix()),
			"for ever":           denied("expiry", "exp", nil),
			"about nobody":       denied("claims", "sub", ""),
			"without an id":      denied("claims", "jti", nil),
			"with a long id":     denied("claims", "jti", strings.Repeat("x", 2000)),
			"with other types":   denied("claims", "groups", "Data"),
			"another's signature": token("signature", func(t testing.TB, text string) string {
				signed, _, _ := strings.Cut(text, ".")
				_, signature, _ := strings.Cut(sign(t, []byte("{}")), ".")
				return signed + "." + signature
			}),
			"no signature":        token("signature", func(_ testing.TB, text string) string { return strings.Split(text, ".")[0] }),
			"signed, but no JSON": token("claims", func(t testing.TB, _ string) string { return sign(t, []byte("text")) }),
		},
	}
}

func TestConformance(t *testing.T) {
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, describe()) }, fixture())
}

func TestConformanceOfTheBinary(t *testing.T) {
	binary := plugintest.Build(t, ".")
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, binary) }, fixture())
}

func TestWhatATokenSays(t *testing.T) {
	const name = "acme/signed-link"
	h := plugintest.New(t, describe())
	if ds, err := h.Configure(t.Context(), "signed-link", name, config(nil)); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
	complete := func(change map[string]any, more authn.CompleteRequest) (authn.Identity, error) {
		t.Helper()
		r := authn.BeginRequest{Endpoints: h.Endpoints(name), Relay: rand.Text()}
		begun, err := h.Begin(t.Context(), name, r)
		if err != nil {
			t.Fatal(err)
		}
		more.Endpoints, more.State, more.Incoming = r.Endpoints, begun.State, answer(change)(t, r, begun)
		return h.Complete(t.Context(), name, more)
	}
	want := authn.Identity{
		Issuer: portalURL, Subject: "ada-1", DisplayName: "Ada Lovelace", Email: "ada@example.com",
		GroupsState: authn.GroupsPresent, Groups: []string{"Data"},
	}
	got, err := complete(nil, authn.CompleteRequest{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("it says %+v, %v; want %+v", got, err, want)
	}
	// No list is not an empty one: only that one takes groups away.
	if got, err := complete(map[string]any{"groups": nil}, authn.CompleteRequest{}); err != nil || got.GroupsState != authn.GroupsAbsent {
		t.Errorf("without groups: %s, %v", got.GroupsState, err)
	}
	if got, err := complete(map[string]any{"groups": []string{}}, authn.CompleteRequest{}); err != nil || got.GroupsState != authn.GroupsPresent || len(got.Groups) != 0 {
		t.Errorf("with no group: %s %v, %v", got.GroupsState, got.Groups, err)
	}
	for name, more := range map[string]authn.CompleteRequest{"fresh": {Fresh: true}, "of an age": {MaxAge: time.Hour}} {
		denied := (*authn.Denied)(nil)
		if _, err := complete(nil, more); !errors.As(err, &denied) || denied.Reason != "age" {
			t.Errorf("a sign-on that has to be %s: %v", name, err)
		}
	}
}
