package access

import (
	"crypto"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"
)

// AssertionLifetime is how long an assertion may be used. One is signed anew
// when less than half of it is left.
const AssertionLifetime = 60 * time.Second

// AssertionType is the typ header of an assertion, which keeps it apart from
// every other JWT (RFC 8725 §3.11).
const AssertionType = "gatehouse+jwt"

// Identity is what the application is told of a principal. The values are
// header values, made once and shared: nobody changes them.
type Identity struct {
	Subject, Kind, Organization, Roles, Assertion []string
}

// nobody is the identity on a public path without a credential: every header
// is there and empty, so that nothing which the client sent survives.
var nobody = &Identity{[]string{""}, []string{""}, []string{""}, []string{""}, []string{""}}

type signedIdentity struct {
	Identity
	expires time.Time
}

// Assertions are what assertions are made with.
type Assertions struct {
	Issuer    string                                   // public_url
	Upstreams []string                                 // labels; each is an audience
	Signer    func() (keyID string, key crypto.Signer) // Ed25519
}

type claims struct {
	jwt.Claims
	Kind         string   `json:"kind"`
	Organization string   `json:"org"`
	Client       string   `json:"client,omitempty"`
	Roles        []string `json:"roles"`
	Scope        string   `json:"scope,omitempty"`
}

// identity returns what to tell the upstream, signed lately enough.
func (s *Service) identity(p *Principal, upstream int, now time.Time) (*Identity, error) {
	slot := &p.told[upstream]
	if told := slot.Load(); told != nil && told.expires.Sub(now) > AssertionLifetime/2 {
		return &told.Identity, nil
	}
	token, err := s.sign(p, s.Assertions.Upstreams[upstream], now)
	if err != nil {
		return nil, err
	}
	told := &signedIdentity{
		Identity: Identity{
			Subject: []string{p.ID}, Kind: []string{p.Kind}, Organization: []string{p.Organization},
			Roles: []string{strings.Join(p.Roles, ",")}, Assertion: []string{token},
		},
		expires: now.Add(AssertionLifetime),
	}
	slot.Store(told)
	return &told.Identity, nil
}

func (s *Service) sign(p *Principal, upstream string, now time.Time) (string, error) {
	keyID, key := s.Assertions.Signer()
	options := (&jose.SignerOptions{}).WithType(AssertionType).WithHeader("kid", keyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: cryptosigner.Opaque(key)}, options)
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	c := claims{
		Claims: jwt.Claims{
			Issuer: s.Assertions.Issuer, Audience: jwt.Audience{upstream}, Subject: p.ID,
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(AssertionLifetime)),
		},
		Kind: p.Kind, Organization: p.Organization, Client: p.client, Roles: p.Roles, Scope: strings.Join(p.scopes, " "),
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	return token, nil
}
