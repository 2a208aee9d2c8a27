package provisioning

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Naming counts the tokens, live at the time given, whose hashes name each of
// the keys in the keyring. One that names none of them counts for each.
func Naming(ctx context.Context, tx *store.Tx, ids []string, at time.Time) (map[string]int, error) {
	rows, err := tx.Query(ctx, `SELECT verifier FROM provisioning_token WHERE revoked_at IS NULL AND expires_at > $1`, at.UnixMicro())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts, unknown := map[string]int{}, 0
	var verifier sql.RawBytes
next:
	for rows.Next() {
		if err := rows.Scan(&verifier); err != nil {
			return nil, err
		}
		for _, id := range ids { // an id is long and random: it stands where it is meant only
			if bytes.Contains(verifier, []byte(id)) {
				counts[id]++
				continue next
			}
		}
		unknown++
	}
	for _, id := range ids {
		counts[id] += unknown
	}
	return counts, rows.Err()
}
