package provisioning

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// EndingToken is a live token that ends within a time.
type EndingToken struct {
	ID           string
	Connection   string
	Organization string
	ExpiresAt    time.Time
	Replaced     bool // the connection has a token that ends later
}

// Ending are the live tokens that end after now and not after until, soonest
// first, at most limit.
func (t *Tokens) Ending(ctx context.Context, tx *store.Tx, now, until time.Time, limit int) (list []EndingToken, err error) {
	rows, err := tx.Query(ctx, `SELECT id, connection, organization, expires_at,
			CASE WHEN EXISTS (SELECT 1 FROM provisioning_token o WHERE o.connection = p.connection AND o.revoked_at IS NULL AND o.expires_at > p.expires_at) THEN 1 ELSE 0 END
		FROM provisioning_token p WHERE revoked_at IS NULL AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at, id LIMIT $3`,
		now.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one EndingToken
		var ends int64
		var replaced int
		if err := rows.Scan(&one.ID, &one.Connection, &one.Organization, &ends, &replaced); err != nil {
			return nil, err
		}
		one.ExpiresAt, one.Replaced = time.UnixMicro(ends), replaced == 1
		list = append(list, one)
	}
	return list, rows.Err()
}
