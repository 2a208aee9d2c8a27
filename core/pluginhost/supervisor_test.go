package pluginhost

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// scripted is a generation that does what a test says. What the supervisor does
// with real processes is in the other tests; here it is its clock.
type scripted struct {
	number int
	over   chan struct{}
	once   sync.Once
	health func() error
	takes  func(ctx context.Context, c Configure) error

	mu      sync.Mutex
	removed []string
}

func (g *scripted) configure(ctx context.Context, c Configure) (Configured, error) {
	if g.takes == nil {
		return Configured{}, nil
	}
	return Configured{}, g.takes(ctx, c)
}

func (g *scripted) remove(_ context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removed = append(g.removed, name)
	return nil
}

func (g *scripted) healthy(ctx context.Context) error {
	if g.health == nil {
		return nil
	}
	return g.health()
}
func (g *scripted) ended() <-chan struct{} { return g.over }
func (g *scripted) ending() error          { return errors.New("it ended") }
func (g *scripted) kill()                  { g.once.Do(func() { close(g.over) }) }
func (g *scripted) stop()                  { g.kill() }

// stage launches generations and notes when.
type stage struct {
	*supervisor[*scripted]
	began   time.Time
	mu      sync.Mutex
	made    []*scripted
	times   []time.Duration
	states  []string
	prepare func(*scripted)
	refuse  error
	log     bytes.Buffer
}

func newStage(t *testing.T, prepare func(*scripted)) *stage {
	t.Helper()
	s := &stage{began: time.Now(), prepare: prepare}
	s.supervisor = newSupervisor("good", s.launch, backoff{random: rand.Reader}, usualPace,
		slog.New(slog.NewTextHandler(&s.log, nil)), func(state State, _ uint64) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.states = append(s.states, state.String())
		})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) launch(context.Context) (*scripted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Since(s.began))
	if s.refuse != nil {
		return nil, s.refuse
	}
	g := &scripted{number: len(s.made) + 1, over: make(chan struct{})}
	if s.prepare != nil {
		s.prepare(g)
	}
	s.made = append(s.made, g)
	return g, nil
}

func (s *stage) last() *scripted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made[len(s.made)-1]
}

func (s *stage) launches() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration{}, s.times...)
}

func (s *stage) is() State {
	state, _ := s.at()
	return state
}

func TestFirstRestartIsSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		defer s.stop(t.Context())
		time.Sleep(time.Hour)
		synctest.Wait()
		s.last().kill()
		time.Sleep(backoffFirst)
		synctest.Wait()
		if s.is() != Ready || len(s.made) != 2 {
			t.Errorf("%s after %v", s.is(), s.launches())
		}
	})
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		defer s.stop(t.Context())
		for range failureLimit {
			s.last().kill()
			time.Sleep(10 * time.Second) // longer than the first waits are
			synctest.Wait()
		}
		if s.is() != Quarantined {
			t.Fatalf("%s after %v", s.is(), s.launches())
		}
		_, err := s.pass(t.Context(), "", false)
		if !problem.Is(err, problem.Unavailable) || problem.As(err).RetryAfter < 30*time.Second {
			t.Errorf("a call: %v", err)
		}
		s.mu.Lock()
		s.refuse = errors.New("it does not start")
		before := len(s.times)
		s.mu.Unlock()
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if probes := len(s.launches()) - before; probes != 3 || s.is() != Quarantined {
			t.Errorf("%d probes in three minutes, %s", probes, s.is())
		}
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		time.Sleep(quarantineWait)
		synctest.Wait()
		if s.is() != Ready {
			t.Errorf("%s after a probe that succeeded", s.is())
		}
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers string // of each question in turn: y(es), n(o)
		killed  bool
	}{
		"three in a row":      {"nnn", true},
		"two and one that is": {"nnynn", false},
		"well":                {"yyyyy", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				s := newStage(t, func(g *scripted) {
					if g.number > 1 {
						return
					}
					g.health = func() error {
						asked++
						if asked <= len(c.answers) && c.answers[asked-1] == 'n' {
							return errors.New("no answer")
						}
						return nil
					}
				})
				defer s.stop(t.Context())
				time.Sleep(time.Minute)
				synctest.Wait()
				if killed := len(s.launches()) > 1; killed != c.killed {
					t.Errorf("killed: %v", killed)
				}
			})
		})
	}
}

func TestCallsWaitForARestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		comesBack time.Duration
		answered  bool
	}{
		"in time": {time.Second, true}, "too late": {time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, func(g *scripted) {
					if g.number == 2 {
						g.takes = func(context.Context, Configure) error { time.Sleep(c.comesBack); return nil }
					}
				})
				defer s.stop(t.Context())
				keep(t, s, "one")
				s.last().kill()
				synctest.Wait()
				began := time.Now()
				l, err := s.pass(t.Context(), "one", false)
				if c.answered != (err == nil) {
					t.Fatalf("got %v", err)
				}
				if err == nil {
					l.release()
				} else if waited := time.Since(began); waited != usualPace.wait || problem.As(err).RetryAfter == 0 {
					t.Errorf("it waited %s: %v", waited, err)
				}
			})
		})
	}
}

func keep(t *testing.T, s *stage, names ...string) {
	t.Helper()
	l, err := s.pass(t.Context(), "", false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	for _, name := range names {
		if !l.keep(Configure{Instance: name}) {
			t.Fatal("the generation is over")
		}
	}
}

func TestDrainWaitsAndRemoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		keep(t, s, "one", "two")
		l, err := s.pass(t.Context(), "one", false)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() { time.Sleep(3 * time.Second); l.release() }()
		s.stop(t.Context())
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("it waited %s for a call of 3s", waited)
		}
		slices.Sort(s.last().removed)
		if diff := cmp.Diff([]string{"one", "two"}, s.last().removed); diff != "" {
			t.Error(diff)
		}
		if s.is() != Stopped {
			t.Errorf("it is %s", s.is())
		}
		if _, err := s.pass(t.Context(), "one", false); !problem.Is(err, problem.Unavailable) {
			t.Errorf("a call afterwards: %v", err)
		}
	})
}

func TestStopDuringBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.mu.Lock()
		s.refuse = errors.New("it does not start")
		s.mu.Unlock()
		s.last().kill()
		time.Sleep(time.Minute)
		s.stop(t.Context())
		s.stop(t.Context()) // again, and at once
		if s.is() != Stopped {
			t.Errorf("it is %s", s.is())
		}
	})
}
