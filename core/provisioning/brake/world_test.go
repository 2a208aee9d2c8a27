package brake_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// person is one of the directory of the tests.
type person struct {
	active, deleted, purged bool
	key                     string // "live", "stopped", "revoked"
}

// world is a directory of one connection with keys, in memory: its changes are
// made after the commit.
type world struct {
	*brake.Brake
	mu      sync.Mutex
	people  map[string]person
	now     time.Time
	rules   brake.Rules
	taken   map[string]bool // whose name was given away
	failing error           // of Purge and Restore
}

func newWorld(s *store.Store, n int) *world {
	w := &world{people: map[string]person{}, now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), rules: brake.DefaultRules(), taken: map[string]bool{}}
	for i := range n {
		w.people[fmt.Sprintf("u%03d", i)] = person{active: true, key: "live"}
	}
	w.Brake = brake.New(brake.Options{
		Store: s, Audit: audit.New(w.clock, rand.Reader), Directory: w, Keys: w, Clock: w.clock, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
		Rules: func(string) brake.Rules { return w.rules },
	})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) each(tx *store.Tx, users []string, change func(*person)) {
	tx.OnCommit(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, u := range users {
			p := w.people[u]
			change(&p)
			w.people[u] = p
		}
	})
}

func (w *world) Active(context.Context, *store.Tx, directory.Scope) (n int, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.people {
		if p.active {
			n++
		}
	}
	return n, nil
}

func (w *world) Restore(ctx context.Context, tx *store.Tx, _ credential.By, s directory.Scope, user string, active bool) error {
	if w.taken[user] {
		return problem.New(problem.Conflict, "the userName of %s was given to another", user)
	}
	w.each(tx, []string{user}, func(p *person) { p.active, p.deleted = active, false })
	return errors.Join(w.failing, w.Returned(ctx, tx, s.Connection, []string{user}))
}

func (w *world) Purge(_ context.Context, tx *store.Tx, _ credential.By, _ directory.Scope, users []string) error {
	w.each(tx, users, func(p *person) { p.purged = p.deleted })
	return w.failing
}

func (w *world) Leave(ctx context.Context, _ credential.By, _ directory.Scope, user string, deleted bool) error {
	return w.leave(ctx, deleted, user)
}

func (w *world) RevokeOwned(_ context.Context, tx *store.Tx, _ credential.By, users []string) error {
	w.each(tx, users, func(p *person) {
		if p.key == "stopped" {
			p.key = "revoked"
		}
	})
	return nil
}

func (w *world) RestoreOwned(_ context.Context, tx *store.Tx, _ credential.By, users []string) error {
	w.each(tx, users, func(p *person) {
		if p.key == "stopped" {
			p.key = "live"
		}
	})
	return nil
}

// leave does to users in one transaction what a directory with its listeners does.
func (w *world) leave(ctx context.Context, deleted bool, users ...string) error {
	err := w.Store.Write(ctx, func(tx *store.Tx) error {
		l := brake.Leaving{Connection: "acme-okta", Organization: "acme", Actor: "connection:acme-okta"}
		w.mu.Lock()
		for _, u := range users {
			if p := w.people[u]; p.active || deleted && !p.deleted {
				l.Users = append(l.Users, brake.Leave{User: u, Deleted: deleted, Active: p.active})
			}
		}
		w.mu.Unlock()
		// The count of those who are active is taken after the change.
		before := w.people
		w.mu.Lock()
		after := maps.Clone(before)
		for _, u := range users {
			p := after[u]
			if p.key == "live" {
				p.key = "stopped"
			}
			p.active, p.deleted = false, p.deleted || deleted
			after[u] = p
		}
		w.people = after
		w.mu.Unlock()
		err := w.Leaving(ctx, tx, l)
		if err != nil {
			w.mu.Lock()
			w.people = before
			w.mu.Unlock()
		}
		return err
	})
	return w.Note(ctx, err)
}

func (w *world) back(t *testing.T, user string) {
	t.Helper()
	if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
		w.each(tx, []string{user}, func(p *person) { p.active = true })
		return w.Returned(t.Context(), tx, "acme-okta", []string{user})
	}); err != nil {
		t.Fatal(err)
	}
}

// window is the only one there is.
func (w *world) window(t *testing.T) brake.Window {
	t.Helper()
	list, err := w.List(t.Context(), "")
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	return list[0]
}

func (w *world) count(is func(person) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.people {
		if is(p) {
			n++
		}
	}
	return n
}

func active(p person) bool  { return p.active }
func revoked(p person) bool { return p.key == "revoked" }
func live(p person) bool    { return p.key == "live" }
func purged(p person) bool  { return p.purged }

func user(i int) string { return fmt.Sprintf("u%03d", i) }

func (w *world) leaving(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := w.leave(t.Context(), i%2 == 1, user(i)); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
}
