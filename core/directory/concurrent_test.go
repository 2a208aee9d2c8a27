package directory_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/directory"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Of writers who have all read one version, one changes it, and the others are
// told so. Those who name no version all succeed, and none is lost.
func TestWritersAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		const writers = 6
		r.apply(acme, user("u1", "ada"), group("g1", "Staff"))
		var mu sync.Mutex
		codes := map[problem.Code]int{}
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				changed := user("u1", "ada", "title", fmt.Sprint(i)).Resource
				changed.Version = 1
				_, err := r.Apply(t.Context(), by, acme, []sdk.Change{sdk.Replace{Resource: changed}})
				id := fmt.Sprintf("w%d", i)
				if _, err := r.Apply(t.Context(), by, acme, []sdk.Change{user(id, id), sdk.Members{Group: "g1", Add: []string{id}}}); err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					codes["ok"]++
				} else {
					codes[problem.As(err).Code]++
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[problem.Code]int{"ok": 1, problem.Changed: writers - 1}, codes); diff != "" {
			t.Error(diff)
		}
		g := r.find(acme, sdk.Query{Type: sdk.Group, Limit: 1, Members: 100}).Resources[0]
		if len(g.Members) != writers || g.Version != writers+1 {
			t.Errorf("%d members in version %d", len(g.Members), g.Version)
		}
		if page := r.find(acme, sdk.Query{Type: sdk.User, Limit: 0}); page.Total != writers+1 {
			t.Errorf("%d users are counted", page.Total)
		}
	})
}

// Three IdPs roll out at once, each with eight callers that fill one group: they
// wait for one another, and none is told to come again.
func TestSeveralIdPsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		const idps, callers, users = 3, 8, 15
		scope := func(idp int) directory.Scope {
			return directory.Scope{Organization: "acme", Connection: fmt.Sprintf("idp-%d", idp)}
		}
		staff := func(idp int) string { return fmt.Sprintf("g%d", idp) }
		for idp := range idps {
			r.apply(scope(idp), group(staff(idp), "Staff"))
		}
		var wg sync.WaitGroup
		for n := range idps * callers {
			idp, caller := n%idps, n/idps
			wg.Go(func() {
				for n := range users {
					id := fmt.Sprintf("u-%d-%d-%d", idp, caller, n)
					for _, change := range []sdk.Change{person(id), sdk.Members{Group: staff(idp), Add: []string{id}}} {
						if _, err := r.Apply(t.Context(), by, scope(idp), []sdk.Change{change}); err != nil {
							t.Errorf("%s: %v", id, err)
						}
					}
				}
			})
		}
		wg.Wait()
		for idp := range idps {
			g := r.find(scope(idp), sdk.Query{Type: sdk.Group, Limit: 1, Members: 2 * callers * users}).Resources[0]
			if len(g.Members) != callers*users {
				t.Errorf("%s has %d members", g.ID, len(g.Members))
			}
		}
	})
}

// A page by number is right also where resources have come and gone since the
// page before was read.
func TestPagesByNumberAfterChanges(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		var want []string
		for i := range 10 {
			id := fmt.Sprintf("u%d", i)
			r.apply(acme, user(id, id))
			want = append(want, id)
		}
		pages := func(what string) {
			for start := 0; start < len(want); start += 3 {
				got := ids(r.find(acme, sdk.Query{Type: sdk.User, Start: start, Limit: 3}))
				if diff := cmp.Diff(want[start:min(start+3, len(want))], got); diff != "" {
					t.Errorf("%s, from %d: %s", what, start, diff)
				}
			}
		}
		pages("at first")
		pages("again")
		r.apply(acme, sdk.Delete{Type: sdk.User, ID: "u1"})
		want = slices.Delete(want, 1, 2)
		pages("after a deletion")
		r.now = r.now.Add(-1e12) // a clock that was set back
		r.apply(acme, user("early", "early"))
		want = append([]string{"early"}, want...)
		pages("after one that sorts before")
		r.apply(beta, user("theirs", "theirs"))
		pages("after somebody else's")
	})
}

func TestAnAdoptedUserKeepsTheirID(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		unmanaged := directory.Scope{Organization: "acme"}
		r.apply(unmanaged, user("old", "Ada"))
		r.apply(beta, user("theirs", "grace"))
		adopt, other := user("new", "ADA", "title", "Countess"), user("other", "grace")
		adopt.Adopt, other.Adopt = true, true
		outcomes := r.apply(acme, adopt, other, group("g1", "Staff"), sdk.Members{Group: "g1", Add: []string{"new"}})
		if o := outcomes[0]; o.ID != "old" || !o.Adopted || o.Version != 2 {
			t.Errorf("outcome %+v", o)
		}
		if o := outcomes[1]; o.ID != "other" || o.Adopted {
			t.Errorf("another organization's user was adopted: %+v", o)
		}
		members, _, err := r.Members(t.Context(), acme, "g1", "", 10)
		if err != nil || len(members) != 1 || members[0].ID != "old" {
			t.Errorf("members %v, %v", members, err)
		}
		for s, want := range map[directory.Scope]int{unmanaged: 0, acme: 2, beta: 1} {
			if page := r.find(s, sdk.Query{Type: sdk.User}); page.Total != want {
				t.Errorf("%v has %d users, want %d", s, page.Total, want)
			}
		}
		_, err = r.Apply(t.Context(), by, acme, []sdk.Change{adopt})
		wantProblem(t, err, problem.Conflict)
	})
}
