package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/sdk/identity"
)

const (
	issuer   = "https://app.example.com"
	audience = "app"
)

// signer is a Gatehouse's key, and what it signs. It writes the parts of a JWT
// by hand, so that it can write the wrong ones too.
type signer struct {
	id  string
	key ed25519.PrivateKey
}

func newSigner(id string) signer {
	return signer{id: id, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte(id[:1]), ed25519.SeedSize))}
}

func (s signer) public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// jwks is the document that publishes the keys of signers.
func jwks(signers ...signer) []byte {
	var set jose.JSONWebKeySet
	for _, s := range signers {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.public(), KeyID: s.id, Algorithm: "EdDSA", Use: "sig"})
	}
	return mustJSON(set)
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

type object = map[string]any

// with returns o with some members replaced, and without those that are nil.
func with(o, changes object) object {
	out := maps.Clone(o)
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

func (s signer) header() object {
	return object{"alg": "EdDSA", "kid": s.id, "typ": "gatehouse+jwt"}
}

func goodClaims(now time.Time) object {
	return object{
		"iss": issuer, "aud": audience, "sub": "my-tenant", "kind": "client", "org": "acme", "client": "my-tenant",
		"roles": []string{"analyst", "viewer"}, "scope": "query:execute policy:read",
		"iat": now.Unix(), "exp": now.Unix() + 60,
	}
}

func (s signer) sign(header, claims object) string {
	return s.signRaw(mustJSON(header), mustJSON(claims))
}

func (s signer) signRaw(header, claims []byte) string {
	input := encode(header) + "." + encode(claims)
	return input + "." + encode(ed25519.Sign(s.key, []byte(input)))
}

// good is a valid assertion.
func (s signer) good(now time.Time) string { return s.sign(s.header(), goodClaims(now)) }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// unreachable stands for a network without Gatehouse.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, http.ErrServerClosed
}

// offline is a Verifier that knows the keys of signers and can fetch none.
func offline(t testing.TB, now time.Time, signers ...signer) *identity.Verifier {
	t.Helper()
	v, err := identity.New(identity.Options{
		Issuer: issuer, Audience: audience, Keys: jwks(signers...),
		HTTPClient: &http.Client{Transport: unreachable{}},
		Clock:      func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
