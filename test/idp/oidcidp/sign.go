package oidcidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/go-jose/go-jose/v4"
)

// signingKey is one of the provider's.
type signingKey struct {
	id, algorithm string
	private       crypto.Signer
}

func (k *signingKey) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Use: "sig", Algorithm: k.algorithm}
}

// add takes a key, with which all is signed from now on, or makes one where there is
// none.
func (p *Provider) add(algorithm string, private crypto.Signer) (err error) {
	k := &signingKey{algorithm: algorithm, private: private}
	switch {
	case private != nil:
	case algorithm == "RS256" || algorithm == "PS256":
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case algorithm == "ES256":
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algorithm == "EdDSA":
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return fmt.Errorf("nothing is signed by %q here", algorithm)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	k.id = "key-" + strconv.Itoa(p.made)
	p.keys = append(p.keys, k)
	return err
}

func (p *Provider) newest() *signingKey { return p.keys[len(p.keys)-1] }

// Rotate makes a new key, and signs with it from now on. With retire the older ones
// are no longer published.
func (p *Provider) Rotate(retire bool) error {
	p.mu.Lock()
	algorithm := p.newest().algorithm
	p.mu.Unlock()
	if err := p.add(algorithm, nil); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if retire {
		p.keys = p.keys[len(p.keys)-1:]
	}
	return nil
}

// Sign signs claims as the provider does, with all that it was told to do wrong.
func (p *Provider) Sign(typ string, claims map[string]any) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sign(typ, claims)
}

// sign makes a token. The lock is held.
func (p *Provider) sign(typ string, claims map[string]any) (string, error) {
	k := p.newest()
	header := map[string]any{"alg": k.algorithm, "kid": k.id, "typ": typ}
	if p.bend.Header != nil {
		p.bend.Header(header)
	}
	if p.bend.Claims != nil {
		p.bend.Claims(claims)
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := encode(head) + "." + encode(body)
	signer := p.bend.Signer
	if signer == nil {
		signer = Signer(k.algorithm, k.private)
	}
	signature, err := signer(signed)
	if err != nil {
		return "", err
	}
	raw := signed + "." + encode(signature)
	if p.bend.Token != nil {
		raw = p.bend.Token(raw)
	}
	return raw, nil
}

func encode(part []byte) string { return base64.RawURLEncoding.EncodeToString(part) }

// Signer signs the first two parts of a token by an algorithm of RFC 7518 §3.1 or RFC
// 8037. The key of HS256 is a []byte; there is none for "none".
func Signer(algorithm string, key any) func(signed string) ([]byte, error) {
	return func(signed string) ([]byte, error) {
		digest := sha256.Sum256([]byte(signed))
		switch k := key.(type) {
		case nil:
			return nil, nil
		case []byte:
			mac := hmac.New(sha256.New, k)
			mac.Write([]byte(signed))
			return mac.Sum(nil), nil
		case *rsa.PrivateKey:
			if algorithm == "PS256" {
				return rsa.SignPSS(rand.Reader, k, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			}
			return rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
		case *ecdsa.PrivateKey:
			r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
			if err != nil {
				return nil, err
			}
			out := make([]byte, 64) // RFC 7518 §3.4
			r.FillBytes(out[:32])
			s.FillBytes(out[32:])
			return out, nil
		case ed25519.PrivateKey:
			return ed25519.Sign(k, []byte(signed)), nil
		}
		return nil, fmt.Errorf("no key signs by %q", algorithm)
	}
}

// half is what a token says of another that comes with it (Core §3.1.3.6).
func half(algorithm, text string) string {
	if algorithm == "EdDSA" { // the hash of Ed25519
		sum := sha512.Sum512([]byte(text))
		return encode(sum[:32])
	}
	sum := sha256.Sum256([]byte(text))
	return encode(sum[:16])
}
