package credential

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// usageInterval is how late the record of a key's last use may be.
const usageInterval = time.Minute

// usageBatch bounds one transaction, so that no writer waits long behind it.
const usageBatch = 500

type use struct {
	at   time.Time
	from netip.Addr
}

// Usage keeps in memory what the use of keys leads to, and writes it now and
// then: a write for each request would be a request's price many times over.
type Usage struct {
	store    *store.Store
	mu       sync.Mutex
	used     map[string]use
	verifier map[string][]byte
}

// NewUsage returns an empty record; Run writes it.
func NewUsage(s *store.Store) *Usage {
	return &Usage{store: s, used: map[string]use{}, verifier: map[string][]byte{}}
}

// Rehash notes a verifier that takes the place of a key's old one, because that
// was made with a key of the instance which is no longer the newest. Until it
// is written the old one goes on.
func (u *Usage) Rehash(keyID string, verifier []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.verifier[keyID] = verifier
}

// Mark notes that a key was used. Callers may leave out uses that follow one
// another within seconds.
func (u *Usage) Mark(keyID string, at time.Time, from netip.Addr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.used[keyID] = use{at, from}
}

// Run writes once a minute until ctx ends. A failed write is tried again with
// the next.
func (u *Usage) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(usageInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := u.Flush(ctx); err != nil {
				report(err)
			}
		}
	}
}

// Flush writes what was noted since the last time.
func (u *Usage) Flush(ctx context.Context) error {
	for {
		batch, verifiers := u.take()
		if len(batch) == 0 && len(verifiers) == 0 {
			return nil
		}
		err := u.store.Write(ctx, func(tx *store.Tx) error {
			for id, use := range batch {
				if _, err := tx.Exec(ctx, `UPDATE client_key SET last_used_at = $1, last_used_from = $2 WHERE id = $3`,
					use.at.UnixMicro(), use.from.String(), id); err != nil {
					return err
				}
			}
			for id, verifier := range verifiers {
				if _, err := tx.Exec(ctx, `UPDATE client_key SET verifier = $1, foreign_hash = 0 WHERE id = $2`, verifier, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			u.giveBack(batch, verifiers)
			return err
		}
	}
}

func (u *Usage) take() (map[string]use, map[string][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	used, verifiers := some(u.used), some(u.verifier)
	if len(u.used) == 0 {
		u.used = map[string]use{} // a map does not give back the room of what it once had
	}
	return used, verifiers
}

func (u *Usage) giveBack(batch map[string]use, verifiers map[string][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	putBack(u.used, batch)
	putBack(u.verifier, verifiers)
}

// some moves a batch out of m.
func some[V any](m map[string]V) map[string]V {
	batch := map[string]V{}
	for id, v := range m {
		if len(batch) == usageBatch {
			break
		}
		batch[id] = v
		delete(m, id)
	}
	return batch
}

// putBack returns to m what nothing newer has taken the place of.
func putBack[V any](m, batch map[string]V) {
	for id, v := range batch {
		if _, newer := m[id]; !newer {
			m[id] = v
		}
	}
}
