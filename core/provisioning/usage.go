package provisioning

import (
	"context"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// usageInterval is how late the record of a token's last use may be.
const usageInterval = time.Minute

// usageBatch bounds one transaction, so that no writer waits long behind it.
const usageBatch = 500

// mark notes that a token was used.
func (t *Tokens) mark(id string, at time.Time, from netip.Addr) {
	t.uses.Lock()
	defer t.uses.Unlock()
	t.uses.at[id] = use{at, from}
}

// Run writes the last uses once a minute until ctx ends. A failed write is
// tried again with the next.
func (t *Tokens) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(usageInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := t.Flush(ctx); err != nil {
				report(err)
			}
		}
	}
}

// Flush writes the uses that were noted since the last time, and forgets what is
// known of tokens that have changed.
func (t *Tokens) Flush(ctx context.Context) error {
	t.known.Range(func(id, kept any) bool {
		if k, _ := kept.(*known); !k.deps.Fresh() || !k.token.ExpiresAt.After(t.Clock()) {
			t.known.CompareAndDelete(id, kept)
		}
		return true
	})
	for {
		batch := t.take()
		if len(batch) == 0 {
			return nil
		}
		err := t.Store.Write(ctx, func(tx *store.Tx) error {
			for id, u := range batch {
				if _, err := tx.Exec(ctx, `UPDATE provisioning_token SET last_used_at = $1, last_used_from = $2 WHERE id = $3`,
					u.at.UnixMicro(), address(u.from), id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.giveBack(batch)
			return err
		}
	}
}

func (t *Tokens) take() map[string]use {
	t.uses.Lock()
	defer t.uses.Unlock()
	batch := map[string]use{}
	for id, u := range t.uses.at {
		if len(batch) == usageBatch {
			break
		}
		batch[id] = u
		delete(t.uses.at, id)
	}
	return batch
}

// giveBack notes again what nothing newer has taken the place of.
func (t *Tokens) giveBack(batch map[string]use) {
	t.uses.Lock()
	defer t.uses.Unlock()
	for id, u := range batch {
		if _, newer := t.uses.at[id]; !newer {
			t.uses.at[id] = u
		}
	}
}

// address is empty where it is not known.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
