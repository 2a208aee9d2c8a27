package keyring

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// due reports whether the time of a next or retired signing key has come.
//
// The hour alone does not tell: the clock may have been set, or the key may
// stand in the store without having been published, where a commit was in
// doubt. So this process has published it for a while too, by the time that has
// passed (a time.Time of time.Now holds it), and a time further away than any
// that we set is of a clock that was wrong.
func (k *Keyring) due(one key) bool {
	at := one.activates
	switch one.state {
	case stateActive:
		return false
	case stateRetired:
		at = one.retires
	}
	now := k.now()
	left := timeOf(at).Sub(now)
	return now.Sub(one.since) >= min(k.overlap, DefaultOverlap) && (left <= 0 || left > k.overlap)
}

// old reports whether the active key, which is the first, has signed for long
// enough and has no successor.
func (k *Keyring) old(set []key) bool {
	return k.rotateAfter > 0 && !slices.ContainsFunc(set, isNext) && !k.now().Before(timeOf(set[0].activates).Add(k.rotateAfter))
}

// carry takes over from what was known before since when each key has its state.
func carry(set, before []key, now time.Time) {
	for i := range set {
		set[i].since = now
		for _, old := range before {
			if old.id == set[i].id && old.state == set[i].state {
				set[i].since = old.since
			}
		}
	}
}

// refresh reads all keys again if the store was in doubt of them: a change whose
// commit was reported as failed may stand there.
func (k *Keyring) refresh(ctx context.Context) error {
	if !k.doubtful.Load() {
		return nil
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	k.doubtful.Store(false) // before reading: what comes in doubt meanwhile is read once more
	var keys []key
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		if fresh, err := check(ctx, tx, k.sealer); err != nil {
			return err
		} else if fresh {
			return errUnbound
		}
		var err error
		keys, err = openAll(ctx, tx, k.sealer, columns)
		return err
	})
	if err != nil {
		k.doubtful.Store(true)
		return err
	}
	sets := bySlot(keys)
	for s, set := range sets {
		carry(set, k.set(s), k.now())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = sets
	k.version.Add(1)
	return nil
}
