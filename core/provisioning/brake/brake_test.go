package brake_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// When it trips: above the share, with the tenth at the soonest.
func TestWhenItTrips(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for i, tt := range []struct {
			people int
			share  float64
			least  int
			trips  int // with which leaver; 0: never
		}{
			{100, 0.2, 10, 21}, {50, 0.2, 10, 11}, {20, 0.2, 10, 10}, {12, 0.01, 10, 10}, {9, 0.2, 10, 0}, {100, 0.29, 10, 30}, {100, 0.2, 40, 40}, {12, 0.2, 0, 10}, {12, 1, 10, 0},
		} {
			w := newWorld(s, tt.people)
			w.rules.Share, w.rules.Least = tt.share, tt.least
			tripped := 0
			for n := range tt.people {
				if err := w.leave(t.Context(), false, user(n)); err != nil {
					t.Fatal(err)
				}
				if w.window(t).State == brake.Tripped && tripped == 0 {
					tripped = n + 1
				}
			}
			if tripped != tt.trips {
				t.Errorf("case %d: it trips with leaver %d, want %d", i, tripped, tt.trips)
			}
			if n := w.count(active); n != 0 {
				t.Errorf("case %d: %d are active", i, n)
			}
			if err := s.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), `DELETE FROM brake_leaver`)
				if err == nil {
					_, err = tx.Exec(t.Context(), `DELETE FROM brake_window`)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Without a trip the leavers go for good at the window's end, not before, and
// after a restart just the same.
func TestAWindowEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 100)
		w.leaving(t, 0, 20)
		w.pass(time.Hour - time.Second)
		if err := w.Advance(t.Context()); err != nil || w.count(revoked)+w.count(purged) != 0 {
			t.Errorf("before the end: %v", err)
		}
		w.pass(time.Second)
		again := newWorld(s, 0)
		again.people, again.now = w.people, w.now
		if err := again.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r, p := again.count(revoked), again.count(purged); r != 20 || p != 10 {
			t.Errorf("%d keys revoked, %d purged", r, p)
		}
		if list, err := again.List(t.Context(), ""); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Whoever leaves after the end, before anybody has looked, opens a new window.
func TestTheNextWindow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 100)
		w.leaving(t, 0, 15)
		w.pass(time.Hour)
		w.leaving(t, 15, 30)
		list, err := w.List(t.Context(), "acme")
		if err != nil || len(list) != 2 || list[0].State != brake.Open || list[0].Leavers != 15 || list[0].Active != 85 || list[1].State != brake.Finishing {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := w.Advance(t.Context()); err != nil || w.count(revoked) != 15 {
			t.Errorf("%d revoked, %v", w.count(revoked), err)
		}
		if list, err := w.List(t.Context(), "globex"); err != nil || len(list) != 0 {
			t.Errorf("of another organization: %+v, %v", list, err)
		}
	})
}

// A tripped window waits, whatever time passes; release lets its people go.
func TestRelease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 100)
		w.leaving(t, 0, 20)
		by := credential.By{Actor: "admin_token:T1"}
		if _, err := w.Release(t.Context(), by, w.window(t).ID, brake.Seen{Left: 20}); !problem.Is(err, problem.Conflict) {
			t.Errorf("before the trip: %v", err)
		}
		w.leaving(t, 20, 60)
		w.pass(100 * time.Hour)
		if err := w.Advance(t.Context()); err != nil || w.count(revoked)+w.count(purged) != 0 || w.count(active) != 40 {
			t.Errorf("it did not wait: %v", err)
		}
		id := w.window(t).ID
		if _, err := w.Release(t.Context(), credential.By{Within: "globex"}, id, brake.Seen{Left: 60}); !problem.Is(err, problem.NotFound) {
			t.Errorf("from another organization: %v", err)
		}
		for name, seen := range map[string]brake.Seen{"nobody": {}, "fewer": {Left: 59}, "others": {Left: 60, Held: 1}} {
			if _, err := w.Release(t.Context(), by, id, seen); !problem.Is(err, problem.Changed) || w.count(revoked) != 0 {
				t.Errorf("%s seen: %v", name, err)
			}
		}
		done, err := w.Release(t.Context(), by, id, brake.Seen{Left: 60})
		if err != nil || done.State != brake.Finishing || done.Actor != by.Actor {
			t.Errorf("%+v, %v", done, err)
		}
		if r, p := w.count(revoked), w.count(purged); r != 60 || p != 30 {
			t.Errorf("%d keys revoked, %d purged", r, p)
		}
		if _, err := w.Release(t.Context(), by, id, brake.Seen{Left: 60}); !problem.Is(err, problem.NotFound) {
			t.Errorf("again: %v", err)
		}
	})
}

