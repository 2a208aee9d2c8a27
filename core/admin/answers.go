package admin

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// keepAnswers is for how long a request can be repeated.
const keepAnswers = 24 * time.Hour

// answers keeps what was answered to requests with an idempotency key.
type answers struct {
	store *store.Store
	clock func() time.Time
}

// kept is what is known of a request with this key.
type kept struct {
	request string
	status  int // 0: its end is not known
	body    string
}

// claim takes a key for a request. If the actor has used the key before, it is
// not taken, and what is kept of that use is returned.
func (a answers) claim(ctx context.Context, actor, key, request string) (before kept, taken bool, err error) {
	now := a.clock()
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		before, taken = kept{}, false
		if _, err := tx.Exec(ctx, `DELETE FROM admin_answer WHERE expires_at <= $1`, now.UnixMicro()); err != nil {
			return err
		}
		var status sql.NullInt64
		err := tx.QueryRow(ctx, `SELECT request, status, body FROM admin_answer WHERE actor = $1 AND key = $2`, actor, key).
			Scan(&before.request, &status, &before.body)
		before.status = int(status.Int64)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		taken = true
		_, err = tx.Exec(ctx, `INSERT INTO admin_answer (actor, key, request, body, expires_at) VALUES ($1, $2, $3, '', $4)`,
			actor, key, request, now.Add(keepAnswers).UnixMicro())
		return err
	})
	return before, taken, err
}

// keep notes the answer of a request that was done.
func (a answers) keep(ctx context.Context, actor, key string, status int, body string) error {
	return a.store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE admin_answer SET status = $1, body = $2 WHERE actor = $3 AND key = $4`, status, body, actor, key)
		return err
	})
}

// forget gives the key of a request that was not done free.
func (a answers) forget(ctx context.Context, actor, key string) error {
	return a.store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM admin_answer WHERE actor = $1 AND key = $2`, actor, key)
		return err
	})
}
