package once_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/once"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// clock is set by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(c.at.Load(), 0) }

func open(s *store.Store) (*once.Memory, *clock) {
	c := &clock{}
	c.at.Store(1_800_000_000)
	return once.New(s, c.now), c
}

func TestTake(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		m, c := open(s)
		take := func(instance, kind, id string) bool {
			t.Helper()
			first, err := m.Take(t.Context(), instance, kind, id, c.now().Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			return first
		}
		for _, step := range []struct {
			name, instance, kind, id string
			later                    time.Duration
			want                     bool
		}{
			{name: "nobody had it", instance: "acme/saml", kind: "assertion", id: "_a", want: true},
			{name: "again", instance: "acme/saml", kind: "assertion", id: "_a"},
			{name: "another kind", instance: "acme/saml", kind: "logout", id: "_a", want: true},
			{name: "another instance", instance: "globex/saml", kind: "assertion", id: "_a", want: true},
			{name: "another id", instance: "acme/saml", kind: "assertion", id: "_b", want: true},
			{name: "in its last second", instance: "acme/saml", kind: "assertion", id: "_a", later: time.Minute},
			{name: "after it", instance: "acme/saml", kind: "assertion", id: "_a", later: time.Second, want: true},
			{name: "and again", instance: "acme/saml", kind: "assertion", id: "_a"},
		} {
			c.at.Add(int64(step.later / time.Second))
			if got := take(step.instance, step.kind, step.id); got != step.want {
				t.Errorf("%s: first is %v", step.name, got)
			}
		}
	})
}

// The attack: one assertion, posted to many nodes in the same moment.
func TestOneOfManyIsFirst(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		m, c := open(s)
		for round := range 5 {
			var firsts atomic.Int32
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					first, err := m.Take(t.Context(), "acme/saml", "assertion", fmt.Sprint(round), c.now().Add(time.Minute))
					if err != nil {
						t.Error(err)
					}
					if first {
						firsts.Add(1)
					}
				})
			}
			wg.Wait()
			if firsts.Load() != 1 {
				t.Errorf("%d were first", firsts.Load())
			}
		}
	})
}

func TestSweepForgetsWhatIsOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		m, c := open(s)
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			for n := range 2100 {
				_, err := tx.Exec(t.Context(), `INSERT INTO plugin_once (instance, kind, id, until_at) VALUES ('i', 'k', $1, $2)`,
					fmt.Appendf(nil, "%032d", n), c.now().UnixMicro()-int64(n))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var left int
		err = s.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM plugin_once`).Scan(&left)
		})
		if err != nil || left != 1 { // the one that is remembered until this very moment
			t.Errorf("%d are left: %v", left, err)
		}
	})
}
