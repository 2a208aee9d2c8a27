package keyring

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// By says who makes a change. The zero By is the host itself.
type By struct{ Actor, TraceID string }

// What is what happens to a key.
type What string

// The closed list of what happens.
const (
	Created   What = "created"   // of the root key: the store was bound to it
	Activated What = "activated" // it was published before, and signs from now on
	Retired   What = "retired"   // another has taken its place; it is still accepted
	Removed   What = "removed"   // it is accepted no more, and gone
	Resealed  What = "resealed"  // of the root key: another has taken its place
)

// Change is what the listener is told.
type Change struct {
	What What
	Key  Info // of the root key, its id alone
	By   By
}

// Info is what may be known of a key. Times are zero where there is none.
type Info struct {
	ID          string
	Purpose     Purpose
	Instance    string // of the plugin, "" for the host's own keys
	Algorithm   string
	State       string // "next", "active" or "retired"
	CreatedAt   time.Time
	ActivatesAt time.Time // when it is used first
	RetiresAt   time.Time // when it is accepted no more
}

func (k *key) info() Info {
	return Info{
		ID: k.id, Purpose: k.purpose, Instance: k.instance, Algorithm: k.algorithm, State: k.state,
		CreatedAt: time.UnixMicro(k.createdAt), ActivatesAt: timeOf(k.activates), RetiresAt: timeOf(k.retires),
	}
}

func micros(t time.Time) sql.NullInt64 { return sql.NullInt64{Int64: t.UnixMicro(), Valid: true} }

func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64)
}

// alter changes the keys of a slot: fn gets those of the database and returns
// what there is afterwards. They are in use once the transaction is committed,
// before anybody hears of the change. A root key that is not the store's any
// more, since it was changed behind our back, may seal nothing there.
func (k *Keyring) alter(ctx context.Context, s slot, fn func(tx *store.Tx, set []key) ([]key, error)) (after []key, err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	err = k.store.Write(ctx, func(tx *store.Tx) error {
		if fresh, err := check(ctx, tx, k.sealer); err != nil {
			return err
		} else if fresh {
			return errUnbound
		}
		set, err := openAll(ctx, tx, k.sealer, columns+` WHERE purpose = $1 AND instance = $2`, string(s.purpose), s.instance)
		if err != nil {
			return err
		}
		carry(set, k.set(s), k.now())
		inOrder(set)
		tx.OnCommit(func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.keys[s] = after
			k.version.Add(1)
		})
		if after, err = fn(tx, set); err != nil {
			return err
		}
		inOrder(after)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// activate lets a next key be used.
func (k *Keyring) activate(ctx context.Context, tx *store.Tx, by By, one *key) error {
	now := k.now()
	one.state, one.activates, one.since = stateActive, micros(now), now
	return k.mark(ctx, tx, by, one, Activated)
}

// retire ends the use of a key. A signing key is accepted until its overlap is
// over, one for decisions until nobody asks for them any more, another for as long
// as something names it.
func (k *Keyring) retire(ctx context.Context, tx *store.Tx, by By, one *key) error {
	now := k.now()
	one.state, one.since = stateRetired, now
	if one.purpose == Assertion {
		one.retires = micros(now.Add(k.overlap))
	}
	if one.purpose == Decision {
		one.retires = micros(now.Add(DecisionKept))
	}
	return k.mark(ctx, tx, by, one, Retired)
}

func (k *Keyring) mark(ctx context.Context, tx *store.Tx, by By, one *key, what What) error {
	_, err := tx.Exec(ctx, `UPDATE keyring_key SET state = $1, activates_at = $2, retires_at = $3 WHERE id = $4`,
		one.state, one.activates, one.retires, one.id)
	if err != nil {
		return err
	}
	return k.told(ctx, tx, Change{What: what, Key: one.info(), By: by})
}

func (k *Keyring) remove(ctx context.Context, tx *store.Tx, by By, one *key) error {
	if _, err := tx.Exec(ctx, `DELETE FROM keyring_key WHERE id = $1`, one.id); err != nil {
		return err
	}
	return k.told(ctx, tx, Change{What: Removed, Key: one.info(), By: by})
}
