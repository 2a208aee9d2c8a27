package credential

import (
	"context"
	"errors"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Declare makes the clients of the configuration's files what they say: new
// blocks are created, changed ones updated, and clients whose block is gone are
// suspended. One transaction, which with joins.
func (r *Records) Declare(ctx context.Context, by By, declared []Client, with func(*store.Tx) error) error {
	return r.store.Write(ctx, func(tx *store.Tx) error {
		stored, err := r.all(ctx, tx)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, c := range declared {
			seen[c.ID] = true
			if err := r.declare(ctx, tx, by, c, stored); err != nil {
				return err
			}
		}
		for id, c := range stored {
			if c.Source != FromFile || seen[id] || c.State == Suspended {
				continue
			}
			gone := c
			gone.State = Suspended
			if err := r.update(ctx, tx, by, c, gone); err != nil {
				return err
			}
		}
		return with(tx)
	})
}

func (r *Records) declare(ctx context.Context, tx *store.Tx, by By, c Client, stored map[string]Client) error {
	c.Source, c.State = FromFile, Active
	if c.Owner == "" {
		c.Owner = OrganizationOwned
	}
	if err := c.check(); err != nil {
		return err
	}
	old, exists := stored[c.ID]
	switch {
	case !exists:
		c.Version, c.CreatedAt = 1, r.now()
		c.UpdatedAt = c.CreatedAt
		err := r.insert(ctx, tx, by, c)
		if errors.Is(err, store.ErrConflict) {
			return problem.Wrap(err, problem.Conflict, "client %q was made at run time and cannot be declared in a file", c.ID).
				WithHint("remove the block, or give it another id")
		}
		return err
	case old.Organization != c.Organization:
		return problem.New(problem.Conflict, "client %q belongs to organization %q, not %q", c.ID, old.Organization, c.Organization).
			WithHint("a client never changes its organization: declare a new one")
	case old.Instance != c.Instance:
		return problem.New(problem.Conflict, "the keys of client %q were issued by authenticator %q, not %q", c.ID, old.Instance, c.Instance).
			WithHint("declare a new client for the other authenticator")
	case old.same(c):
		return nil
	}
	return r.update(ctx, tx, by, old, c)
}

func (r *Records) update(ctx context.Context, tx *store.Tx, by By, old, c Client) error {
	_, err := tx.Exec(ctx, `UPDATE client SET name = $1, owner = $2, state = $3, scopes = $4, networks = $5, expires_at = $6,
		rate = $7, version = version + 1, updated_at = $8 WHERE id = $9`,
		c.Name, c.Owner, c.State, strings.Join(c.Scopes, "\n"), joinPrefixes(c.Networks), micros(c.ExpiresAt), perHour(c.Rate), r.now().UnixMicro(), c.ID)
	if err != nil {
		return err
	}
	action := audit.ClientUpdated
	if old.State != c.State {
		action = audit.ClientRestored
		if c.State == Suspended {
			action = audit.ClientSuspended
		}
	}
	return r.record(ctx, tx, by, action, c.Organization, c.ID, old, c, change.Client(c.ID))
}

func (r *Records) all(ctx context.Context, tx *store.Tx) (map[string]Client, error) {
	rows, err := tx.Query(ctx, `SELECT `+clientColumns+` FROM client c WHERE c.source = $1`, FromFile)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	stored := map[string]Client{}
	for rows.Next() {
		var c Client
		var scan clientScan
		if err := rows.Scan(scan.into(&c)...); err != nil {
			return nil, err
		}
		if err := scan.finish(&c); err != nil {
			return nil, err
		}
		stored[c.ID] = c
	}
	return stored, rows.Err()
}
