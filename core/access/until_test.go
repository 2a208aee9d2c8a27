package access_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// timed are grants with an end. As core/grant does, it leaves out what is over.
type timed struct {
	*world
	list  []grant.Grant
	reads int
}

func (g *timed) Of(context.Context, string) ([]grant.Grant, error) {
	g.reads++
	return slices.DeleteFunc(slices.Clone(g.list), func(one grant.Grant) bool { return one.Over(g.clock()) }), nil
}

func (g *timed) Person(ctx context.Context, id string) (grant.Person, error) {
	who, err := g.world.Person(ctx, id)
	who.Grants, _ = g.Of(ctx, id)
	return who, err
}

// Nothing has changed and nobody has told: a role that was given until noon is not
// remembered beyond it, by whichever way its holder comes.
func TestAGrantIsNotRememberedBeyondItsEnd(t *testing.T) {
	t.Parallel()
	for name, owned := range map[string]bool{"of the client": false, "of its owner": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			end := start.Add(time.Minute)
			g := &timed{world: w, list: []grant.Grant{{Role: "analyst", Source: grant.Manual, EndsAt: end}}}
			o := w.options
			o.Owners = g
			if owned {
				r := w.records["alpha"]
				r.Client.Owner = "user:jane"
				w.records["alpha"] = r
				w.people["jane"] = grant.Person{Facts: directory.Facts{ID: "jane", Organization: "acme", Connection: "okta", Active: true}}
			} else {
				o.Granted = g
			}
			s, err := access.New(o)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := s.Check(t.Context(), w.at("/query")); err != nil {
					t.Fatal(err)
				}
			}
			if g.reads != 1 {
				t.Errorf("before its end it was read %d times", g.reads)
			}
			w.now.Store(end.Add(-time.Microsecond).UnixNano())
			if _, err := s.Check(t.Context(), w.at("/query")); err != nil {
				t.Errorf("just before the end: %v", err)
			}
			w.now.Store(end.UnixNano())
			if _, err := s.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) {
				t.Errorf("at the end: %v", err)
			}
			if _, err := s.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) || g.reads != 2 {
				t.Errorf("after the end: %v, read %d times", err, g.reads)
			}
		})
	}
}

// What is kept as the last of a protected role has no end.
func TestWhatIsKeptGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := start.Add(time.Minute)
	g := &timed{world: w, list: []grant.Grant{{Role: "analyst", Source: grant.Manual, EndsAt: end, KeptAt: end}}}
	o := w.options
	o.Granted = g
	s, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.now.Store(end.Add(time.Hour).UnixNano())
	for range 2 {
		if _, err := s.Check(t.Context(), w.at("/query")); err != nil {
			t.Error(err)
		}
	}
	if g.reads != 1 {
		t.Errorf("it was read %d times", g.reads)
	}
}
