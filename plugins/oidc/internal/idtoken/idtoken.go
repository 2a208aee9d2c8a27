// Package idtoken reads the signed tokens of an OpenID provider: ID tokens (OpenID
// Connect Core 1.0 §3.1.3.7), logout tokens (Back-Channel Logout 1.0 §2.6) and the
// requests to revoke tokens (draft-parecki-oauth-global-token-revocation). The
// signature is verified by go-oidc with keys of ours; which claims count is decided
// here, since libraries take more than they should.
package idtoken

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/keyset"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The limits of what a token says.
const (
	Limit       = 64 << 10         // bytes of a token
	subjectMost = 255              // characters (Core §2)
	Recent      = 10 * time.Minute // how long ago a token may have been issued that comes right from the provider
)

// Keys verifies signatures; a keyset.Set does.
type Keys interface {
	Verify(ctx context.Context, signed *jose.JSONWebSignature, algorithm, keyID string) ([]byte, error)
}

// Issuer says which issuers count.
type Issuer interface {
	// Accepts returns the name that an issuer is known by, and whether it counts. The
	// tenant is the claim tid, "" where there is none.
	Accepts(issuer, tenant string) (name string, ok bool)
	String() string // for the operator
}

// Verifier reads the tokens of one OpenID provider for one client.
type Verifier struct {
	Keys       Keys
	Issuer     Issuer
	ClientID   string
	Audiences  []string // that a token may have beside us
	Algorithms []string // that count, none of them symmetric
	Skew       time.Duration
	Clock      func() time.Time
}

// Token is an ID token that counts.
type Token struct {
	Claims    Claims
	Issuer    string // the name that it is known by
	Subject   string
	Session   string // sid
	Signed    time.Time
	Authentic time.Time // auth_time; zero is unsaid
}

// Expect is what an ID token has to say beside what all have to.
type Expect struct {
	// Nonce is that of the request.
	Nonce string

	// Same is the nonce of before in the answer to a refresh token: the token need not
	// have one, but no other (Core §12.2). It counts where Nonce is "".
	Same string

	// AccessToken came with it: where the token says its hash, it is that of it.
	AccessToken string
}

// ID reads an ID token. A *authn.Denied is one that does not count; any other error
// means that the keys could not be had.
func (v Verifier) ID(ctx context.Context, raw string, e Expect) (Token, error) {
	var t Token
	h, err := readHeader(raw, v.Algorithms, "", "JWT")
	if err != nil {
		return t, err
	}
	c, checked, err := v.signed(ctx, raw, h)
	if err != nil {
		return t, err
	}
	t.Claims = c
	if t.Issuer, err = v.common(c); err != nil {
		return t, err
	}
	if c.Has("events") {
		return t, authn.Deny("events", "it has the claim events: it is a logout token, and no ID token")
	}
	if err := v.times(c, true); err != nil {
		return t, err
	}
	t.Signed, _ = c.Time("iat")
	if t.Subject, err = subject(c); err != nil {
		return t, err
	}
	if nonce, ok := c.Text("nonce"); !ok || !e.nonce(nonce) {
		return t, authn.Deny("nonce", "it is not the one that was asked for: the token belongs to another sign-on")
	}
	var ok bool
	if t.Session, ok = c.Text("sid"); !ok {
		return t, authn.Deny("claims", "sid is no string")
	}
	if t.Authentic, ok = c.Time("auth_time"); !ok || t.Authentic.After(v.Clock().Add(v.Skew)) {
		return t, authn.Deny("auth_time", "it is no time, or one that has not come yet")
	}
	return t, atHash(c, checked, e.AccessToken)
}

// nonce reports whether a nonce is the one that is expected.
func (e Expect) nonce(said string) bool {
	expected := e.Nonce
	if expected == "" {
		if said == "" {
			return true
		}
		expected = e.Same
	}
	return subtle.ConstantTimeCompare([]byte(said), []byte(expected)) == 1
}

// atHash compares the hash of an access token, where a token says it (Core §3.1.3.8).
func atHash(c Claims, checked *oidc.IDToken, access string) error {
	hash, ok := c.Text("at_hash")
	if ok && hash == "" && !c.Has("at_hash") {
		return nil
	}
	checked.AccessTokenHash = hash
	if !ok || hash == "" || checked.VerifyAccessToken(access) != nil {
		return authn.Deny("at_hash", "the access token that came with it is another one")
	}
	return nil
}