// Discard restores everybody of the window as they were.
func TestDiscard(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 150)
		w.people[user(140)] = person{key: "live"} // who was inactive, and is deleted, is inactive again
		before := maps.Clone(w.people)
		w.leaving(t, 0, 130)
		if err := w.leave(t.Context(), true, user(140)); err != nil {
			t.Fatal(err)
		}
		if w.window(t).State != brake.Tripped {
			t.Fatal("it has not tripped")
		}
		if _, err := w.Discard(t.Context(), credential.By{Actor: "local"}, w.window(t).ID); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(before, w.people) {
			t.Errorf("%d active, %d with their keys, of 150", w.count(active), w.count(live))
		}
		if list, err := w.List(t.Context(), ""); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// One whose name was given away is stuck; the others are restored. The operator
// tries again, or lets them go.
func TestStuck(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 60)
		w.leaving(t, 0, 14)
		w.taken[user(3)], w.taken[user(5)] = true, true
		by := credential.By{Actor: "local"}
		done, err := w.Discard(t.Context(), by, w.window(t).ID)
		if err != nil || done.Stuck != 2 || done.Gone() != 2 || w.count(active) != 58 || w.count(live) != 58 {
			t.Fatalf("%+v, %v; %d active", done, err, w.count(active))
		}
		_, list, err := w.Leavers(t.Context(), "", done.ID, "", 10)
		if err != nil || len(list) != 2 || list[0].State != brake.Stuck || !strings.Contains(list[0].Problem, "given to another") {
			t.Errorf("%+v, %v", list, err)
		}
		if err := w.Advance(t.Context()); err != nil || w.window(t).Stuck != 2 || w.window(t).Gone() != 2 {
			t.Errorf("Run goes on with it: %v", err)
		}
		w.taken[user(3)] = false
		if done, err = w.Discard(t.Context(), by, done.ID); err != nil || done.Stuck != 1 || w.count(active) != 59 {
			t.Errorf("%+v, %v", done, err)
		}
		if done, err = w.Release(t.Context(), by, done.ID, brake.Seen{Left: 1}); err != nil || done.Gone() != 1 || w.count(purged) != 1 || w.count(revoked) != 1 {
			t.Errorf("%+v, %v; %d purged", done, err, w.count(purged))
		}
	})
}

// In the mode "hold" those after the trip keep their access, and the IdP is told
// to come again, until an operator decides.
func TestHold(t *testing.T) {
	for name, release := range map[string]bool{"release": true, "discard": false} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				w := newWorld(s, 100)
				w.rules.Mode = brake.Hold
				before := maps.Clone(w.people)
				w.leaving(t, 0, 20)
				for i := 20; i < 40; i++ {
					err := w.leave(t.Context(), i%2 == 1, user(i))
					if p := problem.As(err); p.Code != problem.Unavailable || p.RetryAfter <= 0 {
						t.Fatalf("leaver %d: %v", i, err)
					}
				}
				if err := w.leave(t.Context(), false, user(20)); err == nil { // who comes again
					t.Error("a repetition is let through")
				}
				if n := w.count(active); n != 80 {
					t.Errorf("%d are active", n)
				}
				at := w.window(t)
				if at.State != brake.Tripped || at.Held != 20 || at.Leavers != 20 {
					t.Fatalf("%+v", at)
				}
				decide, by := w.Discard, credential.By{Actor: "local"}
				if release {
					decide = func(ctx context.Context, by credential.By, id string) (brake.Window, error) {
						return w.Release(ctx, by, id, brake.Seen{Left: at.Gone(), Held: at.Held})
					}
				}
				if _, err := decide(t.Context(), by, at.ID); err != nil {
					t.Fatal(err)
				}
				if !release {
					if !maps.Equal(before, w.people) {
						t.Errorf("%d active, %d with their keys", w.count(active), w.count(live))
					}
					return
				}
				if n := w.count(active); n != 60 || w.count(revoked) != 20 {
					t.Errorf("%d are active, %d keys revoked", n, w.count(revoked))
				}
				next := w.window(t) // of those who were held: they left just now, and do not count
				if next.Leavers != 0 || next.State != brake.Open {
					t.Errorf("%+v", next)
				}
				w.pass(time.Hour)
				if err := w.Advance(t.Context()); err != nil || w.count(revoked) != 40 || w.count(purged) != 20 {
					t.Errorf("at its end: %v; %d revoked, %d purged", err, w.count(revoked), w.count(purged))
				}
			})
		})
	}
}

