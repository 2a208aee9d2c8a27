package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

const (
	issuer   = "https://idp.example.com"
	clientID = "gatehouse"
	secret   = "a client's secret: with / and %"
)

// idp is as small as a provider can be: the one with all the rest, and with faults, is
// in test/idp.
type idp struct {
	key *ecdsa.PrivateKey

	mu     sync.Mutex
	codes  map[string]map[string]any // claims by code, once
	proofs map[string]string         // PKCE challenges by code
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &idp{key: key, codes: map[string]map[string]any{}, proofs: map[string]string{}}
}

// answer plays the person who signs on, and the browser. nil takes a claim away.
func (p *idp) answer(change map[string]any) plugintest.Answer {
	return func(t testing.TB, _ authn.BeginRequest, b authn.Begun) authn.Incoming {
		t.Helper()
		u, err := url.Parse(b.URL)
		if err != nil {
			t.Fatal(err)
		}
		q, now := u.Query(), time.Now()
		if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
			t.Errorf("the provider is asked by %q", b.URL)
		}
		claims := map[string]any{
			"iss": issuer, "aud": clientID, "sub": "ada-1", "nonce": q.Get("nonce"), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
			"auth_time": now.Unix(), "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true,
			"preferred_username": "ada", "groups": []string{"Data"}, "amr": []string{"pwd", "mfa"}, "sid": "session-1",
		}
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		code := rand.Text()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.codes[code], p.proofs[code] = claims, q.Get("code_challenge")
		return authn.Incoming{Method: "GET", RawQuery: url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {issuer}}.Encode()}
	}
}

// ServeHTTP implements http.Handler: discovery, keys and the token endpoint.
func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
			"end_session_endpoint": issuer + "/logout", "id_token_signing_alg_values_supported": []string{"ES256"}, "authorization_response_iss_parameter_supported": true,
		})
	case "/keys":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Use: "sig", Algorithm: "ES256"}}})
	case "/token":
		p.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	fail := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
	}
	id, pass, _ := r.BasicAuth()
	if plain, err := url.QueryUnescape(pass); err != nil || id != clientID || plain != secret {
		fail("invalid_client")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var claims map[string]any
	switch code := r.PostFormValue("code"); r.PostFormValue("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if claims = p.codes[code]; p.proofs[code] != base64.RawURLEncoding.EncodeToString(sum[:]) {
			claims = nil
		}
		delete(p.codes, code)
	case "refresh_token":
		claims = p.codes["refresh "+r.PostFormValue("refresh_token")]
	}
	if claims == nil {
		fail("invalid_grant")
		return
	}
	signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	text, _ := jwt.Signed(signer).Claims(claims).Serialize()
	refresh := rand.Text()
	p.codes["refresh "+refresh] = claims
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": text, "refresh_token": refresh})
}
