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
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Options are what a keyring works with. Store, Root, Clock, Random and Changed
// are needed.
type Options struct {
	Store  *store.Store
	Root   RootKey
	Clock  func() time.Time
	Random io.Reader // crypto/rand.Reader outside of tests

	// Overlap is for how long a signing key is published before it signs, and
	// for how long after it has signed last. It is longer than applications
	// keep the JWKS, and than an assertion lives. Zero is DefaultOverlap.
	Overlap time.Duration

	// RotateAfter is how long a signing key signs before Advance makes the next
	// one. Zero is without end.
	RotateAfter time.Duration

	// Changed is told of each change of a key within the transaction that makes
	// it. Its error fails that transaction.
	Changed func(ctx context.Context, tx *store.Tx, c Change) error
}

// DefaultOverlap is twice as long as the JWKS may be cached.
const DefaultOverlap = 10 * time.Minute

// Keyring holds the opened keys. Its methods may be called by many goroutines.
type Keyring struct {
	store  *store.Store
	sealer tink.AEAD
	now    func() time.Time
	random io.Reader
	told   func(ctx context.Context, tx *store.Tx, c Change) error

	overlap, rotateAfter time.Duration

	changing sync.Mutex  // one change after the other; held before mu
	doubtful atomic.Bool // the store may hold other keys than these
	version  atomic.Uint64

	ready sync.Map // id of a pair that was used -> its private half

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
	k := &Keyring{store: o.Store, sealer: sealer, now: o.Clock, random: o.Random, told: o.Changed,
		overlap: cmp.Or(o.Overlap, DefaultOverlap), rotateAfter: o.RotateAfter}
	var keys []key
	err = o.Store.Write(ctx, func(tx *store.Tx) error {
		if fresh, err := check(ctx, tx, sealer); err != nil {
			return err
		} else if fresh {
			if err := k.bind(ctx, tx); err != nil {
				return err
			}
		}
		keys, err = openAll(ctx, tx, sealer, columns)
		if err != nil {
			return err
		}
		for _, p := range []Purpose{Assertion, AdminToken, ProvisioningToken, Decision, PluginState, SignOn} {
			if slices.ContainsFunc(keys, func(k key) bool { return k.purpose == p && k.state == stateActive }) {
				continue
			}
			made, err := k.create(ctx, tx, By{}, slot{purpose: p}, stateActive, k.now())
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
	k.keys = bySlot(keys)
	for _, set := range k.keys {
		carry(set, nil, k.now())
	}
	o.Store.OnDoubt(func() { k.doubtful.Store(true) })
	return k, nil
}

func bySlot(keys []key) map[slot][]key {
	sets := map[slot][]key{}
	for _, key := range keys {
		s := slot{key.purpose, key.instance}
		sets[s] = append(sets[s], key)
	}
	for _, set := range sets {
		inOrder(set)
	}
	return sets
}

// RootID stands for the root key, which is not among the keys here.
const RootID = "root"

// create makes a key of a slot, and tells of it.
func (k *Keyring) create(ctx context.Context, tx *store.Tx, by By, s slot, state string, activates time.Time) (key, error) {
	made, err := newKey(k.random, s, state, k.now(), activates)
	if err != nil {
		return key{}, err
	}
	if err := made.insert(ctx, tx, k.sealer); err != nil {
		return key{}, err
	}
	return made, k.told(ctx, tx, Change{What: Created, Key: made.info(), By: by})
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

// byPurpose orders a list by purpose, instance, and as inOrder does.
func byPurpose(a, b Info) int {
	return cmp.Or(
		cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Instance, b.Instance),
		cmp.Compare(rank(a.State), rank(b.State)), b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID),
	)
}

func rank(state string) int {
	if state == stateActive {
		return 0
	}
	return 1
}
