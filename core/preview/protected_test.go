package preview_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// The last who can use a protected role in an organization is not lost unsaid,
// whichever way they would be.
func TestLockouts(t *testing.T) {
	type change func(c *config)
	protect := func(c *config) { c.roles[0].Protected = true }
	rename := func(c *config) { c.mappings[0] = mapping(t, "okta", "admins", "admin", "", "Administrators") }
	jane := []wire.Lockout{{Role: "admin", Organization: "acme", Users: 1}}
	tests := map[string]struct {
		before, after change // of the base with a protected role
		prepare       func(w *world)
		want          []wire.Lockout
	}{
		"nothing changes":               {},
		"the group has another name":    {after: rename, want: jane},
		"the mapping is gone":           {after: func(c *config) { c.mappings = c.mappings[1:] }, want: jane},
		"the connection is gone":        {after: func(c *config) { delete(c.connections, "okta"); c.mappings = c.mappings[2:] }, want: jane},
		"the way to sign on is gone":    {after: func(c *config) { c.connections["okta"] = preview.Connection{Organization: "acme"} }, want: jane},
		"the role is gone":              {after: func(c *config) { c.roles, c.mappings = roles("staff"), c.mappings[1:] }, want: jane},
		"it is not protected any more":  {after: func(c *config) { rename(c); c.roles[0].Protected = false }},
		"it is protected from then on":  {before: func(c *config) { c.roles[0].Protected = false }, after: rename, want: jane},
		"others of the connection stay": {after: func(c *config) { c.mappings[0] = mapping(t, "okta", "sales", "admin", "Sales") }},
		"somebody has it by hand": {
			after: rename, prepare: func(w *world) { w.give(grant.User("omar"), "acme", "admin") },
		},
		"somebody of no connection has it": {
			after: rename, prepare: func(w *world) {
				w.change("", sdk.Create{Resource: user("root", "IT", true)})
				w.give(grant.User("root"), "acme", "admin")
			},
		},
		"by hand, and the connection is gone": {
			after:   func(c *config) { delete(c.connections, "okta"); c.mappings = c.mappings[2:] },
			prepare: func(w *world) { w.give(grant.User("omar"), "acme", "admin") },
			want:    []wire.Lockout{{Role: "admin", Organization: "acme", Users: 2}},
		},
		"only who is away has it": {
			after: rename, prepare: func(w *world) { w.give(grant.User("kim"), "acme", "admin") }, want: jane,
		},
		"who has it elsewhere is of another organization": {
			after: rename, prepare: func(w *world) { w.give(grant.User("bea"), "beta", "admin") }, want: jane,
		},
		"a program does not stand in for a person": {
			after: rename, prepare: func(w *world) { w.give(grant.Client("reports"), "acme", "admin") },
			want: []wire.Lockout{{Role: "admin", Organization: "acme", Users: 1, Clients: 1}},
		},
		"the last program": {
			before: func(c *config) { rename(c); c.clients[0] = client("reports", "admin") }, after: rename,
			want: []wire.Lockout{{Role: "admin", Organization: "acme", Clients: 1}},
		},
		"a person does for a program": {
			before: func(c *config) { c.clients[0] = client("reports", "admin") },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := alone(t)
			before, after := base(t), base(t)
			protect(&before)
			protect(&after)
			if tt.before != nil {
				tt.before(&before)
			}
			if tt.after != nil {
				tt.after(&after)
			}
			w.apply(side(t, before))
			filled(w)
			w.clear()
			if tt.prepare != nil {
				tt.prepare(w)
			}
			plan, _ := w.plan(side(t, after))
			if tt.want == nil {
				tt.want = []wire.Lockout{}
			}
			if diff := cmp.Diff(tt.want, plan.Lockouts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Who holds the role may be behind very many who do not stand in.
func TestTheOneWhoStandsInIsFound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := base(t)
		c.roles[0].Protected = true
		w.apply(side(t, c))
		filled(w)
		var changes []sdk.Change
		for i := range 450 {
			changes = append(changes, sdk.Create{Resource: user(fmt.Sprintf("a%03d", i), "IT", false)})
		}
		w.change("entra", changes...)
		for i := range 450 {
			w.give(grant.User(fmt.Sprintf("a%03d", i)), "beta", "admin")
		}
		w.change("", sdk.Create{Resource: user("z", "IT", true)})
		w.clear()
		after := c
		after.mappings = append([]policy.Mapping{}, c.mappings[1:]...)
		if plan, _ := w.plan(side(t, after)); len(plan.Lockouts) != 1 {
			t.Errorf("%+v", plan.Lockouts)
		}
		w.give(grant.User("z"), "acme", "admin")
		if plan, _ := w.plan(side(t, after)); len(plan.Lockouts) != 0 {
			t.Errorf("%+v", plan.Lockouts)
		}
	})
}
