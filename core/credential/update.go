package credential

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Update makes a client of the API's what change makes of it. Its id,
// organization, authenticator, owner and state stay. An error of change leaves
// it as it was; change may be called again. What with does joins the
// transaction. A file's client is a Problem (Conflict).
func (r *Records) Update(ctx context.Context, by By, id string, change func(Client) (Client, error), with func(*store.Tx, Client) error) (updated Client, err error) {
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		// The row is what two changes at once meet at.
		if _, err := tx.Exec(ctx, `UPDATE client SET version = version WHERE id = $1 AND ($2 = '' OR organization = $2)`, id, by.Within); err != nil {
			return err
		}
		old, err := r.client(ctx, tx, by.Within, id)
		if err != nil {
			return err
		}
		if old.Source != FromAPI {
			return problem.New(problem.Conflict, "client %q is declared in a file", id).WithHint("change its client block, and apply the configuration")
		}
		changed, err := change(old)
		if err != nil {
			return err
		}
		wanted := old
		wanted.Name, wanted.Scopes, wanted.Networks, wanted.Rate, wanted.ExpiresAt = changed.Name, changed.Scopes, changed.Networks, changed.Rate, changed.ExpiresAt
		if err := r.update(ctx, tx, by, old, wanted); err != nil {
			return err
		}
		if updated, err = r.client(ctx, tx, by.Within, id); err != nil {
			return err
		}
		return with(tx, updated)
	})
	return updated, err
}
