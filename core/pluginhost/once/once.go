// Package once remembers ids that count once, such as that of a SAML assertion,
// on all nodes and over restarts: it is what stops a replay.
package once

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Memory remembers ids. Make one with New.
type Memory struct {
	store *store.Store
	clock func() time.Time
}

// New returns the memory of a database.
func New(s *store.Store, clock func() time.Time) *Memory { return &Memory{store: s, clock: clock} }

// Take takes an id of a kind for an instance until a time, and says whether it
// was there to be taken: nobody had, or only until now. It is one row of one
// database, so of two nodes that take an id at the same time one is told so. The
// id is kept as its SHA-256: however long it is, it takes the same room, and an id
// that is a secret is not readable here.
func (m *Memory) Take(ctx context.Context, instance, kind, id string, until time.Time) (first bool, err error) {
	hash := sha256.Sum256([]byte(id))
	err = m.store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO plugin_once (instance, kind, id, until_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (instance, kind, id) DO UPDATE SET until_at = excluded.until_at WHERE plugin_once.until_at < $5`,
			instance, kind, hash[:], until.UnixMicro(), m.clock().UnixMicro())
		first = n == 1
		return err
	})
	return first && err == nil, err
}

// sweepLimit is how many ids one transaction forgets, so that it is a short one.
const sweepLimit = 1000

// Sweep forgets ids whose time is over.
func (m *Memory) Sweep(ctx context.Context) error {
	for {
		var gone int64
		err := m.store.Write(ctx, func(tx *store.Tx) (err error) {
			gone, err = tx.Exec(ctx, `DELETE FROM plugin_once WHERE (instance, kind, id) IN
				(SELECT instance, kind, id FROM plugin_once WHERE until_at < $1 ORDER BY until_at LIMIT $2)`, m.clock().UnixMicro(), sweepLimit)
			return err
		})
		if err != nil || gone < sweepLimit {
			return err
		}
	}
}

// sweepEvery is how often Run forgets.
const sweepEvery = time.Minute

// Run sweeps until ctx ends, and reports what fails.
func (m *Memory) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := m.Sweep(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}
