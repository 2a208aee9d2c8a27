package apikey_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/apikey"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func fixture() plugintest.Fixture {
	refused := func(text string, reason authn.Reason) plugintest.BadCredential {
		return plugintest.BadCredential{Request: authn.VerifyRequest{ID: "my-tenant", Secret: secret.Text(text)}, Reason: reason}
	}
	badPrefix := func(prefix string) plugintest.BadConfig {
		return plugintest.BadConfig{Values: map[string]any{"prefix": prefix}, Path: diag.Path{"prefix"}}
	}
	hashes := map[string]plugintest.Hash{}
	for name, text := range vectors {
		hashes[name] = plugintest.Hash{Text: text, Secret: oldSecret}
	}
	return plugintest.Fixture{
		Hashes: hashes,
		BadHashes: map[string]string{
			"no hash":           "correct horse battery staple",
			"too slow a bcrypt": "$2b$31$XL9ImK5xCgsawSP.AkHoTO7n6xJL4RQsKGuHxBdhDnoFibdxXTPeO",
		},
		Kind:   "apikey",
		Config: map[string]any{"prefix": "acme", "imported": map[string]any{"prefix": "sk_live_", "hmac_key": oldKey, "secret_headers": []string{"Authorization", "X-API-Key"}}},
		BadConfigs: map[string]plugintest.BadConfig{
			"an empty prefix":        badPrefix(""),
			"a short prefix":         badPrefix("a"),
			"a long prefix":          badPrefix("abcdefghijklmnopq"),
			"upper case":             badPrefix("Acme"),
			"a digit first":          badPrefix("1acme"),
			"an underscore":          badPrefix("acme_live"),
			"letters of no alphabet": badPrefix("acmé"),
		},
		Bad: map[string]plugintest.BadCredential{
			"a right form of nobody's":  refused("acme_K1_0000000000000000000000000000000000000000000"+"0xwkmL", 0),
			"no secret":                 refused("", authn.Malformed),
			"a password":                refused("correct horse battery staple", authn.Malformed),
			"longer than any secret is": refused("acme_K1_"+strings.Repeat("0", 1000), authn.Malformed),
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, apikey.Plugin()) }, fixture())
}

func TestConformanceOfTheBinary(t *testing.T) {
	t.Parallel()
	binary := plugintest.Build(t, "internal/binary")
	plugintest.Run(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, binary) }, fixture())
}
