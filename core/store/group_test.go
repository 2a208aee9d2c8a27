package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

// While one function holds the transaction, many others queue up, so that they
// share it; every third of them fails in its own way.
func TestOneFailureInASharedCommitIsItsOwn(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	const n = 60
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			close(inside)
			<-release
			return put(t.Context(), tx, "first", 1)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	errs := make([]error, n)
	panics := make([]any, n)
	var queued sync.WaitGroup
	for i := range n {
		queued.Add(1)
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			queued.Done()
			errs[i] = s.Write(t.Context(), func(tx *store.Tx) error {
				if err := put(t.Context(), tx, fmt.Sprint("row-", i), i); err != nil {
					return err
				}
				switch i % 6 {
				case 1:
					return errors.New("mine")
				case 3:
					panic(i)
				case 5:
					return put(t.Context(), tx, "first", i) // taken
				}
				return nil
			})
		})
	}
	queued.Wait()
	close(release)
	wg.Wait()
	for i := range n {
		v, err := get(t.Context(), s, fmt.Sprint("row-", i))
		if i%2 == 0 {
			if errs[i] != nil || err != nil || v != i {
				t.Errorf("row %d: Write %v, read %d, %v", i, errs[i], v, err)
			}
			continue
		}
		if !errors.Is(err, store.ErrNotFound) || (errs[i] == nil && panics[i] == nil) {
			t.Errorf("row %d of a failed function: Write %v, panic %v, read %d, %v", i, errs[i], panics[i], v, err)
		}
		if i%6 == 5 && !errors.Is(errs[i], store.ErrConflict) {
			t.Errorf("row %d: %v, want ErrConflict", i, errs[i])
		}
	}
}

func TestACallerWhoLeavesTheQueueHasNoEffect(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.Write(t.Context(), func(*store.Tx) error { close(inside); <-release; return nil })
	})
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		left <- s.Write(ctx, func(tx *store.Tx) error { return put(t.Context(), tx, "late", 1) })
	}()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who left was told %v", err)
	}
	close(release)
	wg.Wait()
	wantAbsent(t, s, "late")
}

// A statement that makes SQLite give up the whole transaction must not take
// the work of others with it.
func TestABrokenSharedTransactionIsRunAgain(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	runs := 0
	wg.Go(func() {
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			if runs++; runs == 1 {
				close(inside)
				<-release
			}
			return put(t.Context(), tx, "innocent", 1)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	queued := make(chan struct{})
	wg.Go(func() {
		close(queued)
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `ROLLBACK`)
			return err
		})
		if err == nil {
			t.Error("the one that broke it was told that it is kept")
		}
	})
	<-queued
	close(release)
	wg.Wait()
	if v, err := get(t.Context(), s, "innocent"); err != nil || v != 1 {
		t.Errorf("innocent: %d, %v", v, err)
	}
}

// BenchmarkWrite shows what sharing a commit is worth: compare "serial" with
// "32 writers".
func BenchmarkWrite(b *testing.B) {
	for _, db := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		for _, writers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", db.name, writers), func(b *testing.B) {
				s := storetest.Open(b, db.url(b))
				next := make(chan int)
				go func() {
					defer close(next)
					for i := 0; b.Loop(); i++ {
						next <- i
					}
				}()
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for i := range next {
							if err := s.Write(b.Context(), func(tx *store.Tx) error {
								return put(b.Context(), tx, fmt.Sprint(i), i)
							}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
