package change_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

func write(ctx context.Context, s *store.Store, f *change.Feed, tags ...change.Tag) error {
	return s.Write(ctx, func(tx *store.Tx) error { return f.Append(ctx, tx, tags...) })
}

func TestAppendWritesTheLogAndAnnounces(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		f := change.NewFeed(s, func() time.Time { return time.UnixMicro(1234567) })
		var heard [][]change.Tag
		cancel := f.Subscribe(func(tags []change.Tag) { heard = append(heard, tags) })
		client, other := f.Observe(change.Client("a"), change.Policy()), f.Observe(change.Client("b"))
		if err := write(ctx, s, f, change.Policy(), change.Client("a"), change.Policy()); err != nil {
			t.Fatal(err)
		}
		if client.Fresh() || !other.Fresh() {
			t.Errorf("fresh: the changed one %v, the other %v", client.Fresh(), other.Fresh())
		}
		cancel()
		if err := write(ctx, s, f, change.All()); err != nil {
			t.Fatal(err)
		}
		if other.Fresh() {
			t.Error("something is fresh after everything has changed")
		}
		if diff := cmp.Diff([][]change.Tag{{"client:a", "policy"}}, heard); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
		var (
			at   int64
			tags string
		)
		if err := s.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, `SELECT at, tags FROM change_log ORDER BY seq LIMIT 1`).Scan(&at, &tags)
		}); err != nil || at != 1234567 || tags != "client:a\npolicy" {
			t.Errorf("log: %d %q %v", at, tags, err)
		}
	})
}

func TestWhatDoesNotCommitIsNotAnnounced(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	f := change.NewFeed(s, time.Now)
	f.Subscribe(func(tags []change.Tag) { t.Errorf("announced %v", tags) })
	before := f.Observe(change.Config())
	mine := errors.New("mine")
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(f.Append(t.Context(), tx, change.Config()), mine)
	})
	if !errors.Is(err, mine) || !before.Fresh() {
		t.Errorf("error %v, fresh %v", err, before.Fresh())
	}
	for name, tags := range map[string][]change.Tag{
		"no tag": {}, "an unknown kind": {"nobody:x"}, "no name": {change.Client("")},
		"two lines": {change.Client("a\nall")}, "one of several": {change.Policy(), "nonsense"},
	} {
		if err := write(t.Context(), s, f, tags...); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestTheZeroDepsIsNotFresh(t *testing.T) {
	var d change.Deps
	if d.Fresh() {
		t.Error("what depends on nothing known is taken as fresh")
	}
}

// A model of what Fresh must say. Tags that share a cell change together.
func TestFreshAgreesWithAModel(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	tags := []change.Tag{change.Client("a"), change.Client("b"), change.Instance("apikey"), change.Key("x"), change.Organization("o"), change.Policy(), change.Config()}
	type remembered struct {
		deps  change.Deps
		on    []change.Tag
		stale bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := change.NewFeed(s, time.Now)
		var kept []*remembered
		some := rapid.SliceOfN(rapid.SampledFrom(tags), 1, 6) // more than have room in a Deps itself
		rt.Repeat(map[string]func(*rapid.T){
			"remember": func(rt *rapid.T) {
				on := some.Draw(rt, "on")
				d := f.Observe(on[0])
				for _, t := range on[1:] {
					d.Add(t)
				}
				kept = append(kept, &remembered{deps: d, on: on})
			},
			"make from two": func(rt *rapid.T) {
				if len(kept) == 0 {
					return
				}
				a, b := rapid.SampledFrom(kept).Draw(rt, "one"), rapid.SampledFrom(kept).Draw(rt, "other")
				more := rapid.SampledFrom(tags).Draw(rt, "more")
				d := a.deps
				d.Add(more)
				d.Merge(&b.deps)
				d.Add(more)
				kept = append(kept, &remembered{deps: d, on: slices.Concat(a.on, b.on, []change.Tag{more}), stale: a.stale || b.stale})
			},
			"change": func(rt *rapid.T) {
				changed := some.Draw(rt, "changed")
				if err := write(t.Context(), s, f, changed...); err != nil {
					rt.Fatal(err)
				}
				for _, r := range kept {
					r.stale = r.stale || slices.ContainsFunc(changed, func(t change.Tag) bool {
						return slices.ContainsFunc(r.on, func(on change.Tag) bool { return f.Cell(on) == f.Cell(t) })
					})
				}
			},
			"change everything": func(rt *rapid.T) {
				if err := write(t.Context(), s, f, change.All()); err != nil {
					rt.Fatal(err)
				}
				for _, r := range kept {
					r.stale = true
				}
			},
			"": func(rt *rapid.T) {
				for i, r := range kept {
					if r.deps.Fresh() == r.stale {
						rt.Fatalf("answer %d on %v: fresh %v, stale %v", i, r.on, r.deps.Fresh(), r.stale)
					}
				}
			},
		})
	})
}

