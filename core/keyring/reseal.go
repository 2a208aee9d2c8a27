package keyring

import (
	"bytes"
	"context"
	"fmt"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Reseal puts another root key in the place of a store's, in one transaction:
// all keys are sealed anew, and afterwards the store is refused with the old
// one. No keyring may be open on the store. changed is told, as in Options.
func Reseal(ctx context.Context, s *store.Store, from, to RootKey, by By, changed func(context.Context, *store.Tx, Change) error) error {
	before, err := from.sealer()
	if err != nil {
		return err
	}
	after, err := to.sealer()
	if err != nil {
		return err
	}
	if bytes.Equal(from.Reveal(), to.Reveal()) {
		return problem.New(problem.Invalid, "the new root key is the one in use").WithHint(makeHint)
	}
	err = s.Write(ctx, func(tx *store.Tx) error {
		fresh, err := check(ctx, tx, before)
		if err != nil {
			return err
		}
		if fresh {
			return problem.New(problem.Conflict, "the database has no keys yet").WithHint("start the host with the new root key")
		}
		keys, err := openAll(ctx, tx, before, columns)
		if err != nil {
			return err
		}
		for _, one := range keys {
			sealed, err := after.Encrypt(one.secret.Reveal(), one.binding())
			if err != nil {
				return fmt.Errorf("sealing key %s: %w", one.id, err)
			}
			if _, err := tx.Exec(ctx, `UPDATE keyring_key SET sealed = $1 WHERE id = $2`, sealed, one.id); err != nil {
				return err
			}
		}
		if err := resealPairs(ctx, tx, before, after); err != nil {
			return err
		}
		value, err := after.Encrypt([]byte(checkText), checkBinding())
		if err != nil {
			return fmt.Errorf("sealing the check value: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE keyring_check SET value = $1 WHERE id = 'root'`, value); err != nil {
			return err
		}
		return changed(ctx, tx, Change{What: Resealed, Key: Info{ID: RootID}, By: by})
	})
	if err != nil {
		return fmt.Errorf("changing the root key: %w", err)
	}
	return nil
}
