package directory_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// A page of groups has the first members of each, and says of which there are
// more: of small groups, and where a large one is among them.
func TestMembersOnAPage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := open(t, s)
		var all []string
		var changes []sdk.Change
		for i := range 2100 {
			id := fmt.Sprintf("u%04d", i)
			all = append(all, id)
			changes = append(changes, user(id, id))
			if len(changes) == 700 {
				r.apply(acme, changes...)
				changes = nil
			}
		}
		small := map[string][]string{"a": {}, "b": {"u0002", "u0001"}, "c": {"u0005", "u0004", "u0003", "u0009"}}
		for _, id := range []string{"a", "b", "c"} {
			r.apply(acme, group(id, id), sdk.Members{Group: id, Add: small[id]})
		}
		type firsts struct {
			Members []string
			More    bool
		}
		page := func() map[string]firsts {
			got := map[string]firsts{}
			for _, g := range r.find(acme, sdk.Query{Type: sdk.Group, Limit: 100, Members: 3}).Resources {
				f := firsts{More: g.More}
				for _, m := range g.Members {
					f.Members = append(f.Members, m.ID)
				}
				got[g.ID] = f
			}
			return got
		}
		want := map[string]firsts{"a": {}, "b": {Members: []string{"u0001", "u0002"}}, "c": {Members: []string{"u0003", "u0004", "u0005"}, More: true}}
		if diff := cmp.Diff(want, page()); diff != "" {
			t.Errorf("small groups (-want +got):\n%s", diff)
		}
		r.apply(acme, group("d", "d"), sdk.Members{Group: "d", Add: all})
		want["d"] = firsts{Members: []string{"u0000", "u0001", "u0002"}, More: true}
		if diff := cmp.Diff(want, page()); diff != "" {
			t.Errorf("with a large one (-want +got):\n%s", diff)
		}
	})
}
