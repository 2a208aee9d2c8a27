//go:build unix

package pluginhost

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Keys uses the private keys of instances, which never leave the host.
type Keys interface {
	// Public returns the public halves of the caller's keys for a purpose, the
	// newest last, and makes one where there is none.
	Public(ctx context.Context, at Caller, purpose hostsvc.KeyPurpose) ([]hostsvc.PublicKey, error)

	// Sign signs a SHA-256 with one of the caller's keys, by "RS256" or "PS256".
	Sign(ctx context.Context, at Caller, keyID, algorithm string, digest []byte) ([]byte, error)

	// Decrypt decrypts RSAES-OAEP with one of them. Whatever is wrong with the
	// ciphertext, it fails in one and the same way.
	Decrypt(ctx context.Context, at Caller, keyID string, o rsa.OAEPOptions, ciphertext []byte) ([]byte, error)
}

// The limits of what is asked of a key.
const (
	keyIDLimit      = 64
	ciphertextLimit = 1 << 10 // bytes; RSA of 8192 bits
)

// keysV1 serves Keys to one process.
type keysV1 struct {
	hostv1.UnimplementedKeysServiceServer
	plugin  string
	handles *handles
	keys    Keys
	granted func() bool // asked once a handle has proved that the plugin was described
}

// open finds the scope of a live call.
func (k *keysV1) open(handle string) (scope, error) {
	s, err := k.handles.scope(handle, time.Now())
	if err != nil {
		return scope{}, err
	}
	if k.keys == nil || !k.granted() {
		return scope{}, notGranted(hostsvc.KeysService, k.plugin)
	}
	return s, nil
}

// List returns public keys of the scope of a live call.
func (k *keysV1) List(ctx context.Context, r *hostv1.ListRequest) (*hostv1.ListResponse, error) {
	s, err := k.open(r.GetHandle())
	if err != nil {
		return nil, err
	}
	purpose := hostsvc.KeyPurpose(r.GetPurpose())
	if purpose != hostsvc.KeySign && purpose != hostsvc.KeyDecrypt {
		return nil, problem.New(problem.Invalid, "a key is to sign or to decrypt")
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	keys, err := k.keys.Public(ctx, s.caller(), purpose)
	if err != nil {
		return nil, problem.As(err)
	}
	out := &hostv1.ListResponse{}
	for _, key := range keys {
		out.Keys = append(out.Keys, &hostv1.PublicKey{Id: key.ID, Certificate: key.Certificate.Raw, Current: key.Current})
	}
	return out, nil
}

// Sign signs with a key of the scope of a live call.
func (k *keysV1) Sign(ctx context.Context, r *hostv1.SignRequest) (*hostv1.SignResponse, error) {
	s, err := k.open(r.GetHandle())
	if err != nil {
		return nil, err
	}
	switch {
	case len(r.GetKeyId()) > keyIDLimit:
		return nil, errNoKey()
	case r.GetAlgorithm() != "RS256" && r.GetAlgorithm() != "PS256":
		return nil, problem.New(problem.Unsupported, "the host signs by RS256 and PS256")
	case len(r.GetDigest()) != sha256.Size:
		return nil, problem.New(problem.Invalid, "a digest of SHA-256 has %d bytes", sha256.Size)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	signature, err := k.keys.Sign(ctx, s.caller(), r.GetKeyId(), r.GetAlgorithm(), r.GetDigest())
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.SignResponse{Signature: signature}, nil
}

// hashesV1 are the hashes of RSAES-OAEP. SHA-1 is what XML Encryption 1.0 knows,
// and nothing here leans on its being free of collisions.
var hashesV1 = map[string]crypto.Hash{
	"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512,
}

// Decrypt decrypts with a key of the scope of a live call.
func (k *keysV1) Decrypt(ctx context.Context, r *hostv1.DecryptRequest) (*hostv1.DecryptResponse, error) {
	s, err := k.open(r.GetHandle())
	if err != nil {
		return nil, err
	}
	o := rsa.OAEPOptions{Hash: hashesV1[r.GetHash()], MGFHash: hashesV1[r.GetMaskHash()], Label: r.GetLabel()}
	switch {
	case len(r.GetKeyId()) > keyIDLimit:
		return nil, errNoKey()
	case o.Hash == 0 || o.MGFHash == 0:
		return nil, problem.New(problem.Unsupported, "the host decrypts RSAES-OAEP with SHA-1, SHA-256, SHA-384 and SHA-512")
	case len(r.GetCiphertext()) == 0 || len(r.GetCiphertext()) > ciphertextLimit || len(o.Label) > ciphertextLimit:
		return nil, problem.New(problem.Invalid, "a ciphertext, and its label, have %d bytes at most", ciphertextLimit)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	plaintext, err := k.keys.Decrypt(ctx, s.caller(), r.GetKeyId(), o, r.GetCiphertext())
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.DecryptResponse{Plaintext: plaintext}, nil
}

func errNoKey() error { return problem.New(problem.NotFound, "the instance has no such key") }
