package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	s := slot{instancePurpose, instance}
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
	var set []key
	fetch := func(tx *store.Tx) (err error) {
		set, err = openAll(ctx, tx, k.sealer, columns+` WHERE purpose = $1 AND instance = $2`, string(s.purpose), s.instance)
		return err
	}
	err := k.store.Write(ctx, func(tx *store.Tx) error {
		if err := fetch(tx); err != nil || len(set) > 0 {
			return err
		}
		made, err := k.create(ctx, tx, s)
		set = []key{made}
		return err
	})
	if errors.Is(err, store.ErrConflict) {
		err = k.store.Read(ctx, fetch)
	}
	if err != nil {
		return nil, err
	}
	inOrder(set)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[s] = slices.Clip(set)
	return set, nil
}
