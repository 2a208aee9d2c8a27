package access_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// jane owns the client alpha.
func jane(roles ...string) grant.Person {
	p := grant.Person{Facts: directory.Facts{ID: "jane", Organization: "acme", Connection: "okta", Active: true}}
	for _, r := range roles {
		p.Grants = append(p.Grants, grant.Grant{Principal: grant.User("jane"), Role: r, Source: grant.Mapping, Rule: "okta/m"})
	}
	return p
}

// owned is a world in which jane owns alpha, which was given these roles.
func owned(t *testing.T, who grant.Person, roles ...string) *world {
	w := newWorld(t)
	w.people["jane"], w.grants["client:alpha"] = who, roles
	w.edit("alpha", func(r *credential.Record) { r.Client.Owner = credential.OwnedBy("jane") })
	return w
}

func (w *world) check(path string) (access.Decision, error) {
	return w.service.Check(context.Background(), w.at(path))
}

// A client of a user does what both may, and the application is told of no more.
func TestAClientDoesNoMoreThanItsOwner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		owner, client []string
		told          []string
		query, admin  bool
	}{
		"both may":               {[]string{"analyst"}, []string{"analyst"}, []string{"analyst"}, true, false},
		"the owner may more":     {[]string{"admin"}, []string{"analyst"}, []string{"analyst"}, true, false},
		"the client would more":  {[]string{"analyst"}, []string{"admin"}, []string{}, true, false},
		"the owner has nothing":  {nil, []string{"admin"}, []string{}, false, false},
		"the client has nothing": {[]string{"admin"}, nil, []string{}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := owned(t, jane(c.owner...), c.client...)
			d, err := w.check("/else")
			if err != nil || !slices.Equal(d.Principal.Roles(), c.told) && len(c.told)+len(d.Principal.Roles()) > 0 {
				t.Fatalf("told %v, %v, want %v", d.Principal.Roles(), err, c.told)
			}
			for path, may := range map[string]bool{"/query": c.query, "/admin/x": c.admin} {
				if _, err := w.check(path); (err == nil) != may || err != nil && !problem.Is(err, problem.Forbidden) {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}

// Whatever ends or shrinks what an owner may is in force for their clients with
// the next request, though what was verified before is remembered.
func TestAChangeOfTheOwnerIsInForceAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world, who *grant.Person)
		tag    change.Tag
	}{
		"deactivated":                    {func(_ *world, who *grant.Person) { who.Active = false }, change.User("jane")},
		"deleted":                        {func(w *world, _ *grant.Person) { delete(w.people, "jane") }, change.User("jane")},
		"a role is taken":                {func(_ *world, who *grant.Person) { who.Grants = nil }, change.Grants(grant.User("jane"))},
		"the mappings give no role":      {func(_ *world, who *grant.Person) { who.Grants = nil }, change.Connection("okta")},
		"another organization":           {func(_ *world, who *grant.Person) { who.Organization = "globex" }, change.User("jane")},
		"a connection that is not there": {func(_ *world, who *grant.Person) { who.Connection = "gone" }, change.User("jane")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := owned(t, jane("admin"), "analyst")
			before, err := w.check("/query")
			if err != nil {
				t.Fatal(err)
			}
			verified := w.verified.Load()
			if _, err := w.check("/query"); err != nil || w.verified.Load() != verified || !before.Fresh() {
				t.Fatalf("it is not remembered: %v", err)
			}
			w.change(func() {
				who := w.people["jane"]
				c.change(w, &who)
				if _, there := w.people["jane"]; there {
					w.people["jane"] = who
				}
			}, c.tag)
			if before.Fresh() {
				t.Error("whoever holds a stream open is not told")
			}
			if _, err := w.check("/query"); !problem.Is(err, problem.Forbidden) {
				t.Errorf("after the change: %v", err)
			}
			w.change(func() { w.people["jane"] = jane("admin") }, change.User("jane"))
			if _, err := w.check("/query"); err != nil {
				t.Errorf("once it is as before: %v", err)
			}
		})
	}
}

