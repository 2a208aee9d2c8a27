package directory

import (
	"context"
	"fmt"

	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// shards is over how many rows a count is spread. On PostgreSQL two writers that
// touch one row cannot both commit.
const shards = 64

func writeCount(ctx context.Context, tx *store.Tx, of counted, shard int, sum tally) error {
	_, err := tx.Exec(ctx, `INSERT INTO directory_count (organization, connection, type, shard, resources, changes)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (organization, connection, type, shard) DO UPDATE SET
			resources = directory_count.resources + excluded.resources, changes = directory_count.changes + excluded.changes`,
		of.scope.Organization, of.scope.Connection, string(of.typ), shard, sum.resources, sum.changes)
	if err != nil {
		return fmt.Errorf("counting the directory's resources: %w", err)
	}
	return nil
}

// readCount is how many resources of a type there are, and how often one has
// come or gone.
func readCount(ctx context.Context, tx *store.Tx, s Scope, t sdk.Type) (sum tally, err error) {
	err = tx.QueryRow(ctx, `SELECT CAST(COALESCE(SUM(resources), 0) AS BIGINT), CAST(COALESCE(SUM(changes), 0) AS BIGINT) FROM directory_count
		WHERE organization = $1 AND connection = $2 AND type = $3`,
		s.Organization, s.Connection, string(t)).Scan(&sum.resources, &sum.changes)
	return sum, err
}
