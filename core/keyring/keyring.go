// Package keyring keeps the host's own keys: those that sign assertions, hash
// and encrypt, and those that plugins are given for their keyed hashes. They
// stand in the database, each encrypted under the root key and bound to its
// row, and are opened once at start.
//
// A purpose can have several keys: one active, a next one that is published
// before it is used, and retired ones that are still accepted. Whatever a key
// has made names that key.
package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Options are what a keyring works with. All are needed.
type Options struct {
	Store  *store.Store
	Root   RootKey
	Clock  func() time.Time
	Random io.Reader // crypto/rand.Reader outside of tests

	// Made is told of each new key within the transaction that makes it. Its
	// error fails that transaction.
	Made func(ctx context.Context, tx *store.Tx, k NewKey) error
}

// NewKey says which key was made. The one without a purpose is the root key,
// when the store was bound to it.
type NewKey struct {
	ID        string
	Purpose   Purpose // "" with an instance's key and with the root
	Instance  string
	Algorithm string
}

// Keyring holds the opened keys. Its methods may be called by many goroutines.
type Keyring struct {
	store  *store.Store
	sealer tink.AEAD
	now    func() time.Time
	random io.Reader
	made   func(ctx context.Context, tx *store.Tx, k NewKey) error

	mu   sync.RWMutex
	keys map[slot][]key // active first, then the newest; replaced, never changed in place
}

// Format keeps the keys from being printed with the structure.
func (*Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keyring") }

// Open opens the keys, and makes those that are missing. A root key that is not
// the store's is refused with a Problem (Invalid).
func Open(ctx context.Context, o Options) (*Keyring, error) {
	sealer, err := o.Root.sealer()
	if err != nil {
		return nil, err
	}
	k := &Keyring{store: o.Store, sealer: sealer, now: o.Clock, random: o.Random, made: o.Made}
	var keys []key
	err = o.Store.Write(ctx, func(tx *store.Tx) error {
		if err := k.check(ctx, tx); err != nil {
			return err
		}
		keys, err = openAll(ctx, tx, sealer, columns)
		if err != nil {
			return err
		}
		for _, p := range []Purpose{Assertion, AdminToken, Decision} {
			if slices.ContainsFunc(keys, func(k key) bool { return k.purpose == p && k.state == stateActive }) {
				continue
			}
			made, err := k.create(ctx, tx, slot{purpose: p})
			if err != nil {
				return err
			}
			keys = append(keys, made)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening the keyring: %w", err)
	}
	k.keys = map[slot][]key{}
	for _, key := range keys {
		s := slot{key.purpose, key.instance}
		k.keys[s] = append(k.keys[s], key)
	}
	for _, set := range k.keys {
		inOrder(set)
	}
	return k, nil
}

// checkText is what the check row holds, encrypted.
const checkText = "gatehouse keyring"

// check compares the root key with the store's check value, and writes one into
// a store that has no keys yet.
func (k *Keyring) check(ctx context.Context, tx *store.Tx) error {
	binding := bind("keyring_check", "root")
	var value []byte
	err := tx.QueryRow(ctx, `SELECT value FROM keyring_check WHERE id = 'root'`).Scan(&value)
	if err == nil {
		if plain, err := k.sealer.Decrypt(value, binding); err != nil || string(plain) != checkText {
			return problem.New(problem.Invalid, "the root key is not the one that this database was made with").
				WithHint("set GATEHOUSE_ROOT_KEY, or root_key_file in the keyring block, to the root key of this database")
		}
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var keys int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM keyring_key`).Scan(&keys); err != nil {
		return err
	}
	if keys > 0 {
		return problem.New(problem.Internal, "the database has keys, but the check value of its root key is missing").
			WithHint("restore the table keyring_check from a backup")
	}
	if value, err = k.sealer.Encrypt([]byte(checkText), binding); err != nil {
		return fmt.Errorf("sealing the check value: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO keyring_check (id, value) VALUES ('root', $1)`, value); err != nil {
		return err
	}
	return k.made(ctx, tx, NewKey{ID: RootID})
}

// RootID stands for the root key, which is not among the keys here.
const RootID = "root"

// create makes the active key of a slot, and tells of it.
func (k *Keyring) create(ctx context.Context, tx *store.Tx, s slot) (key, error) {
	made, err := newKey(k.random, s, k.now())
	if err != nil {
		return key{}, err
	}
	if err := made.insert(ctx, tx, k.sealer); err != nil {
		return key{}, err
	}
	return made, k.made(ctx, tx, NewKey{ID: made.id, Purpose: s.purpose, Instance: s.instance, Algorithm: made.algorithm})
}

// set returns the keys of a slot; the caller does not change it.
func (k *Keyring) set(s slot) []key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[s]
}

// active is the key that a purpose uses now. Open made sure that there is one.
func (k *Keyring) active(p Purpose, algorithm string) (key, error) {
	if p.algorithm() != algorithm {
		return key{}, fmt.Errorf("the keyring has no %s key for the purpose %q", algorithm, string(p))
	}
	return k.set(slot{purpose: p})[0], nil
}

// named finds the key that made a value, unless it is only the next one.
func (k *Keyring) named(p Purpose, algorithm, id string) (key, bool) {
	for _, key := range k.set(slot{purpose: p}) {
		if key.id == id && key.algorithm == algorithm && key.state != stateNext {
			return key, true
		}
	}
	return key{}, false
}

// inOrder puts the active key first and then the newest.
func inOrder(keys []key) {
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(
			cmp.Compare(rank(a.state), rank(b.state)),
			cmp.Compare(b.createdAt, a.createdAt),
			cmp.Compare(a.id, b.id),
		)
	})
}

func rank(state string) int {
	if state == stateActive {
		return 0
	}
	return 1
}
