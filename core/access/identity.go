package access

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// AssertionLifetime is how long an assertion may be used. One is signed anew
// when less than half of it is left.
const AssertionLifetime = 60 * time.Second

// AssertionType is the typ header of an assertion, which keeps it apart from
// every other JWT (RFC 8725 §3.11).
const AssertionType = "gatehouse+jwt"

// Identity is what the application is told of a principal. Its parts are header
// values, made once and shared: nobody changes them. They stand side by side,
// because there is an Identity for each credential that is remembered.
type Identity struct{ values [5]string }

// NewIdentity returns an Identity with these values of the headers.
func NewIdentity(subject, kind, organization, roles, assertion string) *Identity {
	return &Identity{[5]string{subject, kind, organization, roles, assertion}}
}

// Subject is the principal's id.
func (i *Identity) Subject() []string { return i.values[0:1:1] }

// Kind is the principal's kind.
func (i *Identity) Kind() []string { return i.values[1:2:2] }

// Organization is the label of the principal's organization.
func (i *Identity) Organization() []string { return i.values[2:3:3] }

// Roles are the names of the principal's roles, joined by commas.
func (i *Identity) Roles() []string { return i.values[3:4:4] }

// Assertion is the signed JWT.
func (i *Identity) Assertion() []string { return i.values[4:5:5] }

// nobody is the identity on a public path without a credential: every header
// is there and empty, so that nothing which the client sent survives.
var nobody = &Identity{}

// signedIdentity is what an upstream was told, and until when it is good.
type signedIdentity struct {
	Identity
	until instant // half an assertion's life before its end
}

// Assertions are what assertions are made with.
type Assertions struct {
	Issuer    string                                   // public_url
	Upstreams []string                                 // labels; each is an audience
	Signer    func() (keyID string, key crypto.Signer) // Ed25519
}

// claims are the payload of an assertion (RFC 7519 §4.1, and our own).
type claims struct {
	Issuer       string   `json:"iss"`
	Audience     string   `json:"aud"`
	Subject      string   `json:"sub"`
	IssuedAt     int64    `json:"iat"`
	Expiry       int64    `json:"exp"`
	Kind         string   `json:"kind"`
	Organization string   `json:"org"`
	Client       string   `json:"client,omitempty"`
	Roles        []string `json:"roles"`
	Scope        string   `json:"scope,omitempty"`

	// Of a person.
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified,omitempty"`
	Name          string   `json:"name,omitempty"`
	AuthTime      int64    `json:"auth_time,omitempty"`
	Methods       []string `json:"amr,omitempty"`
	Context       string   `json:"acr,omitempty"`
	Session       string   `json:"sid,omitempty"`
}

// identity returns what to tell the upstream, signed lately enough.
func (s *Service) identity(p *Principal, upstream int, now time.Time) (*Identity, error) {
	all := p.told.Load()
	if all == nil {
		all = &told{s.audience, make([]atomic.Pointer[signedIdentity], len(s.Assertions.Upstreams))}
		if !p.told.CompareAndSwap(nil, all) {
			if other := p.told.Load(); other != nil {
				all = other
			}
		}
	}
	slot := &all.signed[upstream]
	if one := slot.Load(); one != nil && !one.until.over(now) {
		return &one.Identity, nil
	}
	token, err := s.sign(p, s.Assertions.Upstreams[upstream], now)
	if err != nil {
		return nil, err
	}
	one := &signedIdentity{
		Identity: Identity{[5]string{p.ID, p.Kind(), p.Organization(), p.rights.joined, token}},
		until:    ending(now.Add(AssertionLifetime / 2)),
	}
	slot.Store(one)
	return &one.Identity, nil
}

// spent reports whether nothing of what the upstreams were told is told again.
func (t *told) spent(now time.Time) bool {
	for i := range t.signed {
		if one := t.signed[i].Load(); one != nil && !one.until.over(now) {
			return false
		}
	}
	return true
}

// sign makes a JWS in compact serialization (RFC 7515 §7.1, RFC 8037 §3.1). A
// library would do the same in twice the time, and this is on the way of every
// client that comes for the first time.
func (s *Service) sign(p *Principal, upstream string, now time.Time) (string, error) {
	keyID, key := s.Assertions.Signer()
	client := ""
	if p.recorded {
		client = p.ID
	}
	told := claims{
		Issuer: s.Assertions.Issuer, Audience: upstream, Subject: p.ID,
		IssuedAt: now.Unix(), Expiry: now.Add(AssertionLifetime).Unix(),
		Kind: p.Kind(), Organization: p.Organization(), Client: client, Roles: p.Roles(), Scope: strings.Join(p.rights.scopes, " "),
	}
	s.tellOfUser(p, &told)
	payload, err := json.Marshal(told)
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	header, err := json.Marshal(joseHeader{Algorithm: "EdDSA", KeyID: keyID, Type: AssertionType})
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	encoding := base64.RawURLEncoding
	token := encoding.AppendEncode(nil, header)
	token = encoding.AppendEncode(append(token, '.'), payload)
	signature, err := key.Sign(nil, token, crypto.Hash(0)) // Ed25519 hashes by itself and needs no randomness
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	return string(encoding.AppendEncode(append(token, '.'), signature)), nil
}

type joseHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}
