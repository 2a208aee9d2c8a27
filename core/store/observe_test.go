package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Each transaction is observed once. What its caller is to blame for is no
// failure of the store, a store that is closed is one.
func TestObserve(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		type seen struct {
			Op     store.Operation
			Failed bool
		}
		var got []seen
		s.Observe(func(op store.Operation, took time.Duration, failed bool) {
			if took < 0 {
				t.Errorf("it took %v", took)
			}
			got = append(got, seen{op, failed})
		})
		mustPut(t, s, "a", 1)
		_ = s.Write(t.Context(), func(tx *store.Tx) error { return put(t.Context(), tx, "a", 2) })
		_, _ = get(t.Context(), s, "b")
		_ = s.Write(t.Context(), func(*store.Tx) error { return problem.New(problem.Invalid, "not like this") })
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := s.Read(gone, func(*store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who went away: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, _ = get(t.Context(), s, "a")
		_ = s.Write(t.Context(), func(*store.Tx) error { return nil })
		want := []seen{
			{store.Writing, false}, {store.Writing, false}, {store.Reading, false}, {store.Writing, false}, {store.Reading, false},
			{store.Reading, true}, {store.Writing, true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
