package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

// Who is to be a member is found by the ids: what a change of members costs must
// not grow with the connection.
func TestMembersAreFoundByTheirIDs(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = fmt.Sprint("u", i)
	}
	text, args := directory.Those(acme, ids)
	var plan []string
	err := s.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), `EXPLAIN QUERY PLAN `+text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			plan = append(plan, step)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(plan, "\n"); !strings.Contains(got, "sqlite_autoindex_directory_resource_1 (id=?)") {
		t.Errorf("the plan is:\n%s", got)
	}
}
