package oidcidp

import (
	"crypto/rand"
	"time"
)

// logoutEvent is what a logout token tells of (Back-Channel Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken is a token for a client's backchannel_logout_uri: it ends a session of a
// person, or all of them where the session is "". Change may alter its claims; nil
// leaves them.
func (p *Provider) LogoutToken(client, subject, session string, change func(claims map[string]any)) (string, error) {
	now := p.clock()
	claims := map[string]any{
		"iss": p.issuer, "aud": client, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	if subject != "" {
		claims["sub"] = subject
	}
	if session != "" {
		claims["sid"] = session
	}
	if change != nil {
		change(claims)
	}
	return p.Sign("logout+jwt", claims)
}

// RevocationToken authorizes a request to revoke all that a person has, at an address
// (draft-parecki-oauth-global-token-revocation; developer.okta.com, Universal Logout).
func (p *Provider) RevocationToken(client, address string, change func(claims map[string]any)) (string, error) {
	now := p.clock()
	claims := map[string]any{
		"iss": p.issuer, "sub": client, "aud": address, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Add(-5 * time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	if change != nil {
		change(claims)
	}
	return p.Sign("global-token-revocation+jwt", claims)
}
