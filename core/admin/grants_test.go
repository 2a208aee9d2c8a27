package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// standing is a directory that knows of users what people does.
type standing struct{ grant.Directory }

func (standing) Standing(_ context.Context, _ *store.Tx, ids []string) (map[string]directory.Standing, error) {
	all := map[string]directory.Standing{}
	users, _ := people{}.all()
	for _, u := range users {
		if slices.Contains(ids, u.ID) {
			all[u.ID] = directory.Standing{Organization: u.Organization, Connection: u.Connection, Active: u.Active}
		}
	}
	return all, nil
}

func TestGrantsByHand(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		ctx, root := t.Context(), h.dial(t, "gatehouse:grants:*", "gatehouse:clients:*")
		if _, err := root.CreateClient(ctx, wire.NewClient{ID: "my-tenant", Organization: "acme", Roles: []string{"analyst"}}); err != nil {
			t.Fatal(err)
		}
		given, err := root.AddGrant(ctx, wire.NewGrant{Principal: "user:u-acme", Role: "admin", Reason: "on call", Lifetime: wire.Duration(8 * time.Hour)})
		if err != nil || given.Organization != "acme" || given.UserName != "name-of-u-acme" || given.Source != "manual" || !given.EndsAt.Equal(h.now.Load().Add(8*time.Hour)) || !strings.HasPrefix(given.GivenBy, "admin_token:") {
			t.Fatalf("%+v, %v", given, err)
		}
		if _, err := root.AddGrant(ctx, wire.NewGrant{Principal: "client:my-tenant", Role: "analyst", Reason: "beside the other"}); err != nil {
			t.Fatal(err)
		}
		list := func(q wire.GrantQuery) (out []string) {
			for {
				page, err := root.Grants(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range page.Grants {
					out = append(out, fmt.Sprint(g.Role, " ", g.Principal, " ", g.Source))
				}
				if page.Next == "" {
					return out
				}
				q.After = page.Next
			}
		}
		all := []string{"admin user:u-acme manual", "analyst client:my-tenant api", "analyst client:my-tenant manual"}
		for name, c := range map[string]struct {
			q    wire.GrantQuery
			want []string
		}{
			"all":             {wire.GrantQuery{}, all},
			"by one":          {wire.GrantQuery{Limit: 1}, all},
			"an organization": {wire.GrantQuery{Organization: "globex"}, nil},
			"a role":          {wire.GrantQuery{Role: "admin"}, all[:1]},
			"a principal":     {wire.GrantQuery{Principal: "client:my-tenant", Limit: 1}, all[1:]},
		} {
			if got := list(c.q); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v", name, got)
			}
		}
		detail, err := h.dial(t).Client(ctx, "my-tenant")
		if err != nil || len(detail.Roles) != 2 || detail.Roles[1].Reason != "beside the other" {
			t.Errorf("%+v, %v", detail.Roles, err)
		}
		taken, err := root.RemoveGrant(ctx, wire.GrantRemoval{Principal: "client:my-tenant", Role: "analyst"})
		if err != nil || taken.Source != "manual" {
			t.Errorf("%+v, %v", taken, err)
		}
		_, err = root.RemoveGrant(ctx, wire.GrantRemoval{Principal: "client:my-tenant", Role: "analyst"})
		refused(t, err, problem.NotFound, "it comes from api")
		if got := list(wire.GrantQuery{}); !slices.Equal(got, all[:2]) {
			t.Errorf("what another source gave stays: %v", got)
		}
		end := h.now.Load().Add(8 * time.Hour)
		h.set(end)
		if got := list(wire.GrantQuery{}); !slices.Equal(got, all[1:2]) {
			t.Errorf("after its end: %v", got)
		}
	})
}

