package store_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestSelect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ids := func() (list []string) {
			t.Helper()
			err := s.Select(t.Context(), func(rows *sql.Rows) error {
				var id string
				err := rows.Scan(&id)
				list = append(list, id)
				return err
			}, `SELECT id FROM write_probe WHERE id <> $1 ORDER BY id`, "x")
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if got := ids(); len(got) != 0 {
			t.Errorf("an empty table has %v", got)
		}
		for _, id := range []string{"a", "b", "x"} {
			if err := s.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), `INSERT INTO write_probe (id, writes) VALUES ($1, 0)`, id)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := ids(); len(got) != 2 || got[0] != "a" || got[1] != "b" {
			t.Errorf("what was acknowledged is not seen: %v", got)
		}

		stop := errors.New("enough")
		if err := s.Select(t.Context(), func(*sql.Rows) error { return stop }, `SELECT id FROM write_probe`); !errors.Is(err, stop) {
			t.Errorf("the error of each: %v", err)
		}
		if err := s.Select(t.Context(), func(*sql.Rows) error { return nil }, `SELECT nothing FROM nowhere`); err == nil {
			t.Error("a statement that is none was answered")
		}
		if err := s.Select(t.Context(), func(*sql.Rows) error { return nil }, `INSERT INTO write_probe (id, writes) VALUES ('w', 0) RETURNING id`); err == nil {
			t.Error("Select wrote")
		}
		if got := ids(); len(got) != 2 {
			t.Errorf("Select wrote: %v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Select(t.Context(), func(*sql.Rows) error { return nil }, `SELECT id FROM write_probe`); !problem.Is(err, problem.Unavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}
