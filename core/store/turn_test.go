package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestALineServesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := newTurns()
		leave, err := all.enter(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		other, err := all.enter(t.Context(), "other")
		if err != nil {
			t.Fatal(err)
		}
		other()
		var mu sync.Mutex
		var served []int
		for i := range 5 {
			go func() {
				leave, err := all.enter(t.Context(), "one")
				if err != nil {
					t.Error(err)
					return
				}
				defer leave()
				mu.Lock()
				defer mu.Unlock()
				served = append(served, i)
			}()
			synctest.Wait()
		}
		ctx, end := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := all.enter(ctx, "one")
			gone <- err
		}()
		synctest.Wait()
		end()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away hears %v", err)
		}
		if len(served) != 0 {
			t.Errorf("%d were served while another's turn lasted", served)
		}
		leave()
		synctest.Wait()
		if !slices.Equal(served, []int{0, 1, 2, 3, 4}) {
			t.Errorf("served in the order %d", served)
		}
		if len(all.by) != 0 {
			t.Errorf("%d lines are left in which nobody is", len(all.by))
		}
	})
}
