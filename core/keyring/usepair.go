package keyring

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// SignWithPair signs a SHA-256 with a key pair of an instance, by "RS256" or
// "PS256" (RFC 7518 §3.1). A pair that is retired signs nothing.
func (k *Keyring) SignWithPair(ctx context.Context, instance, id, algorithm string, digest []byte) ([]byte, error) {
	private, pair, err := k.pair(ctx, instance, PairSign, id)
	if err != nil {
		return nil, err
	}
	if pair.State == stateRetired {
		return nil, problem.New(problem.Forbidden, "key pair %s of instance %q is retired", id, instance)
	}
	var signature []byte
	switch algorithm {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		return nil, problem.New(problem.Unsupported, "a key pair signs by RS256 and PS256")
	}
	if err != nil {
		return nil, fmt.Errorf("signing with key pair %s: %w", id, err)
	}
	return signature, nil
}

// DecryptWithPair decrypts RSAES-OAEP (RFC 8017 §7.1) with a key pair of an
// instance. Whatever is wrong with the ciphertext, the problem is the same: who
// sends one learns nothing of how far it came.
func (k *Keyring) DecryptWithPair(ctx context.Context, instance, id string, o rsa.OAEPOptions, ciphertext []byte) ([]byte, error) {
	private, _, err := k.pair(ctx, instance, PairDecrypt, id)
	if err != nil {
		return nil, err
	}
	plain, err := private.Decrypt(rand.Reader, ciphertext, &o)
	if err != nil {
		return nil, problem.New(problem.Invalid, "the ciphertext does not decrypt")
	}
	return plain, nil
}

// pair finds a key pair of an instance by its id.
func (k *Keyring) pair(ctx context.Context, instance string, use PairUse, id string) (*rsa.PrivateKey, Pair, error) {
	pairs, err := k.readPairs(ctx, instance, use)
	if err != nil {
		return nil, Pair{}, err
	}
	for _, p := range pairs {
		if p.ID != id {
			continue
		}
		// Of a pair that was used before, the private half is ready.
		ready, _ := k.ready.LoadOrStore(id, p.private)
		private, err := ready.(func() (*rsa.PrivateKey, error))()
		return private, p, err
	}
	return nil, Pair{}, problem.New(problem.NotFound, "instance %q has no key pair %q for this", instance, id)
}
