package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestAnswerOfAnOldGenerationIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		defer s.stop(t.Context())
		keep(t, s, "one")
		calls := []int{}
		got, err := twice(t.Context(), s.supervisor, "one", func(_ context.Context, g *scripted) (string, error) {
			calls = append(calls, g.number)
			if g.number == 1 {
				g.kill()
				time.Sleep(time.Second) // it is replaced, and answers all the same
			}
			return fmt.Sprintf("answer of %d", g.number), nil
		})
		if err != nil || got != "answer of 2" || !cmp.Equal(calls, []int{1, 2}) {
			t.Errorf("got %q, %v after %v", got, err, calls)
		}
		_, err = once(t.Context(), s.supervisor, "one", func(_ context.Context, g *scripted) (string, error) {
			g.kill()
			time.Sleep(time.Second)
			return "late", nil
		})
		if !errors.Is(err, errDied) {
			t.Errorf("a call that is not repeated: %v", err)
		}
	})
}

func TestConfigurationDuringADeathIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		defer s.stop(t.Context())
		l, err := s.pass(t.Context(), "", false)
		if err != nil {
			t.Fatal(err)
		}
		s.last().kill()
		time.Sleep(time.Second)
		if l.keep(Configure{Instance: "one"}) {
			t.Error("the next generation does not know it, and the caller believes it is there")
		}
		l.release()
	})
}

func TestInstanceInDoubtIsNotUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken []string
		s := newStage(t, func(g *scripted) {
			g.takes = func(ctx context.Context, c Configure) error {
				taken = append(taken, string(c.Values))
				if string(c.Values) == "hangs" {
					<-ctx.Done() // and perhaps took it
					return ctx.Err()
				}
				time.Sleep(time.Second)
				return nil
			}
		})
		defer s.stop(t.Context())
		if _, err := s.configure(t.Context(), Configure{Instance: "one", Values: []byte("old")}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.configure(ctx, Configure{Instance: "one", Values: []byte("hangs")}); err == nil {
			t.Fatal("it was taken")
		}
		if _, err := s.pass(t.Context(), "one", false); !errors.Is(err, errDoubt) {
			t.Errorf("a call while nobody knows: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		l, err := s.pass(t.Context(), "one", false)
		if err != nil {
			t.Fatalf("a call after it was configured again: %v", err)
		}
		l.release()
		if diff := cmp.Diff([]string{"old", "hangs", "old"}, taken); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSuspectGoesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		defer s.stop(t.Context())
		keep(t, s, "one")
		var mu sync.Mutex
		inFlight, most := map[int]int{}, map[int]int{}
		var calls sync.WaitGroup
		deaths := 0
		call := func(poison bool) error {
			_, err := twice(t.Context(), s.supervisor, "one", func(_ context.Context, g *scripted) (int, error) {
				mu.Lock()
				inFlight[g.number]++
				most[g.number] = max(most[g.number], inFlight[g.number])
				mu.Unlock()
				defer func() { mu.Lock(); inFlight[g.number]--; mu.Unlock() }()
				time.Sleep(10 * time.Millisecond)
				if poison {
					deaths++
					g.kill()
				}
				if isOver(g) {
					return 0, died("good")
				}
				return 1, nil
			})
			return err
		}
		for range 5 {
			calls.Go(func() {
				if err := call(false); err != nil {
					t.Errorf("a good call: %v", err)
				}
			})
		}
		calls.Go(func() {
			time.Sleep(time.Millisecond) // in the midst of them
			if err := call(true); !problem.Is(err, problem.Unavailable) || !strings.Contains(err.Error(), "twice") {
				t.Errorf("the poison: %v", err)
			}
		})
		calls.Wait()
		if deaths > 2 {
			t.Errorf("%d deaths", deaths)
		}
		for number, n := range most {
			if number > 1 && n > 1 {
				t.Errorf("%d suspects at once in generation %d", n, number)
			}
		}
	})
}
