package grant_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Who has a protected role, what is kept of it, and what ends next are found by
// their indexes: what a change costs must not grow with the directory.
func TestHoldersAreFoundByTheirIndex(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	for name, c := range map[string]struct {
		text string
		args []any
		want string
	}{
		"holders": {grant.Lasting, []any{"r", "acme", "user:", "user;", 20}, "principal_grant_holder (role=? AND organization=? AND principal>? AND principal<?)"},
		"kept":    {`SELECT * FROM principal_grant WHERE role = $1 AND organization = $2 AND kept_at IS NOT NULL`, []any{"r", "acme"}, "principal_grant_kept (role=? AND organization=?)"},
		"next":    {`SELECT MIN(expires_at) FROM principal_grant WHERE expires_at IS NOT NULL AND kept_at IS NULL`, nil, "principal_grant_end"},
		"over":    {`SELECT * FROM principal_grant WHERE expires_at IS NOT NULL AND kept_at IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT 9`, []any{1}, "principal_grant_end (expires_at>? AND expires_at<?)"},
	} {
		var plan []string
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Query(t.Context(), `EXPLAIN QUERY PLAN `+c.text, c.args...)
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
		if got := strings.Join(plan, "\n"); !strings.Contains(got, c.want) || strings.Contains(got, "B-TREE") {
			t.Errorf("%s: the plan is:\n%s", name, got)
		}
	}
}

// BenchmarkHolders takes a protected role from one of many who have it.
func BenchmarkHolders(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint("holders=", n), func(b *testing.B) {
			w := open(b, storetest.Open(b, storetest.SQLite(b)))
			w.protected = []string{"r0"}
			w.take(mapping(b, "okta", "admins", "r0", "Admins"))
			w.clear()
			var changes []sdk.Change
			for i := range n {
				changes = append(changes, sdk.Create{Resource: user(fmt.Sprintf("u%06d", i), "Admins", true)})
				if len(changes) == 1000 || i == n-1 {
					w.apply(acme, changes...)
					changes = nil
				}
			}
			for b.Loop() {
				w.apply(acme, sdk.Replace{Resource: user("u000050", "Sales", true)})
				w.apply(acme, sdk.Replace{Resource: user("u000050", "Admins", true)})
			}
		})
	}
}
