package directory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// all reads everybody of a scope, in parts, and everybody by Facts.
func (r *room) all(s directory.Scope, limit int) (crowd, single []directory.Facts, count int, err error) {
	ctx := context.Background()
	c := r.Crowd(s)
	for more := true; more; {
		err := r.store.Read(ctx, func(tx *store.Tx) error {
			part, err := c.Next(ctx, tx, limit)
			crowd, more = append(crowd, part...), len(part) == limit
			return err
		})
		if err != nil {
			return nil, nil, 0, err
		}
	}
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		ids, err := r.UsersOf(ctx, tx, s, "", 1000)
		if err != nil {
			return err
		}
		facts, err := r.Facts(ctx, tx, ids)
		for _, id := range ids {
			single = append(single, facts[id])
		}
		if err != nil {
			return err
		}
		count, err = r.Users(ctx, tx, s)
		return err
	})
	return crowd, single, count, err
}

// Whoever reads all users of a connection in parts reads of each what Facts says:
// also through groups within groups that form a ring, and nothing of another
// connection or of who was deleted.
func TestACrowdHasTheFactsOfEach(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		round, nested := 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			scope := directory.Scope{Organization: "acme", Connection: fmt.Sprint("c", round)}
			other := directory.Scope{Organization: "acme", Connection: fmt.Sprint("d", round)}
			name := func(kind string, i int) string { return fmt.Sprintf("%s%d-%d", kind, round, i) }
			const users, groups = 7, 4
			for i := range users {
				of := scope
				if i == users-1 {
					of = other
				}
				r.apply(of, user(name("u", i), name("name", i), "active", fmt.Sprint(rapid.Bool().Draw(rt, "active")), "title", "x"))
			}
			for i := range groups {
				r.apply(scope, group(name("g", i), fmt.Sprint("G", i)))
			}
			for range rapid.IntRange(0, 14).Draw(rt, "memberships") {
				member := name("u", rapid.IntRange(0, users-2).Draw(rt, "user"))
				if rapid.Bool().Draw(rt, "nested") {
					member = name("g", rapid.IntRange(0, groups-1).Draw(rt, "group within"))
				}
				r.apply(scope, sdk.Members{Group: name("g", rapid.IntRange(0, groups-1).Draw(rt, "group")), Add: []string{member}})
			}
			if rapid.Bool().Draw(rt, "delete") {
				r.apply(scope, sdk.Delete{Type: sdk.User, ID: name("u", 0)}, sdk.Delete{Type: sdk.Group, ID: name("g", 0)})
			}
			crowd, single, count, err := r.all(scope, rapid.IntRange(1, users+1).Draw(rt, "limit"))
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(single, crowd); diff != "" || count != len(crowd) {
				rt.Fatalf("%d of %d (-one by one +crowd):\n%s", len(crowd), count, diff)
			}
			for _, f := range crowd {
				nested += len(f.Groups)
			}
		})
		if nested == 0 {
			t.Error("nobody was in a group: the test compares nothing")
		}
	})
}

// A failure of the store is no end of the crowd.
func TestACrowdTellsOfFailures(t *testing.T) {
	r := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := r.store.Read(t.Context(), func(tx *store.Tx) error {
		cancel()
		list, err := r.Crowd(acme).Next(ctx, tx, 10)
		if err == nil {
			t.Errorf("%d users", len(list))
		}
		return err
	})
	if err == nil {
		t.Error("no error")
	}
}
