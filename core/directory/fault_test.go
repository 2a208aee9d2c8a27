package directory_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// question is something that the directory is asked, with its whole answer.
type question func(ctx context.Context, r *room) (any, error)

func find(q sdk.Query) question {
	return func(ctx context.Context, r *room) (any, error) { return r.Find(ctx, acme, q) }
}

// changing is a change, with the part of its outcome that no clock has set.
func changing(c sdk.Change) question {
	return func(ctx context.Context, r *room) (any, error) {
		outcomes, err := r.Apply(ctx, by, acme, []sdk.Change{c})
		for i := range outcomes {
			outcomes[i].Created, outcomes[i].Modified, outcomes[i].Version = time.Time{}, time.Time{}, 0
		}
		return outcomes, err
	}
}

func inTransaction(f func(ctx context.Context, r *room, tx *store.Tx) (any, error)) question {
	return func(ctx context.Context, r *room) (answer any, err error) {
		err = r.store.Write(ctx, func(tx *store.Tx) error {
			answer, err = f(ctx, r, tx)
			return err
		})
		return answer, err
	}
}

func questions() map[string]question {
	with := func(f sdk.Filter) sdk.Query {
		q := everybody
		q.Filter = &f
		return q
	}
	sorted, one, counted := everybody, everybody, everybody
	sorted.Sort, one.ID, counted.Limit = sdk.Path{"title"}, "u1", 0
	return map[string]question{
		"all":         find(everybody),
		"one":         find(one),
		"count":       find(counted),
		"sorted":      find(sorted),
		"by userName": find(with(*equal("userName", "ada"))),
		"by e-mail":   find(with(sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"emails", "value"}, Value: "ada@acme.example"})),
		"by title":    find(with(*equal("title", "Countess"))),
		"by group":    find(with(sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"groups", "value"}, Value: "g1"})),
		"groups":      find(sdk.Query{Type: sdk.Group, Limit: 10, Members: 10}),
		"members": func(ctx context.Context, r *room) (any, error) {
			list, _, err := r.Members(ctx, acme, "g1", "", 10)
			return list, err
		},
		"create":       changing(user("u9", "grace", "emails", `[{"value":"g@acme.example"}]`)),
		"create group": changing(group("g9", "New")),
		"replace":      changing(sdk.Replace{Resource: user("u1", "ada", "title", "x").Resource}),
		"delete":       changing(sdk.Delete{Type: sdk.User, ID: "u1"}),
		"delete group": changing(sdk.Delete{Type: sdk.Group, ID: "g1"}),
		"add":          changing(sdk.Members{Group: "g1", Add: []string{"u2"}}),
		"remove":       changing(sdk.Members{Group: "g1", Remove: []string{"u1"}}),
		"all members":  changing(sdk.Members{Group: "g1", All: true, Add: []string{"u2"}}),
		"facts": inTransaction(func(ctx context.Context, r *room, tx *store.Tx) (any, error) {
			return r.Facts(ctx, tx, []string{"u1"})
		}),
		"users in": inTransaction(func(ctx context.Context, r *room, tx *store.Tx) (any, error) {
			return r.UsersIn(ctx, tx, []string{"g1"})
		}),
		"restore": inTransaction(func(ctx context.Context, r *room, tx *store.Tx) (any, error) {
			return nil, r.Restore(ctx, tx, by, "acme", "gone")
		}),
		"list": func(ctx context.Context, r *room) (any, error) {
			list, _, err := r.List(ctx, directory.Scope{}, sdk.User, "", 10)
			return list, err
		},
		"look up": func(ctx context.Context, r *room) (any, error) {
			return r.Lookup(ctx, directory.Scope{}, sdk.User, "ada")
		},
	}
}

// everybody is all that the tests' connection has of users.
var everybody = sdk.Query{Type: sdk.User, Limit: 10, Attributes: true, Groups: true}

// filled is a small directory in a database of its own.
func filled(t *testing.T) *room {
	r := open(t, storetest.Open(t, storetest.SQLite(t)))
	fill(r)
	return r
}

func fill(r *room) {
	r.apply(acme, user("u1", "ada", "title", "Countess", "emails", `[{"value":"ada@acme.example"}]`), user("u2", "bob"),
		user("gone", "eve"), group("g1", "Staff"), sdk.Members{Group: "g1", Add: []string{"u1", "gone"}}, sdk.Delete{Type: sdk.User, ID: "gone"})
}

// A store that fails is never an empty page, a missing user or a success: with
// each table broken, each question is answered as before or with an error that
// is the host's own.
func TestAFailingStoreIsNoAnswer(t *testing.T) {
	tables := []string{"directory_resource", "directory_value", "directory_member", "directory_count", "change_log", "audit"}
	for name, ask := range questions() {
		failures := 0
		r := filled(t)
		want, err := ask(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r = filled(t)
		before := state(r)
		for _, table := range tables {
			rename(t, r, table, "away")
			got, err := ask(t.Context(), r)
			rename(t, r, "away", table)
			if err != nil {
				failures++
				if status := problem.As(err).Code.Status(); status < 500 {
					t.Errorf("%s without %s: %d: %v", name, table, status, err)
				}
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s without %s: another answer (-healthy +broken):\n%s", name, table, diff)
			}
			if !cmp.Equal(before, state(r)) { // it has changed something
				r = filled(t)
			}
		}
		if failures == 0 {
			t.Errorf("%s needs no table", name)
		}
	}
}

// state is all that the tests' connection has.
func state(r *room) []sdk.Page {
	return []sdk.Page{r.find(acme, everybody), r.find(acme, sdk.Query{Type: sdk.Group, Limit: 10, Attributes: true, Members: 10})}
}

func rename(t *testing.T, r *room, from, to string) {
	t.Helper()
	if err := r.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `ALTER TABLE `+from+` RENAME TO `+to)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	r := filled(t)
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, ask := range questions() {
		if _, err := ask(t.Context(), r); !problem.Is(err, problem.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the listener refuses does not happen.
func TestTheListenerUndoesAll(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		fill(r)
		before := r.find(acme, everybody)
		position := r.feed.Position()
		r.refuse = problem.New(problem.Unavailable, "held")
		_, err := r.Apply(t.Context(), by, acme, []sdk.Change{user("u9", "grace"), sdk.Delete{Type: sdk.User, ID: "u1"}})
		wantProblem(t, err, problem.Unavailable)
		if diff := cmp.Diff(before, r.find(acme, everybody)); diff != "" {
			t.Errorf("it stayed: %s", diff)
		}
		if r.feed.Position() != position {
			t.Error("it was announced")
		}
	})
}
