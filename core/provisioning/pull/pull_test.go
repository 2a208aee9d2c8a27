package pull_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/provisioning/pull"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var acme = pull.Source{Instance: "acme-google/google", Connection: "acme-google", Organization: "acme", Every: 15 * time.Minute}

// world is an IdP whose passes have parts, and a directory that they end in.
type world struct {
	*pull.Pulls
	mu      sync.Mutex
	now     time.Time
	parts   int      // of a pass
	cursors []string // that were asked with
	passes  []string // of each part
	ended   []string // passes
	held    bool
	fail    func(cursor string) error
	failEnd error
}

func newWorld(s *store.Store) *world {
	w := &world{now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), parts: 3}
	w.start(s)
	return w
}

// start is what a restart of the host does too.
func (w *world) start(s *store.Store) {
	w.Pulls = pull.New(pull.Options{
		Store: s, Sources: func() []pull.Source { return []pull.Source{acme} }, Plugins: w, Directory: w,
		Clock: func() time.Time { return w.now }, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	})
}

func (w *world) Sync(ctx context.Context, instance, organization, cursor string) (provision.Progress, []provision.Note, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if instance != acme.Instance || organization != acme.Organization {
		return provision.Progress{}, nil, errors.New("another instance was asked")
	}
	w.cursors, w.passes = append(w.cursors, cursor), append(w.passes, w.PassOf(tracing.ID(ctx)))
	if w.fail != nil {
		if err := w.fail(cursor); err != nil {
			return provision.Progress{}, nil, err
		}
	}
	n, _ := strconv.Atoi(cursor)
	if n+1 == w.parts {
		return provision.Progress{Done: true}, nil, nil
	}
	return provision.Progress{Cursor: strconv.Itoa(n + 1)}, nil, nil
}

func (w *world) EndPass(_ context.Context, by directory.By, s directory.Scope, after string, _ int) (directory.Gone, bool, error) {
	if w.failEnd != nil || s != (directory.Scope{Organization: "acme", Connection: "acme-google"}) || by.Actor != "connection:acme-google" {
		return directory.Gone{}, false, errors.Join(w.failEnd, errors.New("not ended"))
	}
	if after == "" {
		return directory.Gone{Users: 1, Next: "u1"}, w.held, nil
	}
	w.ended = append(w.ended, by.Pass)
	return directory.Gone{}, false, nil
}

func (w *world) status(t *testing.T) pull.Status {
	t.Helper()
	all, err := w.All(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sources, %v", len(all), err)
	}
	return all[0]
}

func each(t *testing.T, f func(t *testing.T, s *store.Store, w *world)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) { f(t, s, newWorld(s)) })
}

func TestAPass(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, w *world) {
		w.held = true
		for _, step := range []struct {
			after time.Duration
			asked int // in all
		}{{0, 3}, {0, 3}, {14 * time.Minute, 3}, {time.Minute, 6}} {
			w.now = w.now.Add(step.after)
			if err := w.Advance(t.Context(), acme); err != nil {
				t.Fatal(err)
			}
			if len(w.cursors) != step.asked {
				t.Fatalf("after %v it was asked %d times, want %d", step.after, len(w.cursors), step.asked)
			}
		}
		if diff := cmp.Diff([]string{"", "1", "2", "", "1", "2"}, w.cursors); diff != "" {
			t.Error(diff)
		}
		first, second := w.passes[0], w.passes[3]
		if first == "" || first == second {
			t.Errorf("the passes are %q and %q", first, second)
		}
		if diff := cmp.Diff([]string{first, first, first, second, second, second}, w.passes); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{first, second}, w.ended); diff != "" {
			t.Errorf("ended passes: %s", diff)
		}
		if s := w.status(t); s.State != pull.Waiting || !s.CompletedAt.Equal(w.now) || s.Parts != 3 || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		if w.PassOf("") != "" || w.PassOf("another") != "" {
			t.Error("a call of no part belongs to a pass")
		}
	})
}

func TestAPassGoesOnAfterAFailure(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, w *world) {
		limited := problem.New(problem.Throttled, "Google asks to wait").WithRetryAfter(2 * time.Minute)
		w.fail = func(cursor string) error {
			if cursor == "1" {
				return limited
			}
			return nil
		}
		if err := w.Advance(t.Context(), acme); !errors.Is(err, limited) {
			t.Fatal(err)
		}
		if got := w.status(t); got.State != pull.Reading || got.Parts != 1 || got.Problem != limited.Detail || !got.RetryAt.Equal(w.now.Add(2*time.Minute)) {
			t.Errorf("%+v", got)
		}
		w.start(s)
		w.now = w.now.Add(2*time.Minute - time.Microsecond)
		if err := w.Advance(t.Context(), acme); err != nil || len(w.cursors) != 2 {
			t.Fatalf("before its time: %v, asked %q", err, w.cursors)
		}
		w.now, w.fail = w.now.Add(time.Microsecond), nil
		if err := w.Advance(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"", "1", "1", "2"}, w.cursors); diff != "" {
			t.Error(diff)
		}
		if len(w.ended) != 1 || w.ended[0] != w.passes[0] || w.passes[3] != w.passes[0] {
			t.Errorf("the passes were %q, ended is %q", w.passes, w.ended)
		}
	})
}

