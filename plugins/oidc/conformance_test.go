package oidc_test

import (
	"maps"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/oidc"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

// config is a good block with changes; nil takes an attribute away.
func config(change map[string]any) map[string]any {
	c := map[string]any{"issuer": issuer, "client_id": clientID, "client_secret": secret}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func fixture(t *testing.T) plugintest.PeopleFixture {
	t.Helper()
	p := newIDP(t)
	denied := func(reason, claim string, value any) plugintest.DeniedAnswer {
		return plugintest.DeniedAnswer{Answer: p.answer(map[string]any{claim: value}), Reason: reason}
	}
	return plugintest.PeopleFixture{
		Kind: "oidc", Config: config(nil), BadConfigs: badConfigs(), Web: p, Answer: p.answer(nil),
		Denied: map[string]plugintest.DeniedAnswer{
			"for another":     denied("audience", "aud", "other"),
			"of another":      denied("issuer", "iss", "https://other.example"),
			"about nobody":    denied("subject", "sub", nil),
			"that is over":    denied("expired", "exp", time.Now().Add(-time.Hour).Unix()),
			"without a nonce": denied("nonce", "nonce", nil),
		},
	}
}

// badConfigs are blocks that are refused, each at its attribute.
func badConfigs() map[string]plugintest.BadConfig {
	bad := func(name string, value any) plugintest.BadConfig {
		return plugintest.BadConfig{Values: config(map[string]any{name: value}), Path: diag.Path{name}}
	}
	within := func(name string, value any) plugintest.BadConfig {
		return plugintest.BadConfig{Values: config(map[string]any{"universal_logout": map[string]any{name: value}}), Path: diag.Path{"universal_logout", name}}
	}
	return map[string]plugintest.BadConfig{
		"no issuer": bad("issuer", ""), "a path": bad("issuer", "/x"), "another scheme": bad("issuer", "ftp://idp.example"),
		"a query": bad("issuer", issuer+"?a=b"), "a fragment": bad("issuer", issuer+"#a"), "a user": bad("issuer", "https://a@idp.example"),
		"the document's own": bad("issuer", issuer+"/.well-known/openid-configuration"),
		"no client":          bad("client_id", ""), "a client with spaces": bad("client_id", "a b"),
		"no secret": bad("client_secret", nil), "another way": bad("token_auth", "none"),
		"a secret beside a key": {Values: config(map[string]any{"token_auth": "private_key_jwt"}), Path: diag.Path{"client_secret"}},
		"a scope of two":        bad("scopes", []string{"openid profile"}), "a parameter of ours": bad("params", map[string]string{"state": "x"}),
		"HS256": bad("algorithms", []string{"HS256"}), "none": bad("algorithms", []string{"RS256", "none"}), "no algorithm": bad("algorithms", []string{}),
		"an hour of skew": bad("clock_skew", "1h"), "the past": bad("clock_skew", "-1s"),
		"an address as subject": bad("subject_claim", "email"), "oid elsewhere": bad("subject_claim", "oid"),
		"tenants elsewhere": bad("tenants", []string{"72f988bf-86f1-41af-91ab-2d7cd011db47"}), "no tenant": bad("tenants", []string{"common"}),
		"a domain elsewhere": bad("hosted_domain", "acme.example"), "groups of Graph elsewhere": bad("all_groups", true),
		"no issuer of pushes": within("issuer", "acme"), "keys without TLS": within("jwks_uri", "http://acme.example/keys"),
	}
}

func TestConformance(t *testing.T) {
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, oidc.Plugin()) }, fixture(t))
}

func TestConformanceOfTheBinary(t *testing.T) {
	binary := plugintest.Build(t, "internal/binary")
	plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, binary) }, fixture(t))
}
