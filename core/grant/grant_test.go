package grant_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

type origin struct {
	source grant.Source
	rule   string
}

// Whatever is replaced in whatever order, each source and rule keeps exactly
// what it last gave: taking one away takes nothing of another.
func TestSourcesDoNotTouchOneAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := func() time.Time { return time.UnixMicro(1) }
		feed := change.NewFeed(s, clock)
		grants := grant.New(grant.Options{Store: s, Feed: feed, Audit: audit.New(clock, rand.Reader), Clock: clock})
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			principal := grant.Client("c" + string(rune('a'+n%26)) + time.UnixMicro(int64(n)).Format("150405.000000"))
			want := map[origin][]string{}
			for range rapid.IntRange(1, 6).Draw(rt, "steps") {
				from := origin{
					rapid.SampledFrom([]grant.Source{grant.File, grant.Manual, grant.API}).Draw(rt, "source"),
					rapid.SampledFrom([]string{"", "r1", "r2"}).Draw(rt, "rule"),
				}
				roles := rapid.SliceOfN(rapid.SampledFrom([]string{"admin", "analyst", "reader"}), 0, 4).Draw(rt, "roles")
				deps := feed.Observe(change.Grants(principal))
				before := slices.Clone(want[from])
				err := s.Write(t.Context(), func(tx *store.Tx) error {
					return grants.Replace(t.Context(), tx, grant.By{Actor: "tester"}, principal, from.source, from.rule, roles)
				})
				if err != nil {
					rt.Fatal(err)
				}
				slices.Sort(roles)
				want[from] = slices.Compact(roles)
				if changed := !slices.Equal(before, want[from]); changed == deps.Fresh() {
					rt.Fatalf("from %v to %v: those who depend on it are told: %v", before, want[from], !deps.Fresh())
				}
			}
			list, err := grants.Of(t.Context(), principal)
			if err != nil {
				rt.Fatal(err)
			}
			got := map[origin][]string{}
			for _, g := range list {
				got[origin{g.Source, g.Rule}] = append(got[origin{g.Source, g.Rule}], g.Role)
			}
			for from, roles := range want {
				if !slices.Equal(got[from], roles) {
					rt.Fatalf("%v has %v, want %v", from, got[from], roles)
				}
			}
		})
	})
}
