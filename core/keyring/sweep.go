package keyring

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Keys lists all keys: by purpose and instance, in each the active one first.
func (k *Keyring) Keys() (list []Info) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, set := range k.keys {
		for i := range set {
			list = append(list, set[i].info())
		}
	}
	slices.SortStableFunc(list, byPurpose)
	return list
}

// Sweep removes retired keys that nothing names any more, those for tokens and
// those of the instances. named counts, within the transaction that removes,
// what names each of the keys, the active one among them. Keys for signing have
// an end of their own, and those for decisions too (see SweepDecisions). Those of
// other instances stay: what they made is in nobody's hand here.
func (k *Keyring) Sweep(ctx context.Context, instances []string, named func(tx *store.Tx, keys []Info) (map[string]int, error)) error {
	for _, s := range k.swept(instances) {
		_, err := k.alter(ctx, s, func(tx *store.Tx, set []key) (after []key, err error) {
			infos := make([]Info, len(set))
			for i := range set {
				infos[i] = set[i].info()
			}
			counts, err := named(tx, infos)
			if err != nil {
				return nil, err
			}
			for _, one := range set {
				if one.state != stateRetired || counts[one.id] > 0 {
					after = append(after, one)
				} else if err := k.remove(ctx, tx, By{}, &one); err != nil {
					return nil, err
				}
			}
			return after, nil
		})
		if err != nil {
			return fmt.Errorf("removing keys that nothing names: %w", err)
		}
	}
	return nil
}

// swept are the slots with retired keys that a Sweep may remove.
func (k *Keyring) swept(instances []string) (list []slot) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for s, set := range k.keys {
		ours := s.purpose == AdminToken || s.purpose == ProvisioningToken || s.purpose == Instance && slices.Contains(instances, s.instance)
		if ours && slices.ContainsFunc(set, func(one key) bool { return one.state == stateRetired }) {
			list = append(list, s)
		}
	}
	return list
}
