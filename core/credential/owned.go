package credential

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// userOwned stands before the id of the user who owns a client.
const userOwned = "user:"

// OwnedBy is the owner of a client that answers to a user, by id; "" is none, and
// then the organization owns it.
func OwnedBy(user string) string {
	if user == "" {
		return OrganizationOwned
	}
	return userOwned + user
}

// OwnerOf is the id of the user that an owner names; "" is the organization.
func OwnerOf(owner string) string {
	if owner == OrganizationOwned {
		return ""
	}
	return strings.TrimPrefix(owner, userOwned)
}

// ownerLeft is the reason of keys that were revoked with their owner.
const ownerLeft = "its owner left"

// StopOwned stops the live keys of the clients that users own, within the
// transaction that ends the users' access. They are refused from the next request
// on, also if an owner comes back: RestoreOwned or RevokeOwned follows.
func (r *Records) StopOwned(ctx context.Context, tx *store.Tx, by By, users []string) error {
	return r.owned(ctx, tx, by, users, `k.stopped_at IS NULL`, func(c Client, k Key) error {
		at := r.now()
		if _, err := tx.Exec(ctx, `UPDATE client_key SET stopped_at = $1 WHERE id = $2`, at.UnixMicro(), k.ID); err != nil {
			return err
		}
		after := k
		after.StoppedAt = at
		return r.record(ctx, tx, by, audit.KeyStopped, c.Organization, k.ID, describe(k), describe(after), change.Client(c.ID), change.ClientKey(k.ID))
	})
}

// RestoreOwned lets the keys go on that StopOwned has stopped: that the owners
// left was a mistake.
func (r *Records) RestoreOwned(ctx context.Context, tx *store.Tx, by By, users []string) error {
	return r.owned(ctx, tx, by, users, `k.stopped_at IS NOT NULL`, func(c Client, k Key) error {
		if _, err := tx.Exec(ctx, `UPDATE client_key SET stopped_at = NULL WHERE id = $1`, k.ID); err != nil {
			return err
		}
		after := k
		after.StoppedAt = time.Time{}
		return r.record(ctx, tx, by, audit.KeyRestored, c.Organization, k.ID, describe(k), describe(after), change.Client(c.ID), change.ClientKey(k.ID))
	})
}

// RevokeOwned ends for good the keys that StopOwned has stopped. Those that were
// made since, for an owner who came back, are left alone.
func (r *Records) RevokeOwned(ctx context.Context, tx *store.Tx, by By, users []string) error {
	return r.owned(ctx, tx, by, users, `k.stopped_at IS NOT NULL`, func(_ Client, k Key) error {
		return r.revoke(ctx, tx, by, k, ownerLeft)
	})
}

// owned does something with the live keys of users' clients that fulfil a
// condition, in the order of their ids.
func (r *Records) owned(ctx context.Context, tx *store.Tx, by By, users []string, condition string, do func(Client, Key) error) error {
	const together = 150 // parameters of one statement
	for len(users) > 0 {
		some := users[:min(together, len(users))]
		users = users[len(some):]
		args, places := []any{by.Within}, make([]string, len(some))
		for i, id := range some {
			args = append(args, OwnedBy(id))
			places[i] = "$" + strconv.Itoa(i+2)
		}
		records, err := ownedKeys(ctx, tx, `SELECT `+clientColumns+`, `+keyColumns+` FROM client c JOIN client_key k ON k.client_id = c.id
			WHERE ($1 = '' OR c.organization = $1) AND c.owner IN (`+strings.Join(places, ", ")+`) AND k.state = 'live' AND `+condition+` ORDER BY k.id`, args)
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := do(record.Client, record.Keys[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownedKeys reads records of one key each.
func ownedKeys(ctx context.Context, tx *store.Tx, query string, args []any) (list []Record, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var one Record
		key, err := scanRecord(rows, &one.Client)
		if err != nil {
			return nil, err
		}
		one.Keys = []Key{*key}
		list = append(list, one)
	}
	return list, rows.Err()
}
