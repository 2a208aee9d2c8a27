package identity

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // refuses duplicate members, and compares names exactly
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	tokenType   = "gatehouse+jwt"
	maxToken    = 16 << 10 // bytes; a header that large no proxy passes by default
	maxLifetime = 60       // seconds
	alphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
)

// Members of a JWS header that offer a key, or change what is signed. The keys
// come from the JWKS and nowhere else, so an assertion with one of these is
// not ours (RFC 7515 §4.1, RFC 7797 §3).
var foreignHeaders = []jose.HeaderKey{"jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64"}

// assertion is a parsed one, not yet verified.
type assertion struct {
	jws   *jose.JSONWebSignature
	keyID string
}

// parse reads a JWS in compact form with the header of an assertion.
func parse(token string) (assertion, error) {
	if len(token) > maxToken {
		return assertion{}, fmt.Errorf("%d bytes, over the limit of %d", len(token), maxToken)
	}
	// The base64 decoder would skip line breaks.
	if strings.Trim(token, alphabet) != "" {
		return assertion{}, errors.New("characters that a JWT does not have")
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return assertion{}, err
	}
	h := jws.Signatures[0].Protected
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); typ != tokenType {
		return assertion{}, fmt.Errorf("typ is not %q", tokenType)
	}
	if h.JSONWebKey != nil {
		return assertion{}, errors.New(`header "jwk" is not allowed`)
	}
	for _, name := range foreignHeaders {
		if _, ok := h.ExtraHeaders[name]; ok {
			return assertion{}, fmt.Errorf("header %q is not allowed", name)
		}
	}
	if h.KeyID == "" {
		return assertion{}, errors.New("no kid")
	}
	return assertion{jws: jws, keyID: h.KeyID}, nil
}

// claims of an assertion. The numbers are seconds since 1970 (RFC 7519 §2).
type claims struct {
	Issuer       string           `json:"iss"`
	Audience     jwt.Audience     `json:"aud"`
	Subject      string           `json:"sub"`
	Kind         string           `json:"kind"`
	Organization string           `json:"org"`
	Client       string           `json:"client"`
	Email        string           `json:"email"`
	Name         string           `json:"name"`
	Roles        []string         `json:"roles"`
	Scope        string           `json:"scope"`
	IssuedAt     *jwt.NumericDate `json:"iat"`
	NotBefore    *jwt.NumericDate `json:"nbf"`
	Expires      *jwt.NumericDate `json:"exp"`
	AuthTime     *jwt.NumericDate `json:"auth_time"`
	AMR          []string         `json:"amr"`
	ACR          string           `json:"acr"`
	SessionID    string           `json:"sid"`
}

func (a assertion) verify(key ed25519.PublicKey) (*claims, error) {
	payload, err := a.jws.Verify(key)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(payload) {
		return nil, errors.New("claims are not UTF-8")
	}
	c := new(claims)
	if err := json.Unmarshal(payload, c); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return c, nil
}

// check compares the claims with what this application expects, and the clock.
func (v *Verifier) check(c *claims) error {
	now := v.clock().Unix()
	leeway := int64(v.leeway / time.Second)
	const clocks = "compare the clocks of Gatehouse and of this machine"
	switch {
	case c.Issuer != v.issuer:
		return refuse(nil, fmt.Sprintf("the assertion is from issuer %q, this application expects %q", c.Issuer, v.issuer),
			"Issuer must be the public_url of Gatehouse, letter for letter")
	case len(c.Audience) != 1 || c.Audience[0] != v.audience:
		// One for several applications would let each act as the caller at the others.
		return refuse(nil, fmt.Sprintf("the assertion is for %q, this application is %q", []string(c.Audience), v.audience),
			"Audience must be the label of the upstream block that names this application")
	case c.Subject == "" || c.Kind == "" || c.Organization == "" || c.IssuedAt == nil || c.Expires == nil:
		return refuse(nil, "the assertion lacks sub, kind, org, iat or exp", "check that Gatehouse and this library are of one major version")
	case int64(*c.IssuedAt) > now+leeway, c.NotBefore != nil && int64(*c.NotBefore) > now+leeway:
		return problem.New(problem.NotYetValid, "the assertion is from the future").WithHint(clocks)
	case int64(*c.Expires) <= now-leeway:
		return problem.New(problem.Expired, "the assertion has expired").
			WithHint("an assertion is for one request; if this one is new, %s", clocks)
	case int64(*c.Expires)-int64(*c.IssuedAt) > maxLifetime:
		return refuse(nil, fmt.Sprintf("the assertion is for longer than %d s", maxLifetime), "only what Gatehouse itself signed is accepted")
	}
	return nil
}

func (c *claims) principal() Principal {
	p := Principal{
		Subject: c.Subject, Kind: c.Kind, Organization: c.Organization, Client: c.Client,
		Email: c.Email, Name: c.Name, Roles: c.Roles, Scopes: strings.Fields(c.Scope),
		AMR: c.AMR, ACR: c.ACR, SessionID: c.SessionID,
		IssuedAt: c.IssuedAt.Time(), Expires: c.Expires.Time(),
	}
	if c.AuthTime != nil {
		p.AuthTime = c.AuthTime.Time()
	}
	return p
}