func TestFailuresWaitLongerEachTime(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, w *world) {
		w.fail = func(string) error { return errors.New("no route") }
		var waits []time.Duration
		for range 9 {
			if err := w.Advance(t.Context(), acme); err == nil {
				t.Fatal("no error")
			}
			next := w.status(t).RetryAt
			waits = append(waits, next.Sub(w.now))
			w.now = next
		}
		s := time.Second
		if diff := cmp.Diff([]time.Duration{30 * s, 60 * s, 120 * s, 240 * s, 480 * s, 960 * s, 1920 * s, 3600 * s, 3600 * s}, waits); diff != "" {
			t.Error(diff)
		}
		if len(w.ended) != 0 {
			t.Errorf("an incomplete pass was ended: %q", w.ended)
		}
	})
}

func TestACursorThatLeadsNowhere(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, w *world) {
		w.fail = func(cursor string) error {
			if cursor == "2" {
				return problem.New(problem.Changed, "another configuration")
			}
			return nil
		}
		if err := w.Advance(t.Context(), acme); !problem.Is(err, problem.Changed) {
			t.Fatal(err)
		}
		w.now, w.fail = w.status(t).RetryAt, nil
		if err := w.Advance(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"", "1", "2", "", "1", "2"}, w.cursors); diff != "" {
			t.Error(diff)
		}
		if len(w.ended) != 1 || w.ended[0] == w.passes[0] || w.ended[0] != w.passes[5] {
			t.Errorf("the passes were %q, ended is %q", w.passes, w.ended)
		}
	})
}

// A host that ends in the middle leaves the pass where it was.
func TestAPassGoesOnAfterARestart(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, w *world) {
		ctx, stop := context.WithCancel(t.Context())
		w.fail = func(cursor string) error {
			if cursor == "2" {
				stop()
				return ctx.Err()
			}
			return nil
		}
		if err := w.Advance(ctx, acme); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := w.status(t); got.State != pull.Reading || got.Failures != 0 {
			t.Errorf("%+v", got)
		}
		w.fail, w.failEnd = nil, errors.New("the store is away")
		w.start(s)
		if err := w.Advance(t.Context(), acme); !errors.Is(err, w.failEnd) {
			t.Fatal(err)
		}
		w.failEnd, w.now = nil, w.status(t).RetryAt
		w.start(s)
		if err := w.Advance(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"", "1", "2", "2"}, w.cursors); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{w.passes[0]}, w.ended); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAClockThatWasSetBack(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, w *world) {
		for range 2 {
			if err := w.Advance(t.Context(), acme); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(-time.Hour)
		}
		if len(w.ended) != 2 {
			t.Errorf("%d passes, want 2", len(w.ended))
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		w := newWorld(nil)
		w.Options.Sources = func() []pull.Source { return nil }
		w.Run(ctx)
		if ctx.Err() == nil {
			t.Error("it ended before")
		}
	})
}

func TestAsk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s)
		if err := w.Ask(t.Context(), acme); err != nil { // it was never asked before
			t.Fatal(err)
		}
		pass := func() (done bool) {
			before := len(w.ended)
			if err := w.Advance(t.Context(), acme); err != nil {
				t.Fatal(err)
			}
			return len(w.ended) > before
		}
		if !pass() || pass() {
			t.Fatal("the first pass is not made once")
		}
		w.now = w.now.Add(time.Minute)
		if err := w.Ask(t.Context(), acme); err != nil || !pass() {
			t.Errorf("no pass began before its time: %v", err)
		}
		// After a failure it goes on from where it was, and does not wait.
		w.fail = func(cursor string) error {
			if cursor == "1" {
				return problem.New(problem.Throttled, "too often").WithRetryAfter(time.Hour)
			}
			return nil
		}
		w.now = w.now.Add(time.Hour)
		if err := w.Advance(t.Context(), acme); !problem.Is(err, problem.Throttled) {
			t.Fatal(err)
		}
		w.fail = nil
		if pass() {
			t.Error("it did not wait")
		}
		if err := w.Ask(t.Context(), acme); err != nil || !pass() || w.cursors[len(w.cursors)-2] != "1" {
			t.Errorf("it did not go on: %v, %q", err, w.cursors)
		}
		// One that is under way is not begun a second time.
		w.now = w.now.Add(time.Hour)
		w.fail = func(cursor string) error {
			if cursor == "1" {
				if err := w.Ask(t.Context(), acme); !problem.Is(err, problem.Conflict) {
					t.Errorf("in the middle of a pass: %v", err)
				}
			}
			return nil
		}
		if !pass() {
			t.Error("the pass did not end")
		}
	})
}
