package credential

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Naming counts the live keys of an instance whose verifiers name each of its
// keys in the keyring. One that names none of them counts for each: which key
// its plugin needs for it is not known. Hashes of another system were made with
// none. Live is what is not revoked and had not
// expired at the time given.
func (r *Records) Naming(ctx context.Context, tx *store.Tx, instance string, ids []string, at time.Time) (map[string]int, error) {
	rows, err := tx.Query(ctx, `SELECT verifier FROM client_key
		WHERE instance = $1 AND state = 'live' AND foreign_hash = 0 AND (expires_at IS NULL OR expires_at > $2)`, instance, at.UnixMicro())
	if err != nil {
		return nil, err
	}
	return countNaming(rows, ids)
}

// Naming counts the tokens live at the time given whose hashes name each of the
// keys.
func (a *AdminTokens) Naming(ctx context.Context, tx *store.Tx, ids []string, at time.Time) (map[string]int, error) {
	rows, err := tx.Query(ctx, `SELECT verifier FROM admin_token
		WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)`, at.UnixMicro())
	if err != nil {
		return nil, err
	}
	return countNaming(rows, ids)
}

// countNaming looks for ids in verifiers. An id is long and random: it stands
// where it is meant only.
func countNaming(rows *sql.Rows, ids []string) (map[string]int, error) {
	defer rows.Close()
	counts, unknown := map[string]int{}, 0
	var verifier sql.RawBytes
next:
	for rows.Next() {
		if err := rows.Scan(&verifier); err != nil {
			return nil, err
		}
		for _, id := range ids {
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
