package grant_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var operator = grant.By{Actor: "local", TraceID: "trace", Organization: "acme"}

func TestByHand(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		deps := w.feed.Observe(change.Grants("user:jane"))
		given, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r1", Reason: "ticket 7"})
		if err != nil || deps.Fresh() {
			t.Fatalf("%v; those who remember her are told: %v", err, !deps.Fresh())
		}
		if got := w.kept("jane"); !slices.Contains(got, "r1 manual") || !slices.Contains(got, "r1 mapping okta/sales") {
			t.Errorf("beside what a mapping gave: %v", got)
		}
		again, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r1", Reason: "ticket 8"})
		if err != nil || again.Reason != "ticket 8" || !again.CreatedAt.Equal(given.CreatedAt) {
			t.Errorf("again: %+v, %v", again, err)
		}
		list, err := w.List(t.Context(), grant.Query{Principal: "user:jane", Role: "r1", Limit: 10})
		if err != nil || len(list) != 2 || list[0].Reason != "ticket 8" || list[0].GivenBy != "local" || list[0].Organization != "acme" {
			t.Errorf("%+v, %v", list, err)
		}
		for name, refused := range map[string]struct {
			code problem.Code
			try  func() error
		}{
			"give: nobody": {problem.NotFound, func() error {
				_, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:nobody", Role: "r1", Reason: "x"})
				return err
			}},
			"give: of another organization": {problem.NotFound, func() error {
				_, err := w.Give(t.Context(), grant.By{Actor: "local", Organization: "beta"}, grant.ByHand{Principal: "user:jane", Role: "r1", Reason: "x"})
				return err
			}},
			"take: of another organization": {problem.NotFound, func() error {
				_, err := w.Take(t.Context(), grant.By{Actor: "local", Organization: "beta"}, "user:jane", "r1")
				return err
			}},
			"take: what a mapping gave": {problem.NotFound, func() error {
				_, err := w.Take(t.Context(), operator, "user:jane", "r0")
				return err
			}},
		} {
			if err := refused.try(); !problem.Is(err, refused.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.Take(t.Context(), operator, "user:jane", "r1"); err != nil {
			t.Error(err)
		}
		if got := w.kept("jane"); !slices.Equal(got, []string{"r0 mapping okta/admins", "r1 mapping okta/sales"}) {
			t.Errorf("the mapping's stays: %v", got)
		}
	})
}

// A grant counts until its end and not after, whether its row was removed or not.
func TestAnEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		give := func(role string, after int64) error {
			_, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:omar", Role: role, Reason: "for a while", EndsAt: time.UnixMicro(w.ticks.Load() + after)})
			return err
		}
		if err := give("r2", 1000); err != nil {
			t.Fatal(err)
		}
		w.clear()
		if got := w.has("omar"); !slices.Contains(got, "r2 manual") {
			t.Errorf("before its end: %v", got)
		}
		w.ticks.Add(1000)
		if a, b := w.has("omar"), w.kept("omar"); slices.Contains(a, "r2 manual") || slices.Contains(b, "r2 manual") {
			t.Errorf("after its end, the worker has not been there: %v, %v", a, b)
		}
		if list, err := w.List(t.Context(), grant.Query{Role: "r2", Limit: 10}); len(list) != 0 || err != nil {
			t.Errorf("after its end it is listed: %v, %v", list, err)
		}
		deps := w.feed.Observe(change.Grants("user:omar"))
		w.clear()
		if deps.Fresh() {
			t.Error("nobody was told of the end")
		}
		records, err := read(t, w)
		if last := records[len(records)-1]; err != nil || last != "grant.ended user:omar acme grants  r2 " {
			t.Errorf("%q, %v", last, err)
		}
		// One that has an end stands in for nobody.
		if err := give("r0", 1000); err != nil {
			t.Fatal(err)
		}
		w.apply(acme, sdk.Members{Group: "g", All: true})
		if a, b := w.kept("jane"), w.kept("omar"); !slices.Contains(append(a, b...), "r0 mapping okta/admins kept from connection:okta") {
			t.Errorf("the last lasting one has gone: %v, %v", a, b)
		}
		w.ticks.Add(1000)
		w.clear()
		if a, b := len(w.kept("jane")), len(w.kept("omar")); a+b != 3 {
			t.Errorf("%v, %v", w.kept("jane"), w.kept("omar"))
		}
	})
}

