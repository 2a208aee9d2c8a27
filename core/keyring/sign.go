package keyring

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4"
)

// Signer returns the key that signs assertions now and its id (kid). The
// crypto.Signer signs the message itself (Ed25519, RFC 8032), so its options
// say crypto.Hash(0); the private key stays inside.
func (k *Keyring) Signer() (kid string, s crypto.Signer) {
	key := k.set(slot{purpose: Assertion})[0] // Open made sure of it
	return key.id, key.signer
}

// signer keeps the private key out of reach and, as Material does, out of
// print.
type signer struct {
	public  ed25519.PublicKey
	private func() ed25519.PrivateKey
}

func newSigner(seed Material) *signer {
	private := ed25519.NewKeyFromSeed(seed.Reveal())
	return &signer{private.Public().(ed25519.PublicKey), func() ed25519.PrivateKey { return private }}
}

func (s *signer) Public() crypto.PublicKey { return s.public }

func (s *signer) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.private().Sign(random, message, opts)
}

func (*signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// JWKS is the public half of every key whose signatures are to be accepted:
// the active one, the next one, and retired ones until their time is over (RFC
// 7517).
func (k *Keyring) JWKS() jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range k.set(slot{purpose: Assertion}) {
		if key.state == stateRetired && k.due(key) {
			continue
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: key.signer.public, KeyID: key.id, Algorithm: string(jose.EdDSA), Use: "sig",
		})
	}
	return set
}
