package directory

import (
	"context"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Standing is whose user somebody is, and whether they are active.
type Standing struct {
	Organization string
	Connection   string // "" is none
	Active       bool
}

// Standing tells it of users, within a transaction. Who is not there, or deleted,
// is not among the answers.
func (d *Directory) Standing(ctx context.Context, tx *store.Tx, users []string) (map[string]Standing, error) {
	all := make(map[string]Standing, len(users))
	for part := range slices.Chunk(users, chunk) {
		if err := standing(ctx, tx, part, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func standing(ctx context.Context, tx *store.Tx, users []string, into map[string]Standing) error {
	var st statement
	st.text(`SELECT id, organization, connection, active FROM directory_resource
		WHERE type = 'User' AND deleted_at IS NULL AND id IN ` + st.list(users))
	rows, err := tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var id string
		var s Standing
		if err := rows.Scan(&id, &s.Organization, &s.Connection, &s.Active); err != nil {
			return err
		}
		into[id] = s
	}
	return rows.Err()
}
