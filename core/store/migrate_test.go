package store_test

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// migrations counts the files of one database: they are numbered from 1.
func migrations(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("migrations", "sqlite", "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	return len(files)
}

func TestASchemaFromTheFutureIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.Migrate(ctx); err != nil {
			t.Errorf("migrating again: %v", err)
		}
		if err := s.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO schema_version (version_id, is_applied) VALUES (999, TRUE)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		err := s.Migrate(ctx)
		if !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "999") || !strings.Contains(err.Error(), "up to "+strconv.Itoa(migrations(t))) {
			t.Errorf("error %v, want both versions", err)
		}
	})
}

// The two files of a migration are written by hand; this is what keeps them
// from drifting apart.
func TestBothDatabasesHaveOneSchema(t *testing.T) {
	queries := map[store.Dialect]string{
		store.SQLite: `SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_version' ORDER BY 1`,
		store.PostgreSQL: `SELECT table_name || '.' || column_name FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name <> 'schema_version' ORDER BY (table_name || '.' || column_name) COLLATE "C"`,
	}
	got := map[store.Dialect][]string{}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Query(t.Context(), queries[s.Dialect()])
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var column string
				if err := rows.Scan(&column); err != nil {
					return err
				}
				got[s.Dialect()] = append(got[s.Dialect()], column)
			}
			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if len(got) < 2 {
		t.Skip("only one database is here")
	}
	if diff := cmp.Diff(got[store.SQLite], got[store.PostgreSQL]); diff != "" || len(got[store.SQLite]) < 50 {
		t.Errorf("%d columns (-sqlite +postgres):\n%s", len(got[store.SQLite]), diff)
	}
}

// PostgreSQL orders texts by its locale unless a column says otherwise, and then
// pages, ranges and prefixes are others than with SQLite.
func TestTextsAreOrderedByBytes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if s.Dialect() != store.PostgreSQL {
			return
		}
		err := s.Select(t.Context(), func(rows *sql.Rows) error {
			var column string
			err := rows.Scan(&column)
			t.Errorf("%s has no COLLATE \"C\"", column)
			return err
		}, `SELECT table_name || '.' || column_name FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name <> 'schema_version' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
		if err != nil {
			t.Fatal(err)
		}
	})
}
