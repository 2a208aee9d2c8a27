package hostsvc

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// KeyPurpose is what a key is for.
type KeyPurpose int

// No key has two purposes.
const (
	KeySign KeyPurpose = iota + 1
	KeyDecrypt
)

// PublicKey is the public half of a key of an instance, which the host holds.
type PublicKey struct {
	ID          string
	Certificate *x509.Certificate // that the key has signed for itself; RSA of 3072 bits
	Current     bool              // it is the one to sign with now
}

// Keys returns the keys of the call's instance for a purpose, the newest last. The
// first call makes one. While one takes over from another there are two: both are
// published, so that the IdP learns of the newer before it is used. It needs the
// service "keys".
func (h Host) Keys(ctx context.Context, purpose KeyPurpose) ([]PublicKey, error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return nil, err
	}
	got, err := hostv1.NewKeysServiceClient(h.conn).List(ctx, &hostv1.ListRequest{Handle: handle, Purpose: hostv1.KeyPurpose(purpose)})
	if err != nil {
		return nil, received(err)
	}
	var keys []PublicKey
	for _, k := range got.GetKeys() {
		certificate, err := x509.ParseCertificate(k.GetCertificate())
		if err != nil {
			return nil, fmt.Errorf("the host's certificate for key %q: %w", k.GetId(), err)
		}
		keys = append(keys, PublicKey{ID: k.GetId(), Certificate: certificate, Current: k.GetCurrent()})
	}
	return keys, nil
}

// Sign signs the SHA-256 of something with a key of the call's instance, by RS256
// or PS256 (RFC 7518 §3.1). It needs the service "keys".
func (h Host) Sign(ctx context.Context, keyID, algorithm string, digest []byte) ([]byte, error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return nil, err
	}
	got, err := hostv1.NewKeysServiceClient(h.conn).Sign(ctx, &hostv1.SignRequest{Handle: handle, KeyId: keyID, Algorithm: algorithm, Digest: digest})
	if err != nil {
		return nil, received(err)
	}
	return got.GetSignature(), nil
}

// oaepHashes are the hashes of RSAES-OAEP that the host decrypts with, by the
// names that it is asked by.
var oaepHashes = map[crypto.Hash]string{
	crypto.SHA1: "SHA-1", crypto.SHA256: "SHA-256", crypto.SHA384: "SHA-384", crypto.SHA512: "SHA-512",
}

// Decrypt decrypts what was encrypted to a key of the call's instance with
// RSAES-OAEP (RFC 8017 §7.1). Whatever is wrong with the ciphertext, the problem
// is the same, with the code Invalid. It needs the service "keys".
func (h Host) Decrypt(ctx context.Context, keyID string, options rsa.OAEPOptions, ciphertext []byte) ([]byte, error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return nil, err
	}
	if options.MGFHash == 0 {
		options.MGFHash = options.Hash
	}
	hash, mask := oaepHashes[options.Hash], oaepHashes[options.MGFHash]
	if hash == "" || mask == "" {
		return nil, problem.New(problem.Unsupported, "OAEP with %s and %s is not decrypted", options.Hash, options.MGFHash)
	}
	got, err := hostv1.NewKeysServiceClient(h.conn).Decrypt(ctx, &hostv1.DecryptRequest{
		Handle: handle, KeyId: keyID, Hash: hash, MaskHash: mask, Label: options.Label, Ciphertext: ciphertext,
	})
	if err != nil {
		return nil, received(err)
	}
	return got.GetPlaintext(), nil
}
