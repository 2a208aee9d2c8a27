package directory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// in does changes in a pass.
func (r *room) in(pass string, s directory.Scope, changes ...sdk.Change) {
	r.t.Helper()
	if _, err := r.Apply(context.Background(), directory.By{Actor: by.Actor, Pass: pass}, s, changes); err != nil {
		r.t.Fatal(err)
	}
}

// end ends a pass in batches of n.
func (r *room) end(pass string, s directory.Scope, n int) (sum directory.Gone) {
	r.t.Helper()
	r.heard = nil
	for after := ""; ; {
		gone, err := r.EndPass(context.Background(), directory.By{Actor: by.Actor, Pass: pass}, s, after, n)
		if err != nil {
			r.t.Fatal(err)
		}
		sum.Users, sum.Groups = sum.Users+gone.Users, sum.Groups+gone.Groups
		if after = gone.Next; after == "" {
			return sum
		}
	}
}

func TestOnlyWhatAPassHasNotSeenLeaves(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.apply(beta, user("other", "ada"), group("other-group", "Staff"))
		r.in("p1", acme, user("stays", "ada"), user("same", "bob"), user("gone", "eve"), user("out", "joe", "active", "false"),
			group("g-stays", "Staff"), group("g-members", "All"), group("g-gone", "Old"), sdk.Members{Group: "g-gone", Add: []string{"stays"}})
		r.apply(acme, sdk.Create{Resource: sdk.Resource{Type: "Device", ID: "device", Attributes: doc("displayName", "x")}})
		if gone := r.end("p1", acme, 2); gone != (directory.Gone{}) {
			t.Errorf("after a pass that saw all: %+v", gone)
		}
		r.in("p2", acme, sdk.Replace{Resource: user("stays", "ada.l").Resource}, sdk.Replace{Resource: user("same", "bob").Resource},
			sdk.Replace{Resource: group("g-stays", "Staff").Resource}, sdk.Members{Group: "g-members", All: true})
		if gone := r.end("p2", acme, 2); gone.Users != 1 || gone.Groups != 1 {
			t.Errorf("%+v, want one user and one group", gone)
		}
		want := []directory.Event{
			{Kind: directory.GroupDeleted, Group: "g-gone", Removed: []string{"stays"}},
			{Kind: directory.UserDeactivated, User: "gone"},
		}
		if diff := cmp.Diff(want, r.heard); diff != "" {
			t.Errorf("the listener heard: %s", diff)
		}
		page := r.find(acme, sdk.Query{Type: sdk.User, ID: "gone", Limit: 1, Attributes: true})
		if diff := cmp.Diff(string(doc("active", "false", "userName", "eve")), string(page.Resources[0].Attributes)); diff != "" {
			t.Error(diff)
		}
		if n := r.find(beta, sdk.Query{Type: sdk.Group}).Total + r.find(acme, sdk.Query{Type: "Device"}).Total; n != 2 {
			t.Errorf("of what no pass is about, %d are left", n)
		}
		r.in("p3", acme, sdk.Replace{Resource: user("gone", "eve").Resource})
		if got := r.heard[len(r.heard)-1].Kind; got != directory.UserReactivated {
			t.Errorf("who is seen again: %s", got)
		}
	})
}

func TestTheEndOfAPassIsRefused(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		if _, err := r.EndPass(t.Context(), by, acme, "", 10); !problem.Is(err, problem.Invalid) {
			t.Errorf("without a pass: %v", err)
		}
		r.in("p1", acme, user("a", "ada"), user("b", "bob"), user("c", "eve"))
		r.refuse = errors.New("held")
		gone, err := r.EndPass(t.Context(), directory.By{Actor: by.Actor, Pass: "p2"}, acme, "", 2)
		if !errors.Is(err, r.refuse) || gone.Next != "b" {
			t.Errorf("%+v, %v: want the listener's error, and b", gone, err)
		}
		r.refuse = nil
		active := 0
		if err := r.store.Read(t.Context(), func(tx *store.Tx) (err error) {
			active, err = r.ActiveUsers(t.Context(), tx, acme)
			return err
		}); err != nil || active != 3 {
			t.Errorf("%d are active (%v), want all", active, err)
		}
	})
}

// After any pass, who is active is who was seen in it.
func TestWhoIsActiveWasSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := open(t, s)
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			scope := directory.Scope{Organization: "acme", Connection: fmt.Sprintf("c%d", run)}
			id := func(i int) string { return fmt.Sprintf("u%d-%d", run, i) }
			made := map[int]bool{}
			for pass := range rapid.IntRange(1, 4).Draw(t, "passes") {
				seen := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 0, 10, rapid.ID[int]).Draw(t, "seen")
				name := fmt.Sprintf("p%d-%d", run, pass)
				want := map[string]bool{}
				for _, i := range seen {
					want[id(i)] = true
					if made[i] {
						r.in(name, scope, sdk.Replace{Resource: user(id(i), id(i)).Resource})
					} else {
						r.in(name, scope, user(id(i), id(i)))
					}
					made[i] = true
				}
				r.end(name, scope, rapid.IntRange(1, 4).Draw(t, "batch"))
				got := map[string]bool{}
				for _, u := range r.find(scope, sdk.Query{Type: sdk.User, Limit: 100, Filter: &sdk.Filter{Op: sdk.NotEqual, Path: sdk.Path{"active"}, Value: false}}).Resources {
					got[u.ID] = true
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("pass %d: %s", pass, diff)
				}
			}
		})
	})
}
