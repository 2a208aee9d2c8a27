package store_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// A pool opens further connections when it has to. After the file was moved away
// they would be to a new one, without a table in it, for as long as the host runs.
func TestAMovedFileIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	const readers = 8
	file := filepath.Join(t.TempDir(), "gatehouse.db")
	s, err := store.Open(t.Context(), store.Options{URL: "sqlite://" + file, Readers: readers})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.WithoutCancel(t.Context())
	if err := s.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE kept (n INTEGER)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	read := func() (failed []error) {
		var mu sync.Mutex
		var all, together sync.WaitGroup
		together.Add(readers)
		for range readers {
			all.Go(func() {
				var once sync.Once
				err := s.Read(ctx, func(tx *store.Tx) error {
					once.Do(together.Done) // each has a connection of its own
					together.Wait()
					var n int
					return tx.QueryRow(ctx, `SELECT count(*) FROM kept`).Scan(&n)
				})
				once.Do(together.Done)
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		return failed
	}
	for _, name := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(file+name, file+name+".away"); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range read() {
		if !problem.Is(err, problem.Unavailable) {
			t.Errorf("while the file is away: %v", err)
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("another file was made: %v", err)
	}
	for _, name := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(file+name+".away", file+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range read() {
		t.Errorf("once it is back: %v", err)
	}
}
