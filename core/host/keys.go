package host

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// keyAction is what the audit log calls a change of a key.
func keyAction(c keyring.Change) audit.Action {
	switch {
	case c.Key.ID == keyring.RootID && c.What == keyring.Created:
		return audit.KeyringCreated
	case c.What == keyring.Resealed:
		return audit.KeyringResealed
	}
	return audit.Action("keyring_key." + c.What)
}

// keyChanged records a change of the keyring's, in its transaction.
func (h *house) keyChanged(ctx context.Context, tx *store.Tx, c keyring.Change) error {
	r := audit.Record{Action: keyAction(c), Actor: c.By.Actor, TraceID: c.By.TraceID, Subject: c.Key.ID}
	if r.Actor == "" {
		r.Actor = "host:keyring"
	}
	if c.Key.ID == keyring.RootID {
		return h.audit.Append(ctx, tx, r)
	}
	r.After = map[string]string{"purpose": string(c.Key.Purpose), "instance": c.Key.Instance, "algorithm": c.Key.Algorithm}
	tag := change.Key(string(c.Key.Purpose))
	if c.Key.Instance != "" {
		tag = change.Instance(c.Key.Instance)
	}
	if err := h.feed.Append(ctx, tx, tag); err != nil {
		return err
	}
	return h.audit.Append(ctx, tx, r)
}

// longExpired is for how long what has expired still keeps a key. A clock that
// is ahead must not remove for good what the right time needs.
const longExpired = 365 * 24 * time.Hour

// sweepKeys removes what no record names any more. It is done at the start, when
// neither a plugin nor a decoy holds an old key, and leaves alone the keys of
// instances whose credentials have no records here.
func (h *house) sweepKeys(ctx context.Context, p *plan) error {
	var instances []string
	for _, in := range p.instances {
		if in.kind.Records == authn.RecordsHost {
			instances = append(instances, in.Name)
		}
	}
	if err := errors.Join(h.keyring.SweepPairs(ctx), h.keyring.SweepDecisions(ctx)); err != nil {
		return err
	}
	return h.keyring.Sweep(ctx, instances, func(tx *store.Tx, keys []keyring.Info) (map[string]int, error) {
		return h.naming(ctx, tx, keys, h.clock().Add(-longExpired))
	})
}

// naming counts the records, live at a time, that name each key of one purpose
// and instance.
func (h *house) naming(ctx context.Context, tx *store.Tx, keys []keyring.Info, at time.Time) (map[string]int, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	switch keys[0].Purpose {
	case keyring.Instance:
		return h.records.Naming(ctx, tx, keys[0].Instance, ids, at)
	case keyring.AdminToken:
		return h.tokens.Naming(ctx, tx, ids, at)
	case keyring.ProvisioningToken:
		return provisioning.Naming(ctx, tx, ids, at)
	case keyring.Assertion, keyring.Decision, keyring.PluginState, keyring.SignOn:
	}
	return nil, nil //nolint:nilnil // no record names a key of another purpose
}

// jwksAge is for how long applications may keep the keys: half of the overlap
// at most, so that they have the next key before it signs.
func (h *house) jwksAge() time.Duration { return min(5*time.Minute, h.boot.Keyring.Overlap/2) }
