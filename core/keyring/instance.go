package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// InstanceKey is a key that one instance of a plugin is given, for keyed hashes
// that name it by its id.
type InstanceKey struct {
	ID  string
	Key Material
}

// InstanceKeys returns the keys of an instance, the one to use first, then
// older ones that are still named by something. The first call makes one; it is
// the same after a restart.
func (k *Keyring) InstanceKeys(ctx context.Context, instance string) ([]InstanceKey, error) {
	if instance == "" {
		return nil, errors.New("an instance without a name has no keys")
	}
	s := slot{Instance, instance}
	set := k.set(s)
	if len(set) == 0 {
		var err error
		if set, err = k.createInstance(ctx, s); err != nil {
			return nil, fmt.Errorf("keys of instance %s: %w", instance, err)
		}
	}
	var keys []InstanceKey
	for _, key := range set {
		if key.state != stateNext {
			keys = append(keys, InstanceKey{ID: key.id, Key: key.secret})
		}
	}
	return keys, nil
}

// createInstance makes the first key of an instance, unless somebody was
// quicker.
func (k *Keyring) createInstance(ctx context.Context, s slot) ([]key, error) {
	return k.alter(ctx, s, func(tx *store.Tx, set []key) ([]key, error) {
		if len(set) > 0 {
			return set, nil
		}
		made, err := k.create(ctx, tx, By{}, s, stateActive, k.now())
		return []key{made}, err
	})
}