// Nobody becomes an administrator for good by a grant for eight hours.
func TestTheOnlyGrantOfAProtectedRoleHasNoEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take()
		w.apply(acme, sdk.Create{Resource: user("jane", "", true)})
		end := func() time.Time { return time.UnixMicro(w.ticks.Load() + 1000) }
		if _, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r0", Reason: "x", EndsAt: end()}); err != nil {
			t.Fatal(err)
		}
		w.protected = []string{"r0"}
		w.take()
		if _, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r0", Reason: "x", EndsAt: end()}); !problem.Is(err, problem.Conflict) {
			t.Errorf("a further one: %v", err)
		}
		w.ticks.Add(2000) // it was given before the role was protected
		w.clear()
		got := w.kept("jane")
		if len(got) != 1 || got[0][:len("r0 manual kept from its end, ")] != "r0 manual kept from its end, " {
			t.Errorf("after its end: %v", got)
		}
		if _, err := w.Take(t.Context(), operator, "user:jane", "r0"); !problem.Is(err, problem.Conflict) {
			t.Errorf("taken: %v", err)
		}
		if _, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r0", Reason: "for good"}); err != nil {
			t.Error(err)
		}
		if got := w.kept("jane"); !slices.Equal(got, []string{"r0 manual"}) {
			t.Errorf("without an end: %v", got)
		}
		if _, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r0", Reason: "x", EndsAt: end()}); !problem.Is(err, problem.Conflict) {
			t.Errorf("the last gets an end: %v", err)
		}
	})
}

// The worker wakes when a grant ends, and not only each minute.
func TestTheWorkerWakesForAnEnd(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	w := open(t, s)
	w.take()
	w.apply(acme, sdk.Create{Resource: user("jane", "", true)})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx, func(err error) { t.Error(err) }) }()
	if _, err := w.Give(t.Context(), operator, grant.ByHand{Principal: "user:jane", Role: "r2", Reason: "x", EndsAt: time.UnixMicro(w.ticks.Load() + 20_000)}); err != nil {
		t.Fatal(err)
	}
	w.ticks.Add(20_000)
	for rows := 1; rows > 0; {
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM principal_grant`).Scan(&rows)
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	<-done
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take()
		beta := grant.By{Actor: "local", Organization: "beta"}
		for _, id := range []string{"a", "b", "c"} {
			for _, role := range []string{"r0", "r1"} {
				if _, err := w.Give(t.Context(), operator, grant.ByHand{Principal: grant.Client(id), Role: role, Reason: "x"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := w.Give(t.Context(), beta, grant.ByHand{Principal: grant.Client("d"), Role: "r1", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			query grant.Query
			want  []string
		}{
			"all":             {grant.Query{}, []string{"r0 client:a", "r0 client:b", "r0 client:c", "r1 client:a", "r1 client:b", "r1 client:c", "r1 client:d"}},
			"a role":          {grant.Query{Role: "r1"}, []string{"r1 client:a", "r1 client:b", "r1 client:c", "r1 client:d"}},
			"an organization": {grant.Query{Organization: "beta"}, []string{"r1 client:d"}},
			"both":            {grant.Query{Role: "r0", Organization: "beta"}, nil},
			"a principal":     {grant.Query{Principal: "client:b"}, []string{"r0 client:b", "r1 client:b"}},
			"not its own":     {grant.Query{Principal: "client:b", Organization: "beta"}, nil},
		} {
			for _, limit := range []int{1, 2, 3, 100} {
				var got []string
				for q := c.query; ; {
					q.Limit = limit
					page, err := w.List(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					for _, one := range page {
						got = append(got, one.Role+" "+one.Principal)
					}
					if len(page) < limit {
						break
					}
					q.After = page[limit-1]
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s by %d: %v", name, limit, got)
				}
			}
		}
	})
}
