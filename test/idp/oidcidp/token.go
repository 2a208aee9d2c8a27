package oidcidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// token is the token endpoint (Core §3.1.3, RFC 6749 §6).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	client, ok := p.authenticated(r)
	if !ok {
		fail(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	var g grant
	switch form := r.PostForm; form.Get("grant_type") {
	case "authorization_code":
		name := form.Get("code")
		g = p.grants[name]
		sum := sha256.Sum256([]byte(form.Get("code_verifier"))) // RFC 7636 §4.6
		ok = g.kind == "code" && g.redirect == form.Get("redirect_uri") && g.challenge == encode(sum[:])
		delete(p.grants, name) // once, also where it was tried in vain
	case "refresh_token":
		name := form.Get("refresh_token")
		g = p.grants[name]
		if ok = g.kind == "refresh"; ok {
			delete(p.grants, name) // each has a successor (RFC 9700 §4.14.2)
		}
	default:
		fail(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	person, known := p.person(g.subject)
	if !ok || !known || g.client != client.ID || p.clock().After(g.ends) {
		fail(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	p.give(w, g, person)
}

// give answers with tokens.
func (p *Provider) give(w http.ResponseWriter, g grant, person Person) {
	now := p.clock()
	access := g
	access.kind, access.ends = "access", now.Add(tokenLife)
	text := p.keep(access)
	id, err := p.sign("JWT", p.idClaims(g, person, text))
	if err != nil {
		fail(w, http.StatusInternalServerError, "server_error")
		return
	}
	out := map[string]any{"access_token": text, "token_type": "Bearer", "expires_in": int(tokenLife / time.Second), "id_token": id, "scope": g.scope}
	if slices.Contains(strings.Fields(g.scope), "offline_access") {
		refresh := g
		refresh.kind, refresh.ends = "refresh", now.Add(24*time.Hour)
		out["refresh_token"] = p.keep(refresh)
	}
	if p.bend.Tokens != nil {
		p.bend.Tokens(out)
	}
	write(w, http.StatusOK, out)
}

// idClaims are those of an ID token (Core §2).
func (p *Provider) idClaims(g grant, person Person, access string) map[string]any {
	now := p.clock()
	claims := person.claims(g.scope)
	claims["iss"], claims["aud"], claims["azp"] = p.issuer, g.client, g.client
	claims["iat"], claims["exp"], claims["auth_time"] = now.Unix(), now.Add(tokenLife).Unix(), g.at.Unix()
	claims["sid"], claims["at_hash"] = g.session, half(p.newest().algorithm, access)
	claims["amr"] = []string{"pwd"}
	if g.factors > 1 {
		claims["amr"] = []string{"pwd", "otp", "mfa"} // RFC 8176 §2
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	for name, value := range person.Claims { // last, so that they are what they are told to be
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// authenticated finds the client of a request (Core §9).
func (p *Provider) authenticated(r *http.Request) (Client, bool) {
	id, secret, basic := r.BasicAuth()
	if basic { // RFC 6749 §2.3.1: both are encoded once more
		var err, other error
		id, err = url.QueryUnescape(id)
		secret, other = url.QueryUnescape(secret)
		if err != nil || other != nil {
			return Client{}, false
		}
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client, ok := p.client(id)
	if !ok {
		return Client{}, false
	}
	if client.KeySet != nil {
		return client, p.asserted(client, r.PostForm)
	}
	return client, client.Secret != "" && subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) == 1
}

// asserted checks a client's own signature (RFC 7523 §3).
func (p *Provider) asserted(client Client, form url.Values) bool {
	var set jose.JSONWebKeySet
	token, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS256, jose.PS256})
	if err != nil || json.Unmarshal(client.KeySet, &set) != nil || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return false
	}
	var claims jwt.Claims
	if token.Claims(set, &claims) != nil {
		return false
	}
	expected := jwt.Expected{Issuer: client.ID, Subject: client.ID, AnyAudience: jwt.Audience{p.endpoint(tokenPath)}, Time: p.clock()}
	return claims.ID != "" && claims.Expiry != nil && claims.Validate(expected) == nil
}

func fail(w http.ResponseWriter, status int, code string) {
	write(w, status, map[string]string{"error": code, "error_description": "The request is refused."})
}