// A cache as access uses one. A reader who begins after a write was
// acknowledged must get that write or a later one.
func TestNoAnswerIsOlderThanWhatWasAcknowledged(t *testing.T) {
	const writes, readers = 60, 3
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		f := change.NewFeed(s, time.Now)
		type entry struct {
			value int64
			deps  change.Deps
		}
		var (
			cache        atomic.Pointer[entry]
			acknowledged atomic.Int64
			wg           sync.WaitGroup
		)
		done := make(chan struct{})
		count := func() (n int64, err error) {
			err = s.Read(ctx, func(tx *store.Tx) error {
				return tx.QueryRow(ctx, `SELECT count(*) FROM change_log`).Scan(&n)
			})
			return n, err
		}
		read := func(late bool) (_ int64, err error) {
			if e := cache.Load(); e != nil && e.deps.Fresh() {
				return e.value, nil
			}
			position := f.Position()
			e := &entry{deps: f.Observe()}
			if !late {
				e.deps.Add(change.Client("a"))
			}
			e.value, err = count()
			if late { // what it depends on was not known before it was read
				e.deps.Add(change.Client("a"))
				if f.Position() != position {
					e.value, err = count()
				}
			}
			cache.Store(e)
			return e.value, err
		}
		for i := range readers {
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					least := acknowledged.Load()
					if got, err := read(i == 0); err != nil || got < least {
						t.Errorf("read %d (%v) after %d was acknowledged", got, err, least)
						return
					}
					runtime.Gosched()
				}
			})
		}
		for i := range int64(writes) {
			if err := write(ctx, s, f, change.Client("a")); err != nil {
				t.Fatal(err)
			}
			acknowledged.Store(i + 1)
		}
		close(done)
		wg.Wait()
	})
}

// TestAChangeLeavesOthersAlone changes a hundred clients of ten thousand.
func TestAChangeLeavesOthersAlone(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	f := change.NewFeed(s, time.Now)
	wide := f.Observe(change.Policy(), change.Config(), change.Instance("apikey"), change.Organization("acme"), change.Key("signing"))
	var many []change.Deps
	for i := range 10_000 {
		many = append(many, f.Observe(change.Client(fmt.Sprint(i)), change.ClientKey(fmt.Sprint(i)), change.Grants(fmt.Sprint(i))))
	}
	for i := range 100 {
		if err := write(t.Context(), s, f, change.Client(fmt.Sprint(i)), change.ClientKey(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	stale := 0
	for i, d := range many {
		if fresh := d.Fresh(); fresh && i < 100 {
			t.Errorf("client %d has changed, and is taken as fresh", i)
		} else if !fresh && i >= 100 {
			stale++
		}
	}
	// 200 changes hit one of three cells of about 23 others.
	if stale > 200 {
		t.Errorf("%d others are taken as changed with them", stale)
	}
	if !wide.Fresh() {
		t.Error("what everybody depends on is taken as changed with a client")
	}
}

func BenchmarkFresh(b *testing.B) {
	s := storetest.Open(b, storetest.SQLite(b))
	f := change.NewFeed(s, time.Now)
	d := f.Observe(change.Client("a"), change.Organization("o"), change.Instance("apikey"), change.Policy())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !d.Fresh() {
				b.Error("not fresh")
			}
		}
	})
}