// signed verifies the signature. go-oidc looks at audience and form too; its word
// counts where ours would let something pass.
func (v Verifier) signed(ctx context.Context, raw string, h header) (Claims, *oidc.IDToken, error) {
	one := &once{keys: v.Keys, header: h}
	checked, failure := oidc.NewVerifier("", one, &oidc.Config{
		ClientID: v.ClientID, SupportedSigningAlgs: v.Algorithms, SkipIssuerCheck: true, SkipExpiryCheck: true,
	}).Verify(ctx, raw)
	switch {
	case errors.Is(one.err, keyset.ErrUnknownKey):
		return nil, nil, authn.Deny("unknown_key", "it is signed with a key that the provider does not publish, or not for %s", h.Algorithm)
	case errors.Is(one.err, keyset.ErrSignature):
		return nil, nil, authn.Deny("signature", "it is not signed with the provider's key")
	case one.err != nil:
		return nil, nil, one.err
	case one.payload == nil:
		return nil, nil, authn.Deny("token_form", "it is no signed token")
	}
	c, ok := ReadClaims(one.payload)
	if !ok {
		return nil, nil, authn.Deny("claims", "what is signed is no JSON object")
	}
	if failure != nil {
		if _, err := v.common(c); err != nil {
			return nil, nil, err
		}
		return nil, nil, authn.Deny("claims", "one of them has not the form that it should")
	}
	return c, checked, nil
}

// once verifies one signature, and remembers what came of it: go-oidc hands on only
// the text of an error.
type once struct {
	keys    Keys
	header  header
	payload []byte
	err     error
}

// VerifySignature implements oidc.KeySet.
func (o *once) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(o.header.Algorithm)})
	if err != nil {
		return nil, err
	}
	o.payload, o.err = o.keys.Verify(ctx, signed, o.header.Algorithm, o.header.KeyID)
	return o.payload, o.err
}

// common is what every token has to say: who issued it, and that it is for us.
func (v Verifier) common(c Claims) (issuer string, err error) {
	said, ok := c.Text("iss")
	tenant, known := c.Text("tid")
	if !ok || !known || said == "" {
		return "", authn.Deny("issuer", "it does not say who issued it")
	}
	if issuer, ok = v.Issuer.Accepts(said, tenant); !ok {
		return "", authn.Deny("issuer", "expected %s, received %.200q of tenant %.64q", v.Issuer, said, tenant)
	}
	return issuer, v.audience(c)
}

// audience: it is for us, and for nobody else whom the operator does not name. Who it
// was issued to, where it says so, are we (Core §3.1.3.7, 3 to 5).
func (v Verifier) audience(c Claims) error {
	list, ok := c.Texts("aud")
	if !ok || !slices.Contains(list, v.ClientID) {
		return authn.Deny("audience", "expected %q, received %.200q", v.ClientID, list)
	}
	for _, a := range list {
		if a != v.ClientID && !slices.Contains(v.Audiences, a) {
			return authn.Deny("audience", "it is for %.200q too, which audiences does not name", a)
		}
	}
	party, ok := c.Text("azp")
	if !ok || c.Has("azp") && party != v.ClientID || len(list) > 1 && party == "" {
		return authn.Deny("authorized_party", "azp: expected %q, received %.200q", v.ClientID, party)
	}
	return nil
}

// times checks exp, iat and nbf. expires says that exp has to be there, as it has in
// all tokens but those logout tokens that were made before it had to be.
func (v Verifier) times(c Claims, expires bool) error {
	now := v.Clock()
	exp, ok := c.Time("exp")
	if !ok || exp.IsZero() && expires || !exp.IsZero() && !now.Before(exp.Add(v.Skew)) {
		return authn.Deny("expired", "exp: %s, and it is %s", stamp(exp), stamp(now))
	}
	iat, ok := c.Time("iat")
	switch {
	case !ok || iat.IsZero():
		return authn.Deny("issued_at", "iat is missing, or no time")
	case iat.After(now.Add(v.Skew)):
		return authn.Deny("issued_at", "iat: %s, and it is %s: is a clock wrong?", stamp(iat), stamp(now))
	case iat.Before(now.Add(-Recent - v.Skew)):
		return authn.Deny("issued_at", "iat: %s, which is more than %s ago", stamp(iat), Recent)
	}
	if nbf, ok := c.Time("nbf"); !ok || nbf.After(now.Add(v.Skew)) {
		return authn.Deny("not_yet_valid", "nbf: %s, and it is %s", stamp(nbf), stamp(now))
	}
	return nil
}

// subject reads sub: a name of 1 to 255 characters (Core §2).
func subject(c Claims) (string, error) {
	sub, ok := c.Text("sub")
	if !ok || sub == "" || len(sub) > subjectMost || strings.ContainsFunc(sub, unicode.IsControl) || strings.TrimSpace(sub) != sub {
		return "", authn.Deny("subject", "sub is missing, longer than %d characters, or has characters that no name has", subjectMost)
	}
	return sub, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}