func TestGrantsThatAreRefused(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	ctx, root := t.Context(), h.dial(t)
	for name, c := range map[string]struct {
		grant wire.NewGrant
		code  problem.Code
		words string
	}{
		"no reason":        {wire.NewGrant{Principal: "user:u-acme", Role: "admin"}, problem.Invalid, "reason"},
		"a blank reason":   {wire.NewGrant{Principal: "user:u-acme", Role: "admin", Reason: " "}, problem.Invalid, "reason"},
		"two lines":        {wire.NewGrant{Principal: "user:u-acme", Role: "admin", Reason: "a\nb"}, problem.Invalid, "one line"},
		"an unknown role":  {wire.NewGrant{Principal: "user:u-acme", Role: "admn", Reason: "x"}, problem.Invalid, `did you mean "admin"?`},
		"administration":   {wire.NewGrant{Principal: "user:u-acme", Role: "operator", Reason: "x"}, problem.Invalid, "admin token create"},
		"nobody":           {wire.NewGrant{Principal: "user:u-nobody", Role: "admin", Reason: "x"}, problem.NotFound, ""},
		"no client":        {wire.NewGrant{Principal: "client:nobody", Role: "admin", Reason: "x"}, problem.NotFound, ""},
		"no principal":     {wire.NewGrant{Principal: "u-acme", Role: "admin", Reason: "x"}, problem.Invalid, "client:my-tenant"},
		"it has passed":    {wire.NewGrant{Principal: "user:u-acme", Role: "admin", Reason: "x", EndsAt: *h.now.Load()}, problem.Invalid, "has passed"},
		"a negative span":  {wire.NewGrant{Principal: "user:u-acme", Role: "admin", Reason: "x", Lifetime: -1}, problem.Invalid, "begins"},
		"two ends":         {wire.NewGrant{Principal: "user:u-acme", Role: "admin", Reason: "x", Lifetime: 1, EndsAt: h.now.Load().Add(time.Hour)}, problem.Invalid, "one of them"},
		"a user as client": {wire.NewGrant{Principal: "client:U-acme", Role: "admin", Reason: "x"}, problem.Invalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := root.AddGrant(ctx, c.grant)
			refused(t, err, c.code, c.words)
		})
	}
	_, token := h.token(t)
	for _, after := range []string{"x", "W10", "WyJhIiwiYiIsIiIsImMiLCJkIl0"} { // no JSON; []; without a principal
		if res, body := h.send(t, http.MethodGet, wire.Prefix+"/grants?after="+after, "", with(token)); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", after, res.Status, body)
		}
	}
	if page, err := root.Grants(ctx, wire.GrantQuery{}); err != nil || len(page.Grants) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

// A token of one organization gives and lists within it.
func TestGrantsOfOneOrganization(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	ctx, root := t.Context(), h.dial(t)
	for _, id := range []string{"u-acme", "u-globex"} {
		if _, err := root.AddGrant(ctx, wire.NewGrant{Principal: "user:" + id, Role: "admin", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	_, text := h.confined(t, "acme")
	acme := h.as(t, text)
	if _, err := acme.AddGrant(ctx, wire.NewGrant{Principal: "user:u-acme-2", Role: "admin", Reason: "x"}); err != nil {
		t.Error(err)
	}
	page, err := acme.Grants(ctx, wire.GrantQuery{})
	if err != nil || len(page.Grants) != 2 {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = acme.Grants(ctx, wire.GrantQuery{Principal: "user:u-globex"}); err != nil || len(page.Grants) != 0 {
		t.Errorf("another's: %+v, %v", page, err)
	}
	if _, err := acme.RemoveGrant(ctx, wire.GrantRemoval{Principal: "user:u-acme", Role: "admin"}); err != nil {
		t.Error(err)
	}
}

// ranked is a configuration in which admin outranks analyst, which a mapping gives
// to everybody.
type ranked struct{ known }

func (ranked) Outranked(roles []string) map[string]string {
	if slices.Contains(roles, "admin") {
		return map[string]string{"analyst": "admin"}
	}
	return nil
}

var _ admin.Known = ranked{}

func TestWhatDoesNotCountIsShownAsSuch(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	ctx, root := t.Context(), h.dial(t)
	h.api.Known = ranked{}
	if _, err := root.CreateClient(ctx, wire.NewClient{ID: "my-tenant", Organization: "acme", Roles: []string{"analyst", "admin"}}); err != nil {
		t.Fatal(err)
	}
	detail, err := root.Client(ctx, "my-tenant")
	if err != nil || len(detail.Roles) != 2 || detail.Roles[0].OutrankedBy != "" || detail.Roles[1].OutrankedBy != "admin" {
		t.Errorf("%+v, %v", detail.Roles, err)
	}
}
