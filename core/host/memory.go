package host

import (
	"context"
	"crypto/rsa"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/blob"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/once"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// onceService, stateService and keysService give an instance what is its own, by
// the call that it answers: its name is the key of everything that it keeps.
type (
	onceService  struct{ memory *once.Memory }
	stateService struct{ shelf *blob.Shelf }
	keysService  struct{ keyring *keyring.Keyring }
)

func (s onceService) Take(ctx context.Context, at pluginhost.Caller, kind, id string, until time.Time) (bool, error) {
	return s.memory.Take(ctx, at.Instance, kind, id, until)
}

func (s stateService) Load(ctx context.Context, at pluginhost.Caller, name string) ([]byte, int64, error) {
	return s.shelf.Load(ctx, at.Instance, name)
}

func (s stateService) Save(ctx context.Context, at pluginhost.Caller, name string, b []byte, version int64) (int64, error) {
	return s.shelf.Save(ctx, at.Instance, name, b, version)
}

func (s keysService) Public(ctx context.Context, at pluginhost.Caller, purpose hostsvc.KeyPurpose) ([]hostsvc.PublicKey, error) {
	use := keyring.PairSign
	if purpose == hostsvc.KeyDecrypt {
		use = keyring.PairDecrypt
	}
	pairs, err := s.keyring.Pairs(ctx, at.Instance, use)
	if err != nil {
		return nil, err
	}
	var keys []hostsvc.PublicKey
	for _, p := range pairs {
		keys = append(keys, hostsvc.PublicKey{ID: p.ID, Certificate: p.Certificate, Current: p.State == "active"})
	}
	return keys, nil
}

func (s keysService) Sign(ctx context.Context, at pluginhost.Caller, keyID, algorithm string, digest []byte) ([]byte, error) {
	return s.keyring.SignWithPair(ctx, at.Instance, keyID, algorithm, digest)
}

func (s keysService) Decrypt(ctx context.Context, at pluginhost.Caller, keyID string, o rsa.OAEPOptions, ciphertext []byte) ([]byte, error) {
	return s.keyring.DecryptWithPair(ctx, at.Instance, keyID, o, ciphertext)
}
