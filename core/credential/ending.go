package credential

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// EndingKey is a live key that ends within a time.
type EndingKey struct {
	ID           string
	Client       string
	Organization string
	EndsAt       time.Time
	Replaced     bool // the client has a key that ends later
}

// EndingKeys are the live keys that end after now and not after until, soonest
// first, at most limit.
func (r *Records) EndingKeys(ctx context.Context, tx *store.Tx, now, until time.Time, limit int) (list []EndingKey, err error) {
	rows, err := tx.Query(ctx, `SELECT k.id, k.client_id, c.organization, k.expires_at,
			CASE WHEN EXISTS (SELECT 1 FROM client_key o WHERE o.client_id = k.client_id AND o.state = 'live'
				AND (o.expires_at IS NULL OR o.expires_at > k.expires_at)) THEN 1 ELSE 0 END
		FROM client_key k JOIN client c ON c.id = k.client_id
		WHERE k.state = 'live' AND k.expires_at > $1 AND k.expires_at <= $2 ORDER BY k.expires_at, k.id LIMIT $3`,
		now.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k EndingKey
		var ends int64
		var replaced int
		if err := rows.Scan(&k.ID, &k.Client, &k.Organization, &ends, &replaced); err != nil {
			return nil, err
		}
		k.EndsAt, k.Replaced = time.UnixMicro(ends), replaced == 1
		list = append(list, k)
	}
	return list, rows.Err()
}

// EndingClients are the active clients that end after now and not after until,
// soonest first, at most limit. They have id, organization and end only.
func (r *Records) EndingClients(ctx context.Context, tx *store.Tx, now, until time.Time, limit int) (list []Client, err error) {
	rows, err := tx.Query(ctx, `SELECT id, organization, expires_at FROM client
		WHERE state = 'active' AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at, id LIMIT $3`,
		now.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c Client
		var ends int64
		if err := rows.Scan(&c.ID, &c.Organization, &ends); err != nil {
			return nil, err
		}
		c.ExpiresAt = time.UnixMicro(ends)
		list = append(list, c)
	}
	return list, rows.Err()
}

// Ending are the tokens that end after now and not after until, soonest first,
// at most limit. They have id, name and end only.
func (a *AdminTokens) Ending(ctx context.Context, tx *store.Tx, now, until time.Time, limit int) (list []AdminToken, err error) {
	rows, err := tx.Query(ctx, `SELECT id, name, expires_at FROM admin_token
		WHERE revoked_at IS NULL AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at, id LIMIT $3`,
		now.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var t AdminToken
		var ends int64
		if err := rows.Scan(&t.ID, &t.Name, &ends); err != nil {
			return nil, err
		}
		t.ExpiresAt = time.UnixMicro(ends)
		list = append(list, t)
	}
	return list, rows.Err()
}
