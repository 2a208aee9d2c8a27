package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// issuer signs tokens with a key that is the same in every run.
var issuer = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two characters."))

func publicKey() string {
	return base64.StdEncoding.EncodeToString(issuer.Public().(ed25519.PublicKey))
}

func sign(payload string) string {
	signed := prefix + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(issuer, []byte(signed)))
}

func token(t *testing.T, left time.Duration) string {
	t.Helper()
	payload, err := json.Marshal(map[string]any{
		"sub": "robot-7", "org": "acme", "exp": time.Now().Add(left).Unix(), "scope": "query:execute policy:read",
	})
	if err != nil {
		t.Fatal(err)
	}
	return sign(string(payload))
}

// fixture tells the conformance suite what is right and wrong for this plugin.
func fixture(t *testing.T) plugintest.Fixture {
	good := token(t, 30*time.Minute)
	signed, signature, _ := strings.Cut(good, ".")
	_, otherSignature, _ := strings.Cut(token(t, 40*time.Minute), ".")
	request := func(text string) authn.VerifyRequest { return authn.VerifyRequest{Secret: secret.Text(text)} }
	refused := func(text string, reason authn.Reason) plugintest.BadCredential {
		return plugintest.BadCredential{Request: request(text), Reason: reason}
	}
	config := func(key, age string) map[string]any { return map[string]any{"public_key": key, "max_age": age} }
	return plugintest.Fixture{
		Kind: "signed-token", Config: config(publicKey(), "1h"),
		BadConfigs: map[string]plugintest.BadConfig{
			"no base64":       {Values: config("?", "1h"), Path: diag.Path{"public_key"}},
			"a short key":     {Values: config("AAAA", "1h"), Path: diag.Path{"public_key"}},
			"an age of zero":  {Values: config(publicKey(), "0s"), Path: diag.Path{"max_age"}},
			"a negative age":  {Values: config(publicKey(), "-1h"), Path: diag.Path{"max_age"}},
			"an empty string": {Values: config("", "1h"), Path: diag.Path{"public_key"}},
		},
		Good: []authn.VerifyRequest{request(good)},
		Bad: map[string]plugintest.BadCredential{
			"expired":             refused(token(t, -time.Second), authn.Expired),
			"valid for too long":  refused(token(t, 2*time.Hour), authn.NotYetValid),
			"another's signature": refused(signed+"."+otherSignature, authn.WrongSecret),
			"another payload":     refused(signed+"AA."+signature, authn.WrongSecret),
			"without a signature": refused(signed, authn.WrongSecret),
			"an empty signature":  refused(signed+".", authn.WrongSecret),
			"another prefix":      refused("abc_"+strings.TrimPrefix(good, prefix), authn.Malformed),
			"signed, but no JSON": refused(sign("text"), authn.Malformed),
			"of nobody":           refused(sign(`{"org":"acme","exp":4000000000}`), authn.Malformed),
		},
	}
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, describe()) }, fixture(t))
}

func TestConformanceOfTheBinary(t *testing.T) {
	binary := plugintest.Build(t, ".")
	plugintest.Run(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, binary) }, fixture(t))
}

func TestWhatATokenSays(t *testing.T) {
	h := plugintest.New(t, describe())
	if ds, err := h.Configure(t.Context(), "signed-token", "signed-token", map[string]any{"public_key": publicKey()}); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
	verify := func(text string) *authn.Subject {
		t.Helper()
		resp, err := h.Verify(t.Context(), "signed-token", authn.VerifyRequest{Secret: secret.Text(text)})
		if err != nil || resp.Subject == nil {
			t.Fatalf("%+v, %v", resp, err)
		}
		return resp.Subject
	}
	one, other := verify(token(t, 30*time.Minute)), verify(token(t, 40*time.Minute))
	if one.ID != "robot-7" || one.Organization != "acme" || strings.Join(one.Scopes, " ") != "query:execute policy:read" {
		t.Errorf("%+v", one)
	}
	if one.RevocationID == other.RevocationID {
		t.Error("revoking one token would revoke another")
	}
}
