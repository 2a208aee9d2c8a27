package discovery_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
)

func document(t testing.TB, issuer string, change map[string]any) []byte {
	t.Helper()
	d := map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/a", "token_endpoint": issuer + "/t", "jwks_uri": issuer + "/k",
	}
	maps.Copy(d, change)
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A document names its issuer to the letter, and addresses with TLS: without it only
// where the issuer itself has none, as in development.
func TestRead(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]struct {
		issuer string
		change map[string]any
		want   string // a part of the error
	}{
		"good":                   {"https://idp.example", nil, ""},
		"in development":         {"http://127.0.0.1:7003", nil, ""},
		"TLS in development":     {"http://127.0.0.1:7003", map[string]any{"jwks_uri": "https://idp.example/k"}, ""},
		"no TLS":                 {"https://idp.example", map[string]any{"jwks_uri": "http://idp.example/k"}, "jwks_uri"},
		"no TLS at userinfo":     {"https://idp.example", map[string]any{"userinfo_endpoint": "http://idp.example/u"}, "userinfo_endpoint"},
		"a script at the end":    {"https://idp.example", map[string]any{"end_session_endpoint": "javascript:alert(1)"}, "end_session_endpoint"},
		"a user in an address":   {"https://idp.example", map[string]any{"token_endpoint": "https://a:b@idp.example/t"}, "token_endpoint"},
		"a fragment":             {"https://idp.example", map[string]any{"authorization_endpoint": "https://idp.example/#a"}, "authorization_endpoint"},
		"a path":                 {"https://idp.example", map[string]any{"authorization_endpoint": "/a"}, "authorization_endpoint"},
		"none":                   {"https://idp.example", map[string]any{"authorization_endpoint": ""}, "authorization_endpoint"},
		"another issuer":         {"https://idp.example", map[string]any{"issuer": "https://idp.example/"}, "issuer"},
		"an issuer of no text":   {"https://idp.example", map[string]any{"issuer": 1}, "JSON"},
		"PKCE in the clear only": {"https://idp.example", map[string]any{"code_challenge_methods_supported": []string{"plain"}}, "S256"},
		"a large one":            {"https://idp.example", map[string]any{"x": strings.Repeat("a", discovery.Limit)}, "bytes"},
	} {
		_, err := discovery.Read(one.issuer, document(t, one.issuer, one.change))
		if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v, want %q", what, err, one.want)
		}
	}
	if got := discovery.URL("https://idp.example/tenant/"); got != "https://idp.example/tenant/.well-known/openid-configuration" {
		t.Errorf("the document is at %s", got)
	}
}

// FuzzRead: nothing panics, and what is read names the issuer.
func FuzzRead(f *testing.F) {
	f.Add(document(f, "https://idp.example", nil))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := discovery.Read("https://idp.example", text)
		if err == nil && (d.IssuerURL != "https://idp.example" || !strings.HasPrefix(d.JWKSURL, "https://")) {
			t.Errorf("%q is read as %+v", text, d)
		}
	})
}
