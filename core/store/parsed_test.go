package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

// A statement that is run again while its rows are read, with other values, with
// far more texts than are kept, and after it has failed: each time it is as if it
// was parsed anew.
func TestStatementsAreRunAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		put := func(id string, writes int) error {
			return s.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO write_probe (id, writes) VALUES ($1, $2)`, id, writes)
				return err
			})
		}
		for i, id := range []string{"a", "b", "c"} {
			if err := put(id, i); err != nil {
				t.Fatal(err)
			}
		}
		if err := put("a", 9); err == nil {
			t.Error("a key was taken twice")
		}
		if err := put("d", 3); err != nil {
			t.Errorf("after a failure: %v", err)
		}
		const after = `SELECT id FROM write_probe WHERE id > $1 ORDER BY id`
		err := s.Read(ctx, func(tx *store.Tx) error {
			outer, err := tx.Query(ctx, after, "a")
			if err != nil {
				return err
			}
			defer outer.Close()
			if s.Dialect() == store.SQLite { // PostgreSQL has one answer at a time
				inner, err := tx.Query(ctx, after, "b")
				if err != nil {
					return err
				}
				defer inner.Close()
				if got := column(t, inner); !slices.Equal(got, []string{"c", "d"}) || inner.Err() != nil {
					t.Errorf("inside: %v, %v", got, inner.Err())
				}
			}
			if got := column(t, outer); !slices.Equal(got, []string{"b", "c", "d"}) {
				t.Errorf("outside: %v", got)
			}
			return outer.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			for i := range 300 {
				var got int
				err := s.Read(ctx, func(tx *store.Tx) error {
					return tx.QueryRow(ctx, fmt.Sprintf(`SELECT writes + %d FROM write_probe WHERE id = $1`, i), "d").Scan(&got)
				})
				if err != nil || got != 3+i {
					t.Fatalf("round %d, statement %d: %d %v", round, i, got, err)
				}
			}
		}
	})
}

func column(t *testing.T, rows *sql.Rows) (all []string) {
	t.Helper()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
