package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// put adds a row to a small table with a unique key.
func put(ctx context.Context, tx *store.Tx, id string, value int) error {
	_, err := tx.Exec(ctx, `INSERT INTO write_probe (id, writes) VALUES ($1, $2)`, id, value)
	return err
}

func get(ctx context.Context, s *store.Store, id string) (value int, err error) {
	err = s.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT writes FROM write_probe WHERE id = $1`, id).Scan(&value)
	})
	return value, err
}

func mustPut(t testing.TB, s *store.Store, id string, value int) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *store.Tx) error { return put(t.Context(), tx, id, value) }); err != nil {
		t.Fatal(err)
	}
}

// wantAbsent fails the test if a row with this id was kept.
func wantAbsent(t *testing.T, s *store.Store, id string) {
	t.Helper()
	if v, err := get(t.Context(), s, id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("row %q: value %d, error %v; want ErrNotFound", id, v, err)
	}
}

func TestErrorsThatCallersBranchOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mustPut(t, s, "a", 1)
		err := s.Write(t.Context(), func(tx *store.Tx) error { return put(t.Context(), tx, "a", 2) })
		if !errors.Is(err, store.ErrConflict) || !problem.Is(err, problem.Conflict) {
			t.Errorf("a taken key: %v", err)
		}
		_, err = get(t.Context(), s, "b")
		if !errors.Is(err, store.ErrNotFound) || !problem.Is(err, problem.NotFound) {
			t.Errorf("no row: %v", err)
		}
		if v, err := get(t.Context(), s, "a"); err != nil || v != 1 {
			t.Errorf("the first row: %d, %v", v, err)
		}
	})
}

func TestNothingIsKeptOfAFunctionThatFailed(t *testing.T) {
	mine := errors.New("mine")
	tests := map[string]func(ctx context.Context, tx *store.Tx) error{
		"an error": func(context.Context, *store.Tx) error { return mine },
		"a statement's error that it did not mind": func(ctx context.Context, tx *store.Tx) error {
			_ = put(ctx, tx, "x", 2)
			return nil
		},
		"a statement after one that failed": func(ctx context.Context, tx *store.Tx) error {
			_ = put(ctx, tx, "x", 2)
			_ = put(ctx, tx, "y", 2)
			return nil
		},
		"a panic":               func(context.Context, *store.Tx) error { panic(mine) },
		"an end of the routine": func(context.Context, *store.Tx) error { runtime.Goexit(); return nil },
		"an open cursor": func(ctx context.Context, tx *store.Tx) error {
			rows, err := tx.Query(ctx, `SELECT id FROM write_probe`) //nolint:sqlclosecheck // leaving it open is the case
			if err == nil && !rows.Next() {
				err = errors.New("no row")
			}
			return errors.Join(mine, err, rows.Err())
		},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for name, fail := range tests {
			t.Run(name, func(t *testing.T) {
				var (
					err      error
					panicked any
					effect   bool
					wg       sync.WaitGroup
				)
				wg.Go(func() {
					defer func() { panicked = recover() }()
					err = s.Write(t.Context(), func(tx *store.Tx) error {
						tx.OnCommit(func() { effect = true })
						if err := put(t.Context(), tx, "x", 1); err != nil {
							return err
						}
						return fail(t.Context(), tx)
					})
				})
				wg.Wait()
				switch name {
				case "a panic":
					if panicked != mine { //nolint:errorlint // the very value is to come back
						t.Errorf("the panic came back as %v", panicked)
					}
				case "an end of the routine":
				default:
					if err == nil {
						t.Error("Write says that it is kept")
					}
				}
				if effect {
					t.Error("an effect ran without a commit")
				}
				wantAbsent(t, s, "x")
				wantAbsent(t, s, "y")
			})
		}
		mustPut(t, s, "x", 3) // the store goes on
	})
}

func TestEffectsRunInOrderAfterTheCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var order []string
		func() {
			defer func() { order = append(order, fmt.Sprint(recover())) }()
			_ = s.Write(t.Context(), func(tx *store.Tx) error {
				order = nil // it may be run again
				tx.OnCommit(func() {
					v, err := get(t.Context(), s, "a")
					order = append(order, fmt.Sprintf("first sees %d, %v", v, err))
				})
				tx.OnCommit(func() { panic("second") })
				tx.OnCommit(func() { order = append(order, "third") })
				return put(t.Context(), tx, "a", 7)
			})
		}()
		if diff := cmp.Diff([]string{"first sees 7, <nil>", "third", "second"}, order); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
	})
}

func TestATransactionIsOfNoUseAfterwards(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var leaked *store.Tx
		if err := s.Write(t.Context(), func(tx *store.Tx) error { leaked = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		err := s.Write(t.Context(), func(*store.Tx) error {
			if err := put(t.Context(), leaked, "smuggled", 1); err == nil {
				return errors.New("the leaked transaction wrote")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		wantAbsent(t, s, "smuggled")
	})
}

func TestReadIsOneSnapshotAndReadsOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		mustPut(t, s, "a", 1)
		err := s.Read(ctx, func(tx *store.Tx) error {
			var before, after int
			if err := tx.QueryRow(ctx, `SELECT writes FROM write_probe WHERE id = 'a'`).Scan(&before); err != nil {
				return err
			}
			if err := s.Write(ctx, func(w *store.Tx) error {
				_, err := w.Exec(ctx, `UPDATE write_probe SET writes = 2 WHERE id = 'a'`)
				return err
			}); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, `SELECT writes FROM write_probe WHERE id = 'a'`).Scan(&after); err != nil {
				return err
			}
			if before != after {
				t.Errorf("one Read saw %d and then %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Read(ctx, func(tx *store.Tx) error { return put(ctx, tx, "b", 1) })
		if err == nil {
			t.Error("Read wrote")
		}
		wantAbsent(t, s, "b")
	})
}

func TestConcurrentCompareAndSwap(t *testing.T) {
	const workers, rounds = 8, 25
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		mustPut(t, s, "n", 0)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for done := 0; done < rounds; {
					err := s.Write(ctx, func(tx *store.Tx) error {
						var n int
						if err := tx.QueryRow(ctx, `SELECT writes FROM write_probe WHERE id = 'n'`).Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, `UPDATE write_probe SET writes = $1 WHERE id = 'n'`, n+1)
						return err
					})
					switch {
					case err == nil:
						done++
					case !problem.Is(err, problem.Unavailable): // gave up, and said so
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if n, err := get(ctx, s, "n"); err != nil || n != workers*rounds {
			t.Errorf("counted %d (%v), want %d", n, err, workers*rounds)
		}
	})
}

// Two transactions that each read what the other writes: only one order of
// them may be kept, or a limit such as "two live keys" would not hold.
func TestWriteSkewIsImpossible(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				err := s.Write(ctx, func(tx *store.Tx) error {
					var n int
					if err := tx.QueryRow(ctx, `SELECT count(*) FROM write_probe WHERE id LIKE 'key-%'`).Scan(&n); err != nil {
						return err
					}
					if n >= 2 {
						return nil
					}
					return put(ctx, tx, fmt.Sprint("key-", i), 1)
				})
				if err != nil && !problem.Is(err, problem.Unavailable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := s.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) FROM write_probe WHERE id LIKE 'key-%'`).Scan(&n)
		}); err != nil || n != 2 {
			t.Errorf("%d keys are live (%v), want 2", n, err)
		}
	})
}

func TestAContextThatEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Run("before its turn", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			ran := false
			err := s.Write(ctx, func(*store.Tx) error { ran = true; return nil })
			if !errors.Is(err, context.Canceled) || ran {
				t.Errorf("error %v, ran %v", err, ran)
			}
		})
		t.Run("between its statements", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Write(ctx, func(tx *store.Tx) error {
				if err := put(ctx, tx, "x", 1); err != nil {
					return err
				}
				cancel()
				return put(ctx, tx, "y", 1)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			wantAbsent(t, s, "x")
		})
		t.Run("after its last statement", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Write(ctx, func(tx *store.Tx) error {
				err := put(ctx, tx, "z", 5)
				cancel()
				return err
			})
			if v, rerr := get(t.Context(), s, "z"); (err == nil) != (rerr == nil && v == 5) {
				t.Errorf("Write says %v, and the row is %d, %v", err, v, rerr)
			}
		})
	})
}

func TestCheckAndClose(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil {
			t.Error("Check passed without a schema")
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		err = s.Write(t.Context(), func(tx *store.Tx) error { return nil })
		if !problem.Is(err, problem.Unavailable) {
			t.Errorf("Write after Close: %v", err)
		}
		if err := s.Ping(t.Context()); !problem.Is(err, problem.Unavailable) {
			t.Errorf("Ping after Close: %v", err)
		}
	})
}

func TestURLsThatNameNoDatabase(t *testing.T) {
	for _, url := range []string{"", "mysql://x", "sqlite://", "sqlite:///a.db?mode=ro", "postgres://u:hunter2@h:port/x"} {
		_, err := store.Open(t.Context(), store.Options{URL: url})
		if !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", url, err)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", url, err)
		}
	}
}
