package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// checkText is what the check row holds, encrypted.
const checkText = "gatehouse keyring"

// checkBinding is the associated data of the check row.
func checkBinding() []byte { return bind("keyring_check", "root") }

// errUnbound is a store whose check value and keys have gone while we had it.
var errUnbound = problem.New(problem.Internal, "the keys of the database are gone").WithHint("restore the database from a backup")

// check compares the root key with the store's check value. A fresh store has
// none, and no keys.
func check(ctx context.Context, tx *store.Tx, sealer tink.AEAD) (fresh bool, err error) {
	var value []byte
	err = tx.QueryRow(ctx, `SELECT value FROM keyring_check WHERE id = 'root'`).Scan(&value)
	if err == nil {
		if plain, err := sealer.Decrypt(value, checkBinding()); err != nil || string(plain) != checkText {
			return false, problem.New(problem.Invalid, "the root key is not the one that this database was made with").
				WithHint("set GATEHOUSE_ROOT_KEY, or root_key_file in the keyring block, to the root key of this database")
		}
		return false, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	var keys int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM keyring_key`).Scan(&keys); err != nil {
		return false, err
	}
	if keys > 0 {
		return false, problem.New(problem.Internal, "the database has keys, but the check value of its root key is missing").
			WithHint("restore the table keyring_check from a backup")
	}
	return true, nil
}

// bind writes the check value into a fresh store.
func (k *Keyring) bind(ctx context.Context, tx *store.Tx) error {
	value, err := k.sealer.Encrypt([]byte(checkText), checkBinding())
	if err != nil {
		return fmt.Errorf("sealing the check value: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO keyring_check (id, value) VALUES ('root', $1)`, value); err != nil {
		return err
	}
	return k.told(ctx, tx, Change{What: Created, Key: Info{ID: RootID}})
}
