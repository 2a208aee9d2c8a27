package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

// TestShrinkLeavesTheConnections shrinks a store beside those who read, and
// reads with all connections afterwards.
func TestShrinkLeavesTheConnections(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		read := func() error {
			tables := 0
			return s.Select(t.Context(), func(rows *sql.Rows) error { return rows.Scan(&tables) }, `SELECT count(*) FROM change_log`)
		}
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				for range 50 {
					if err := read(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		_ = s.Shrink(t.Context()) // beside readers it may run out of time
		readers.Wait()
		if err := s.Shrink(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) { // the machine may be busy
			t.Error(err)
		}
		if err := read(); err != nil {
			t.Error(err)
		}
	})
}
