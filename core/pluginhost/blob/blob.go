// Package blob keeps a few small blobs for each instance of a plugin: what it
// could not lose, such as the last good metadata of an IdP, or where a listing
// goes on. They stand in the database, encrypted, so that every node has them.
package blob

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Sealer encrypts for a purpose; a keyring.Keyring is one.
type Sealer interface {
	Seal(p keyring.Purpose, associated, plaintext []byte) ([]byte, error)
	Unseal(p keyring.Purpose, associated, sealed []byte) ([]byte, error)
}

// Shelf keeps blobs. Make one with New.
type Shelf struct {
	store  *store.Store
	sealer Sealer
	clock  func() time.Time
}

// New returns the shelf of a database.
func New(s *store.Store, sealer Sealer, clock func() time.Time) *Shelf {
	return &Shelf{store: s, sealer: sealer, clock: clock}
}

// Load returns a blob of an instance and its version; 0 is that there is none.
func (h *Shelf) Load(ctx context.Context, instance, name string) (blob []byte, version int64, err error) {
	var sealed []byte
	err = h.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT version, sealed FROM plugin_blob WHERE instance = $1 AND name = $2`, instance, name).Scan(&version, &sealed)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	blob, err = h.sealer.Unseal(keyring.PluginState, place(instance, name), sealed)
	if err != nil {
		return nil, 0, problem.Wrap(err, problem.Internal, "what instance %q keeps as %q does not open: its row was altered, or its key is gone", instance, name).
			WithHint("restore the table plugin_blob from a backup, or delete that row: the instance then begins anew")
	}
	return blob, version, nil
}

// Save keeps a blob in place of the one with that version, 0 where there was
// none, and returns its version; an empty blob removes it. It fails as Changed
// where another one is there, and as TooLarge with more than hostsvc.StateMost.
func (h *Shelf) Save(ctx context.Context, instance, name string, blob []byte, version int64) (now int64, err error) {
	sealed, err := h.sealer.Seal(keyring.PluginState, place(instance, name), blob)
	if err != nil {
		return 0, err
	}
	err = h.store.Write(ctx, func(tx *store.Tx) error {
		var n int64
		var err error
		switch now = version + 1; {
		case len(blob) == 0:
			now = 0
			n, err = tx.Exec(ctx, `DELETE FROM plugin_blob WHERE instance = $1 AND name = $2 AND version = $3`, instance, name, version)
		case version > 0:
			n, err = tx.Exec(ctx, `UPDATE plugin_blob SET version = $1, sealed = $2, changed_at = $3 WHERE instance = $4 AND name = $5 AND version = $6`,
				now, sealed, h.clock().UnixMicro(), instance, name, version)
		default:
			var count int
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM plugin_blob WHERE instance = $1`, instance).Scan(&count); err != nil {
				return err
			}
			if count >= hostsvc.StateMost {
				return problem.New(problem.TooLarge, "instance %q keeps %d blobs, which is as many as it may", instance, count)
			}
			n, err = tx.Exec(ctx, `INSERT INTO plugin_blob (instance, name, version, sealed, changed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
				instance, name, now, sealed, h.clock().UnixMicro())
		}
		if err == nil && n != 1 && (len(blob) > 0 || version > 0) {
			err = problem.New(problem.Changed, "instance %q has kept another %q meanwhile", instance, name)
		}
		return err
	})
	return now, err
}

// place is what a blob is bound to: it opens in its own row only. Neither name
// has a NUL.
func place(instance, name string) []byte { return []byte("plugin_blob\x00" + instance + "\x00" + name) }