// A connection that another configuration does not have takes its users' clients
// with it, though nothing else has changed.
func TestAConnectionThatIsTakenOutOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := owned(t, jane("admin"), "analyst")
	if _, err := w.check("/query"); err != nil {
		t.Fatal(err)
	}
	next := w.reconfigured(t, []string{"query:execute"}, func(o *access.Options) { o.Connections = nil })
	if _, err := next.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) {
		t.Errorf("without the connection: %v", err)
	}
	back := w.reconfigured(t, []string{"query:execute"}, func(o *access.Options) { o.Before = next })
	if _, err := back.Check(t.Context(), w.at("/query")); err != nil {
		t.Errorf("with it: %v", err)
	}
}

// A role that permits less in another configuration bounds the owner's clients.
func TestTheBoundFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	w := owned(t, jane("analyst"), "admin")
	if _, err := w.check("/query"); err != nil {
		t.Fatal(err)
	}
	next := w.reconfigured(t, []string{"policy:read"}, func(*access.Options) {})
	if _, err := next.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) {
		t.Errorf("the owner may not any more: %v", err)
	}
}

// What cannot be found out is no answer.
func TestAnOwnerWhoCannotBeFoundIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := owned(t, jane("admin"), "analyst")
	if _, err := w.check("/query"); err != nil {
		t.Fatal(err)
	}
	away := errors.New("the store is away")
	w.change(func() {}, change.User("jane"))
	w.fail.Store(&away)
	if _, err := w.check("/query"); !problem.Is(err, problem.Unavailable) {
		t.Errorf("while the store is away: %v", err)
	}
	w.fail.Store(nil)
	if _, err := w.check("/query"); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	w.options.Owners = nil
	blind, err := access.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blind.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Internal) {
		t.Errorf("where nobody knows users: %v", err)
	}
}

// A change between the two readings of an owner, whose connection is known only
// after the first, is seen.
func TestAChangeWhileTheOwnerIsReadIsSeen(t *testing.T) {
	t.Parallel()
	w := owned(t, jane("admin"), "analyst")
	w.options.Owners = &racing{w: w, change: func() {
		w.mu.Lock()
		w.people["jane"] = jane()
		w.mu.Unlock()
		err := w.store.Write(context.Background(), func(tx *store.Tx) error { return w.feed.Append(context.Background(), tx, change.Connection("okta")) })
		if err != nil {
			t.Error(err)
		}
	}}
	s, err := access.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) {
			t.Errorf("with what was read before the change: %v", err)
		}
	}
}

// racing changes something after it has read for the first time.
type racing struct {
	w      *world
	change func()
}

func (r *racing) Person(ctx context.Context, id string) (grant.Person, error) {
	who, err := r.w.Person(ctx, id)
	if do := r.change; do != nil {
		r.change = nil
		do()
	}
	return who, err
}

func TestAStoppedKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := owned(t, jane("admin"), "analyst")
	if _, err := w.check("/query"); err != nil {
		t.Fatal(err)
	}
	stop := func(at time.Time) {
		w.change(func() { w.records["alpha"].Keys[0].StoppedAt = at }, change.Client("alpha"), change.ClientKey("K1"))
	}
	stop(start)
	if _, err := w.check("/query"); !problem.Is(err, problem.Forbidden) {
		t.Errorf("stopped: %v", err)
	}
	wrong := w.request(h("X-Client-Id", "alpha", "X-Client-Secret", "ghk_K1_wrong"))
	if _, err := w.service.Check(t.Context(), wrong); !problem.Is(err, problem.Unauthenticated) {
		t.Errorf("who does not hold the secret is told of it: %v", err)
	}
	stop(time.Time{})
	if _, err := w.check("/query"); err != nil {
		t.Errorf("restored: %v", err)
	}
}
