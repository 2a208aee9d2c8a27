package idtoken

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The types of tokens that a provider pushes.
const (
	LogoutType     = "logout+jwt"                  // Back-Channel Logout 1.0 §2.4
	RevocationType = "global-token-revocation+jwt" // draft-parecki-oauth-global-token-revocation §4
)

// logoutEvent is the one that a logout token tells of (§2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout is a logout token that counts, but for whether it was seen before.
type Logout struct {
	Issuer  string
	Subject string // "" is unsaid
	Session string // sid; "" is unsaid
	ID      string // jti
	Ends    time.Time
}

// Logout reads a logout token, by the rules of §2.6.
func (v Verifier) Logout(ctx context.Context, raw string) (Logout, error) {
	var l Logout
	// A type is recommended, and not all send it: the claims tell it from an ID token.
	h, err := readHeader(raw, v.Algorithms, "", "JWT", LogoutType)
	if err != nil {
		return l, err
	}
	c, _, err := v.signed(ctx, raw, h)
	if err != nil {
		return l, err
	}
	if l.Issuer, err = v.common(c); err != nil {
		return l, err
	}
	if err := v.times(c, false); err != nil {
		return l, err
	}
	if !tellsOfLogout(c) {
		return l, authn.Deny("events", "it does not tell of a logout, and of nothing else")
	}
	if _, ok := c["nonce"]; ok {
		return l, authn.Deny("nonce", "it has a nonce: it is an ID token, and no logout token")
	}
	var ok bool
	if l.Session, ok = c.Text("sid"); !ok || len(l.Session) > 1<<10 {
		return l, authn.Deny("claims", "sid is no string, or a long one")
	}
	if c.Has("sub") {
		if l.Subject, err = subject(c); err != nil {
			return l, err
		}
	}
	if l.Subject == "" && l.Session == "" {
		return l, authn.Deny("subject", "it says neither sub nor sid")
	}
	l.ID, l.Ends, err = v.identified(c)
	return l, err
}

// tellsOfLogout: events has exactly the member of a logout, and that is an object.
func tellsOfLogout(c Claims) bool {
	var events map[string]map[string]json.RawMessage
	if json.Unmarshal(c["events"], &events) != nil || len(events) != 1 {
		return false
	}
	return events[logoutEvent] != nil
}

// identified reads jti, and says how long it has to be remembered.
func (v Verifier) identified(c Claims) (id string, ends time.Time, err error) {
	id, ok := c.Text("jti")
	if !ok || id == "" || len(id) > 1<<10 {
		return "", ends, authn.Deny("jti", "it has no id, or a long one")
	}
	// Whatever exp says: after that iat is too long ago.
	return id, v.Clock().Add(Recent + 2*v.Skew + time.Minute), nil
}

// Revocation reads the token with which a provider authorizes its request to revoke
// all tokens of a person (developer.okta.com, Universal Logout): it is for our
// address, and about our client.
func (v Verifier) Revocation(ctx context.Context, raw, address string) (id string, ends time.Time, err error) {
	h, err := readHeader(raw, v.Algorithms, RevocationType)
	if err != nil {
		return "", ends, err
	}
	about := v.ClientID
	v.ClientID, v.Audiences = address, nil // of this token we are the audience by our address
	c, _, err := v.signed(ctx, raw, h)
	if err != nil {
		return "", ends, err
	}
	if _, err := v.common(c); err != nil {
		return "", ends, err
	}
	if err := v.times(c, true); err != nil {
		return "", ends, err
	}
	if sub, ok := c.Text("sub"); !ok || sub != about {
		return "", ends, authn.Deny("subject", "sub: expected %q, received %.200q", about, sub)
	}
	return v.identified(c)
}
