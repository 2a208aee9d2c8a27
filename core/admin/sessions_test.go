package admin_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// pins stands for the names by which identity providers know users: theirs is
// u-globex's, and that of u-acme.
type pins struct{}

func (pins) Unpin(_ context.Context, by session.By, user string) error {
	if user == "u-acme" && (by.Within == "" || by.Within == "acme") || user == "u-globex" && (by.Within == "" || by.Within == "globex") {
		return nil
	}
	return problem.New(problem.NotFound, "no identity provider knows this user")
}

// signOn starts a session.
func (h *host) signOn(tb testing.TB, organization, user string) (made session.Session) {
	tb.Helper()
	err := h.sessions.Store.Write(tb.Context(), func(tx *store.Tx) (err error) {
		made, _, err = h.sessions.Start(tb.Context(), tx, session.By{Actor: "test"}, session.Start{
			Organization: organization, User: user, Connection: organization + "-okta", Instance: organization + "-okta/saml", Host: "app.example.com", Address: "192.0.2.7",
			Identity: authn.Identity{Authentication: authn.Authentication{Methods: []string{"pwd", "otp"}, MultiFactor: authn.MultiFactorYes}},
		})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return made
}

func TestSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		c := h.dial(t)
		var ids []string
		for range 3 {
			ids = append([]string{h.signOn(t, "acme", "u-acme").ID}, ids...)
			h.set(h.now.Load().Add(time.Second))
		}
		h.signOn(t, "globex", "u-globex")
		list, err := c.Sessions(t.Context(), wire.SessionQuery{Organization: "acme"})
		var got []string
		for _, one := range list {
			got = append(got, one.ID)
		}
		if diff := cmp.Diff(ids, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if one := list[0]; one.User != "u-acme" || !one.MultiFactor || len(one.Methods) != 2 || one.Address != "192.0.2.7" {
			t.Errorf("%+v", one)
		}
		if list, err := c.Sessions(t.Context(), wire.SessionQuery{User: "u-globex"}); err != nil || len(list) != 1 {
			t.Errorf("of one user: %+v, %v", list, err)
		}
		if ended, err := c.RevokeSession(t.Context(), ids[1]); err != nil || ended.ID != ids[1] {
			t.Errorf("%+v, %v", ended, err)
		}
		if _, err := c.RevokeSession(t.Context(), ids[1]); !problem.Is(err, problem.NotFound) {
			t.Errorf("once more: %v", err)
		}
		if list, err := c.Sessions(t.Context(), wire.SessionQuery{User: "u-acme"}); err != nil || len(list) != 2 {
			t.Errorf("then: %+v, %v", list, err)
		}
		if err := c.UnpinUser(t.Context(), "u-acme"); err != nil {
			t.Error(err)
		}
		if err := c.UnpinUser(t.Context(), "u-nobody"); !problem.Is(err, problem.NotFound) {
			t.Errorf("a user of nobody: %v", err)
		}
	})
}
