package directory_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var (
	by   = directory.By{Actor: "connection:acme-okta", TraceID: "trace"}
	acme = directory.Scope{Organization: "acme", Connection: "acme-okta"}
	beta = directory.Scope{Organization: "beta", Connection: "beta-entra"}
)

// room is a directory under test, with what its listener heard.
type room struct {
	*directory.Directory
	t      testing.TB
	store  *store.Store
	feed   *change.Feed
	audit  *audit.Log
	mu     sync.Mutex
	now    time.Time
	heard  []directory.Event
	refuse error // of the listener
}

func open(t testing.TB, s *store.Store) *room {
	r := &room{t: t, store: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now = r.now.Add(time.Millisecond)
		return r.now
	}
	r.feed, r.audit = change.NewFeed(s, clock), audit.New(clock, rand.Reader)
	r.Directory = directory.New(directory.Options{Store: s, Feed: r.feed, Audit: r.audit, Clock: clock, Listener: r})
	return r
}

func (r *room) Changed(_ context.Context, _ *store.Tx, _ directory.By, _ directory.Scope, events []directory.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, events...)
	return r.refuse
}

func each(t *testing.T, f func(t *testing.T, r *room)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) { f(t, open(t, s)) })
}

// apply does changes that have to succeed.
func (r *room) apply(s directory.Scope, changes ...sdk.Change) []sdk.Outcome {
	r.t.Helper()
	r.heard = nil
	outcomes, err := r.Apply(context.Background(), by, s, changes)
	if err != nil {
		r.t.Fatalf("%+v: %v", changes, err)
	}
	return outcomes
}

func (r *room) find(s directory.Scope, q sdk.Query) sdk.Page {
	r.t.Helper()
	page, err := r.Find(context.Background(), s, q)
	if err != nil {
		r.t.Fatalf("%+v: %v", q, err)
	}
	return page
}

func user(id, userName string, more ...string) sdk.Create {
	return sdk.Create{Resource: sdk.Resource{Type: sdk.User, ID: id, Attributes: doc(append([]string{"userName", userName}, more...)...)}}
}

func group(id, name string) sdk.Create {
	return sdk.Create{Resource: sdk.Resource{Type: sdk.Group, ID: id, Attributes: doc("displayName", name)}}
}

// doc is an object of names and texts; a value that begins with a bracket, or is
// a boolean, stands as it is.
func doc(pairs ...string) json.RawMessage {
	fields := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if v := pairs[i+1]; v == "true" || v == "false" || v != "" && (v[0] == '[' || v[0] == '{') {
			fields[pairs[i]] = json.RawMessage(v)
		} else {
			fields[pairs[i]] = v
		}
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return raw
}

func ids(page sdk.Page) []string {
	list := []string{}
	for _, r := range page.Resources {
		list = append(list, r.ID)
	}
	return list
}

func equal(path string, value any) *sdk.Filter {
	return &sdk.Filter{Op: sdk.Equal, Path: sdk.Path{path}, Value: value}
}

func wantProblem(t testing.TB, err error, code problem.Code) {
	t.Helper()
	if !problem.Is(err, code) {
		t.Errorf("error %v, want %s", err, code)
	}
}

func TestALifeOfAUser(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		made := r.apply(acme, user("u1", "Jane@Acme.example", "emails", `[{"value":"J@acme.example","type":"work"}]`), group("g1", "Staff"))
		if made[0].Version != 1 || !made[0].Changed || made[0].Created.IsZero() {
			t.Errorf("outcome %+v", made[0])
		}
		r.apply(acme, sdk.Members{Group: "g1", Add: []string{"u1", "u1"}})
		for _, f := range []*sdk.Filter{
			equal("userName", "JANE@acme.EXAMPLE"), equal("id", "u1"),
			{Op: sdk.Equal, Path: sdk.Path{"emails", "value"}, Value: "j@ACME.example"},
			{Op: sdk.Equal, Path: sdk.Path{"groups", "value"}, Value: "g1"},
			{Op: sdk.Any, Path: sdk.Path{"emails"}, Filters: []sdk.Filter{{Op: sdk.And, Filters: []sdk.Filter{
				{Op: sdk.Equal, Path: sdk.Path{"type"}, Value: "work"}, {Op: sdk.StartsWith, Path: sdk.Path{"value"}, Value: "j@"},
			}}}},
		} {
			page := r.find(acme, sdk.Query{Type: sdk.User, Filter: f, Limit: 10, Attributes: true, Groups: true})
			if diff := cmp.Diff([]string{"u1"}, ids(page)); diff != "" || page.Total != 1 || len(page.Resources[0].Groups) != 1 {
				t.Errorf("%+v found %+v", f, page)
			}
			if page := r.find(beta, sdk.Query{Type: sdk.User, Filter: f, Limit: 10}); len(page.Resources) != 0 || page.Total != 0 {
				t.Errorf("%+v in another connection found %+v", f, page)
			}
		}
		r.apply(acme, sdk.Replace{Resource: sdk.Resource{Type: sdk.User, ID: "u1", Attributes: doc("userName", "Jane@Acme.example", "active", "false")}})
		if diff := cmp.Diff([]directory.Event{{Kind: directory.UserChanged, User: "u1", Attributes: true}, {Kind: directory.UserDeactivated, User: "u1"}}, r.heard); diff != "" {
			t.Error(diff)
		}
		r.apply(acme, sdk.Delete{Type: sdk.User, ID: "u1"})
		r.apply(acme, user("u2", "jane@acme.example"))
		if page := r.find(acme, sdk.Query{Type: sdk.Group, Limit: 10, Members: 10}); len(page.Resources[0].Members) != 0 || page.Resources[0].Version != 3 {
			t.Errorf("with the deleted: %+v", page.Resources[0])
		}
		_, err := r.Apply(t.Context(), by, acme, []sdk.Change{user("u3", "JANE@ACME.EXAMPLE")})
		wantProblem(t, err, problem.Conflict)
	})
}

func TestPagesByNumberAndByCursor(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		const n = 25
		var want []string
		for i := range n {
			id := fmt.Sprintf("u%d", i)
			r.apply(acme, user(id, id))
			want = append(want, id)
		}
		for name, q := range map[string]sdk.Query{
			"all":      {Type: sdk.User},
			"filtered": {Type: sdk.User, Filter: &sdk.Filter{Op: sdk.Contains, Path: sdk.Path{"userName"}, Value: "U"}},
			"sorted":   {Type: sdk.User, Sort: sdk.Path{"meta", "created"}},
			"exact":    {Type: sdk.User, Filter: &sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"active"}, Value: true}},
		} {
			t.Run(name, func(t *testing.T) {
				q.Limit = 4
				var numbered, forward, backward []string
				for start := 0; start < n; start += q.Limit {
					q.Start = start
					page := r.find(acme, q)
					numbered = append(numbered, ids(page)...)
					if page.Total != n {
						t.Fatalf("total %d", page.Total)
					}
				}
				q.Start = 0
				var page sdk.Page
				for {
					page = r.find(acme, q)
					forward = append(forward, ids(page)...)
					if q.Cursor = page.Next; q.Cursor == "" {
						break
					}
				}
				for backward = ids(page); page.Previous != ""; backward = append(ids(page), backward...) {
					q.Cursor = page.Previous
					page = r.find(acme, q)
				}
				for how, got := range map[string][]string{"number": numbered, "cursor": forward, "cursor backward": backward} {
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("by %s: %s", how, diff)
					}
				}
			})
		}
	})
}

func decoded(t interface{ Fatal(...any) }, raw json.RawMessage) map[string]any {
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}
