package keyring

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Subkey is a key for one use, derived from one of the keyring's (HKDF, RFC 5869).
// What is made with it many times a second needs no keyring for that.
type Subkey struct {
	ID  string // of the key that it is derived from
	Key Material
}

// Subkeys derives a key from each of a purpose, that of the one in use first. They
// are those of Version as it was before the call, or later ones.
func (k *Keyring) Subkeys(p Purpose, use string) ([]Subkey, error) {
	var list []Subkey
	for _, one := range k.set(slot{purpose: p}) {
		if one.state == stateNext {
			continue
		}
		derived, err := hkdf.Key(sha256.New, one.secret.Reveal(), nil, string(bind(string(p), use)), size)
		if err != nil {
			return nil, fmt.Errorf("deriving a key for %s: %w", use, err)
		}
		material, err := newMaterial(derived)
		if err != nil {
			return nil, err
		}
		list = append(list, Subkey{ID: one.id, Key: material})
	}
	return list, nil
}

// Version is another number after each change of the keys.
func (k *Keyring) Version() uint64 { return k.version.Load() }

// DecisionKept is for how long the id of a decision can be opened, and so for how
// long a key for them is kept after another has taken its place.
const DecisionKept = 90 * 24 * time.Hour

// SweepDecisions removes the keys whose ids are all too old to be opened.
func (k *Keyring) SweepDecisions(ctx context.Context) error {
	over := func(one key) bool {
		return one.state == stateRetired && one.retires.Valid && !k.now().Before(timeOf(one.retires))
	}
	found := false
	for _, one := range k.set(slot{purpose: Decision}) {
		found = found || over(one)
	}
	if !found {
		return nil
	}
	_, err := k.alter(ctx, slot{purpose: Decision}, func(tx *store.Tx, set []key) (after []key, err error) {
		for _, one := range set {
			if !over(one) {
				after = append(after, one)
			} else if err := k.remove(ctx, tx, By{}, &one); err != nil {
				return nil, err
			}
		}
		return after, nil
	})
	if err != nil {
		return fmt.Errorf("removing keys of old decisions: %w", err)
	}
	return nil
}
