package session_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func (r *room) share(n session.Share) (session.Session, secret.Text) {
	r.t.Helper()
	made, token, err := r.Share(r.t.Context(), by, n)
	if err != nil {
		r.t.Fatal(err)
	}
	return made, token
}

func TestSharedSessions(t *testing.T) {
	for name, tt := range map[string]func(t *testing.T, r *room, root, child session.Session, first, second secret.Text){
		"whoever uses the one uses the other": func(t *testing.T, r *room, _, child session.Session, first, second secret.Text) {
			for range 4 {
				r.later(8 * time.Hour)
				r.Mark(child, r.now())
				if err := r.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := r.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if !r.lives(first) || !r.lives(second) {
				t.Error("one is over, though the person was there")
			}
		},
		"one that is not used is over, and can be had again": func(t *testing.T, r *room, root, _ session.Session, first, second secret.Text) {
			for range 2 {
				r.later(8 * time.Hour)
				r.Mark(root, r.now())
			}
			if !r.lives(first) || r.lives(second) {
				t.Error("the use of the one at the public host is one of another host's")
			}
			if _, third := r.share(session.Share{Of: root.ID, Host: "two.example.com"}); !r.lives(third) {
				t.Error("it cannot be had again")
			}
		},
		"they are over together": func(t *testing.T, r *room, root, _ session.Session, first, second secret.Text) {
			if err := r.Renew(t.Context(), root, authn.Identity{Refreshable: true, SessionEnds: r.now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if r.later(59 * time.Minute); !r.lives(first) || !r.lives(second) {
				t.Error("one is over too soon")
			}
			if r.later(time.Minute); r.lives(first) || r.lives(second) {
				t.Error("one goes on when the IdP says that it ends")
			}
		},
		"they are one of so many": func(t *testing.T, r *room, root, _ session.Session, first, second secret.Text) {
			r.Configure(session.Settings{Idle: time.Hour, Life: time.Hour, PerUser: 2})
			_, third := r.share(session.Share{Of: root.ID, Host: "three.example.com"})
			r.later(time.Minute)
			_, fourth := r.start(jane())
			if !r.lives(first) || !r.lives(second) || !r.lives(third) || !r.lives(fourth) {
				t.Fatal("two sign-ons have no room")
			}
			r.later(time.Minute)
			_, fifth := r.start(jane())
			if r.lives(first) || r.lives(second) || r.lives(third) || !r.lives(fourth) || !r.lives(fifth) {
				t.Error("the one used least lately did not make room as a whole")
			}
		},
		"the IdP is asked about the sign-on": func(t *testing.T, r *room, root, child session.Session, _, _ secret.Text) {
			r.later(20 * time.Minute)
			r.Mark(child, r.now())
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			due, err := r.Due(t.Context(), "acme-okta", 10)
			if err != nil || len(due) != 1 || due[0].ID != root.ID {
				t.Errorf("due are %+v, %v", due, err)
			}
		},
		"another in the same browser takes its place": func(t *testing.T, r *room, root, child session.Session, first, second secret.Text) {
			_, third := r.share(session.Share{Of: root.ID, Host: "two.example.com", Before: child.ID})
			if !r.lives(first) || r.lives(second) || !r.lives(third) {
				t.Error("it is not the last one that is left")
			}
		},
		"one of another sign-on makes way for it": func(t *testing.T, r *room, _, child session.Session, first, second secret.Text) {
			other, _ := r.start(jane())
			_, third := r.share(session.Share{Of: other.ID, Host: "two.example.com", Before: child.ID})
			if r.lives(first) || r.lives(second) || !r.lives(third) {
				t.Error("the sign-on that the browser had there goes on")
			}
		},
		"none of one that belongs to another": func(t *testing.T, r *room, _, child session.Session, _, _ secret.Text) {
			if _, _, err := r.Share(t.Context(), by, session.Share{Of: child.ID, Host: "three.example.com"}); !problem.Is(err, problem.Unauthenticated) {
				t.Errorf("it is %v", err)
			}
		},
		"none of one that is over": func(t *testing.T, r *room, root, _ session.Session, _, _ secret.Text) {
			r.later(13 * time.Hour)
			if _, _, err := r.Share(t.Context(), by, session.Share{Of: root.ID, Host: "three.example.com"}); !problem.Is(err, problem.Unauthenticated) {
				t.Errorf("it is %v", err)
			}
		},
		"users are told once of each": func(t *testing.T, r *room, root, child session.Session, _, _ secret.Text) {
			err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
				n, err := r.EndOf(t.Context(), tx, by, session.UserLeft, []string{root.User})
				if n != 2 {
					t.Errorf("%d were ended", n)
				}
				return err
			})
			list, listErr := r.List(t.Context(), session.Query{Limit: 10})
			if err != nil || listErr != nil || slices.ContainsFunc(list, func(s session.Session) bool { return s.ID == child.ID || s.ID == root.ID }) {
				t.Errorf("they go on: %v, %v, %v", list, err, listErr)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *room) {
				n := jane()
				n.Identity.Refreshable = true
				root, first := r.start(n)
				child, second := r.share(session.Share{Of: root.ID, Host: "two.example.com"})
				tt(t, r, root, child, first, second)
			})
		})
	}
}
