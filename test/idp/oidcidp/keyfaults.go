package oidcidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// headerFaults: RFC 7515 §4.1, RFC 8725 §3.
func (p *Provider) headerFaults() []Bend {
	one := func(name, doc string, change func(map[string]any)) Bend {
		return Bend{Name: name, Doc: doc, Header: change}
	}
	token := func(name, doc string, change func(string) string) Bend {
		return Bend{Name: name, Doc: doc, Token: change}
	}
	return []Bend{
		one("critical", "The header has an extension that has to be understood.", all(set("crit", []string{"x"}), set("x", 1))),
		one("null-critical", "The header has an empty extension.", func(h map[string]any) { h["crit"] = nil }),
		one("unencoded", "What is signed is not encoded (RFC 7797).", all(set("b64", false), set("crit", []string{"b64"}))),
		one("number-kid", "The id of the key is a number.", set("kid", 1)),
		one("unknown-kid", "Nobody knows the key.", set("kid", "made-up")),
		one("logout-type", "The type is that of a logout token.", set("typ", "logout+jwt")),
		one("access-type", "The type is that of an access token (RFC 9068).", set("typ", "at+jwt")),
		token("bad-signature", "The signature is another token's.", func(raw string) string { return raw[:len(raw)-6] + "AAAAAA" }),
		token("no-signature", "There is no signature.", func(raw string) string { return raw[:strings.LastIndexByte(raw, '.')+1] }),
		token("two-parts", "The token has two parts.", func(raw string) string { return raw[:strings.LastIndexByte(raw, '.')] }),
		token("encrypted", "The token is encrypted.", func(raw string) string { return raw + ".AA.AA" }),
		token("json-form", "The token is in the JSON serialization.", func(raw string) string {
			parts := strings.Split(raw, ".")
			text, _ := json.Marshal(map[string]string{"protected": parts[0], "payload": parts[1], "signature": parts[2]}) // texts always encode
			return string(text)
		}),
		token("large-token", "The token is too large.", func(raw string) string { return raw + strings.Repeat("A", 70<<10) }),
		token("padded", "The token is in base64 with padding.", func(raw string) string {
			parts := strings.Split(raw, ".")
			return parts[0] + "=." + parts[1] + "." + parts[2]
		}),
	}
}

// keyFaults are those of algorithms and keys: RFC 8725 §2.1 to §2.3 and §3.1.
func (p *Provider) keyFaults() ([]Bend, error) {
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	k := p.newest()
	p.mu.Unlock()
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return nil, err
	}
	jwk, err := k.public().MarshalJSON()
	if err != nil {
		return nil, err
	}
	out := []Bend{
		{Name: "unsigned", Doc: "The algorithm is none.", Header: set("alg", "none"), Signer: Signer("none", nil)},
		{Name: "unsigned-spelling", Doc: "The algorithm is none, in other letters.", Header: set("alg", "NoNe"), Signer: Signer("none", nil)},
		{Name: "no-algorithm", Doc: "There is no algorithm.", Header: set("alg", nil)},
		{Name: "other-algorithm", Doc: "The algorithm is one that discovery does not list.", Header: set("alg", "PS256"), Signer: Signer("PS256", k.private)},
		{Name: "other-key-type", Doc: "The algorithm is one of other keys.", Header: set("alg", "ES256")},
		{Name: "strangers-key", Doc: "A stranger's key has signed, under the id of ours.", Signer: Signer("RS256", stranger)},
		{Name: "old-key", Doc: "A key has signed that is no longer published.", Header: set("kid", "key-0"), Signer: Signer("RS256", stranger)},
		{Name: "many-keys", Doc: "More keys are published than anybody needs.", Keys: func(s *jose.JSONWebKeySet) { s.Keys = slices.Repeat(s.Keys, 200) }},
		{Name: "embedded-key", Doc: "A stranger's key has signed, and is in the header.", Signer: Signer("RS256", stranger),
			Header: all(set("kid", nil), set("jwk", jose.JSONWebKey{Key: stranger.Public(), Algorithm: "RS256"}))},
		{Name: "address-of-key", Doc: "A stranger's key has signed, and its address is in the header.", Signer: Signer("RS256", stranger),
			Header: all(set("kid", "stranger"), set("jku", "https://stranger.example/keys"), set("x5u", "https://stranger.example/x5u"))},
		{Name: "encryption-key", Doc: "The key is one for encryption.", Keys: func(s *jose.JSONWebKeySet) { s.Keys[len(s.Keys)-1].Use = "enc" }},
		{Name: "keys-algorithm", Doc: "The key is for another algorithm.", Keys: func(s *jose.JSONWebKeySet) { s.Keys[len(s.Keys)-1].Algorithm = "RS512" }},
		{Name: "small-key", Doc: "The key has 1024 bits.", Header: set("kid", "small"), Signer: Signer("RS256", small),
			Keys: func(s *jose.JSONWebKeySet) {
				s.Keys = append(s.Keys, jose.JSONWebKey{Key: small.Public(), KeyID: "small", Use: "sig", Algorithm: "RS256"})
			}},
		{Name: "symmetric-key", Doc: "The key is symmetric, and published.", Header: all(set("alg", "HS256"), set("kid", "shared")), Signer: Signer("HS256", []byte("shared")),
			Keys: func(s *jose.JSONWebKeySet) {
				s.Keys = append(s.Keys, jose.JSONWebKey{Key: []byte("shared"), KeyID: "shared"})
			}},
	}
	for name, key := range map[string][]byte{
		"der": der, "pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "jwk": jwk,
	} {
		out = append(out, Bend{
			Name: "confused-" + name, Doc: "The algorithm is HS256, and its key the public one.", Header: set("alg", "HS256"), Signer: Signer("HS256", key),
		})
	}
	return out, nil
}
