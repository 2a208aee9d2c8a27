package admin_test

import (
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// fewer is a configuration without the role "analyst", which the other has.
type fewer struct{ known }

func (fewer) Roles() []string { return []string{"admin"} }

// A role that the configuration does not declare any more is shown as such, and
// again as given once it is back: the grant stays.
func TestARoleThatIsNotDeclared(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	api, ctx := h.dial(t), t.Context()
	if _, err := api.CreateClient(ctx, wire.NewClient{ID: "my-tenant", Organization: "acme", Roles: []string{"analyst", "admin"}}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name       string
		undeclared bool
	}{{"declared", false}, {"taken out", true}, {"back", false}} {
		h.api.Known = known{}
		if step.undeclared {
			h.api.Known = fewer{}
		}
		client, err := api.Client(ctx, "my-tenant")
		if err != nil || len(client.Roles) != 2 {
			t.Fatalf("%s: %+v, %v", step.name, client.Roles, err)
		}
		user, err := api.User(ctx, "u-acme")
		if err != nil || len(user.Roles) != 1 {
			t.Fatalf("%s: %+v, %v", step.name, user.Roles, err)
		}
		for _, r := range append(client.Roles, user.Roles...) {
			if want := step.undeclared && r.Name == "analyst"; r.Undeclared != want {
				t.Errorf("%s: %s is undeclared: %v, want %v", step.name, r.Name, r.Undeclared, want)
			}
		}
	}
}