// Many at once, in one transaction, in the mode "hold": nobody of them leaves.
func TestHoldAllOfOneRequest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 100)
		w.rules.Mode = brake.Hold
		var users []string
		for i := range 60 {
			users = append(users, user(i))
		}
		if err := w.leave(t.Context(), false, users...); !problem.Is(err, problem.Unavailable) {
			t.Fatal(err)
		}
		if at := w.window(t); at.State != brake.Tripped || at.Held != 60 || at.Active != 100 || w.count(active) != 100 {
			t.Errorf("%+v, %d active", at, w.count(active))
		}
		if err := w.leave(t.Context(), false, user(99)); err == nil {
			t.Error("after the trip one leaves")
		}
	})
}

// Whoever is reactivated counts no more, and gets no key back.
func TestReturned(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 50)
		for i := range 40 { // one after the other, each comes back
			if err := w.leave(t.Context(), false, user(i)); err != nil {
				t.Fatal(err)
			}
			w.back(t, user(i))
		}
		if at := w.window(t); at.State != brake.Open || at.Leavers != 0 {
			t.Errorf("%+v", at)
		}
		if err := w.leave(t.Context(), false, user(0)); err != nil || w.window(t).Leavers != 1 {
			t.Errorf("who leaves again: %+v, %v", w.window(t), err)
		}
		w.pass(time.Hour)
		if err := w.Advance(t.Context()); err != nil || w.count(revoked) != 40 || w.count(active) != 49 {
			t.Errorf("%v; %d revoked, %d active", err, w.count(revoked), w.count(active))
		}
	})
}

// Deactivated, then deleted: one leaver. Deleted without having been active: none.
func TestWhoCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 50)
		w.people[user(1)] = person{key: "live"}
		for _, err := range []error{w.leave(t.Context(), false, user(0)), w.leave(t.Context(), true, user(0)), w.leave(t.Context(), true, user(1))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if at := w.window(t); at.Leavers != 1 {
			t.Errorf("%+v", at)
		}
		_, list, err := w.Leavers(t.Context(), "acme", w.window(t).ID, "", 10)
		if err != nil || len(list) != 2 || !list[0].Deleted || !list[1].Deleted {
			t.Errorf("%+v, %v", list, err)
		}
		w.pass(time.Hour)
		if err := w.Advance(t.Context()); err != nil || w.count(purged) != 2 {
			t.Errorf("%v; %d purged", err, w.count(purged))
		}
	})
}

// What fails is tried again, and nobody is lost on the way.
func TestAFailureIsTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 300)
		w.leaving(t, 0, 58)
		w.pass(time.Hour)
		w.failing = problem.New(problem.Unavailable, "the disk is full")
		if err := w.Advance(t.Context()); !problem.Is(err, problem.Unavailable) || w.count(revoked) != 0 {
			t.Errorf("%v", err)
		}
		w.failing = nil
		if err := w.Advance(t.Context()); err != nil || w.count(revoked) != 58 {
			t.Errorf("%v; %d revoked", err, w.count(revoked))
		}
	})
}

// Each trip and each decision is in the audit log.
func TestTheBrakeIsAudited(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(s, 20)
		w.leaving(t, 0, 12)
		if _, err := w.Discard(t.Context(), credential.By{Actor: "local", TraceID: "t"}, w.window(t).ID); err != nil {
			t.Fatal(err)
		}
		w.leaving(t, 0, 1)
		w.pass(time.Hour)
		if err := w.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		var actions []string
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Query(t.Context(), `SELECT a.action || ' ' || p.actor FROM audit a JOIN audit_payload p ON p.audit_id = a.id ORDER BY a.seq`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var one string
				if err := rows.Scan(&one); err != nil {
					return err
				}
				actions = append(actions, one)
			}
			return rows.Err()
		}); err != nil {
			t.Fatal(err)
		}
		if want := []string{"brake.tripped connection:acme-okta", "brake.discarded local", "brake.finished host:brake"}; !slices.Equal(want, actions) {
			t.Errorf("%v", actions)
		}
	})
}
