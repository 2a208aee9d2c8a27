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

// Usage keeps the last use of each key in memory and writes it now and then: a
// write for each request would be a request's price many times over.
type Usage struct {
	store *store.Store
	mu    sync.Mutex
	used  map[string]use
}

// NewUsage returns an empty record; Run writes it.
func NewUsage(s *store.Store) *Usage { return &Usage{store: s, used: map[string]use{}} }

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
		batch := u.take()
		if len(batch) == 0 {
			return nil
		}
		err := u.store.Write(ctx, func(tx *store.Tx) error {
			for id, use := range batch {
				if _, err := tx.Exec(ctx, `UPDATE client_key SET last_used_at = $1, last_used_from = $2 WHERE id = $3`,
					use.at.UnixMicro(), use.from.String(), id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			u.giveBack(batch)
			return err
		}
	}
}

func (u *Usage) take() map[string]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	batch := map[string]use{}
	for id, use := range u.used {
		if len(batch) == usageBatch {
			break
		}
		batch[id] = use
		delete(u.used, id)
	}
	return batch
}

func (u *Usage) giveBack(batch map[string]use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, use := range batch {
		if _, newer := u.used[id]; !newer {
			u.used[id] = use
		}
	}
}
