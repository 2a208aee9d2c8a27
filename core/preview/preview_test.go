package preview_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// filled has jane in the group Admins of okta, omar in none, kim away; and bea of
// entra.
func filled(w *world) {
	w.change("okta", sdk.Create{Resource: user("jane", "IT", true)}, sdk.Create{Resource: user("omar", "Sales", true)}, sdk.Create{Resource: user("kim", "IT", false)},
		sdk.Create{Resource: group("g1", "Admins")}, sdk.Members{Group: "g1", Add: []string{"jane", "kim"}})
	w.change("entra", sdk.Create{Resource: user("bea", "IT", true)})
}

// base is what is in force where a test does not say otherwise.
func base(t *testing.T) config {
	return config{
		roles: roles("admin", "staff"), connections: people("okta", "entra"),
		mappings: []policy.Mapping{mapping(t, "okta", "admins", "admin", "", "Admins"), mapping(t, "okta", "all", "staff", ""), mapping(t, "entra", "all", "staff", "")},
		clients:  []preview.Client{client("reports", "staff")},
	}
}

func TestWhatChangesForWhom(t *testing.T) {
	type change func(c *config)
	tests := map[string]struct {
		before, after change // of the base
		prepare       func(w *world)
		want          []string
	}{
		"nothing": {want: []string{}},
		"a group of another name": {
			after: func(c *config) { c.mappings[0] = mapping(t, "okta", "admins", "admin", "", "Administrators") },
			want:  []string{"user:jane -admin"},
		},
		"the mapping of another name gives the same": {
			after: func(c *config) { c.mappings[0] = mapping(t, "okta", "administrators", "admin", "", "Admins") },
			want:  []string{},
		},
		"another mapping gives it too": {
			before: func(c *config) { c.mappings = append(c.mappings, mapping(t, "okta", "it", "admin", "IT")) },
			want:   []string{},
		},
		"who has it by hand keeps it": {
			prepare: func(w *world) { w.give(grant.User("jane"), "acme", "admin") },
			after:   func(c *config) { c.mappings = c.mappings[1:] },
			want:    []string{},
		},
		"who is away gains nothing": {
			after: func(c *config) { c.mappings = append(c.mappings, mapping(t, "okta", "it", "admin", "IT", "Admins")) },
			want:  []string{},
		},
		"a connection is gone": {
			after: func(c *config) { delete(c.connections, "okta"); c.mappings = c.mappings[2:] },
			want:  []string{"user:jane -admin -staff lost connection", "user:omar -staff lost connection"},
		},
		"a connection comes": {
			before: func(c *config) { delete(c.connections, "entra"); c.mappings = c.mappings[:2] },
			want:   []string{"user:bea +staff gained connection"},
		},
		"nobody can sign on any more": {
			after: func(c *config) { c.connections["entra"] = preview.Connection{Organization: "beta"} },
			want:  []string{"user:bea lost sign_on"},
		},
		"sign-on comes": {
			before: func(c *config) { c.connections["entra"] = preview.Connection{Organization: "beta"} },
			want:   []string{"user:bea gained sign_on"},
		},
		"a role that is not declared any more": {
			before: func(c *config) { c.roles = append(c.roles, roles("auditor")...) },
			prepare: func(w *world) {
				w.give(grant.User("omar"), "acme", "auditor")
				w.give(grant.User("bea"), "beta", "auditor")
			},
			want: []string{"user:bea -auditor", "user:omar -auditor"},
		},
		"the same where mappings change too": {
			before: func(c *config) { c.roles = append(c.roles, roles("auditor")...) },
			after:  func(c *config) { c.mappings[0] = mapping(t, "okta", "admins", "admin", "", "Nobody") },
			prepare: func(w *world) {
				w.give(grant.User("omar"), "acme", "auditor")
				w.give(grant.User("bea"), "beta", "auditor")
			},
			want: []string{"user:bea -auditor", "user:jane -admin", "user:omar -auditor"},
		},
		"a client has another role": {
			after: func(c *config) { c.clients = []preview.Client{client("reports", "admin")} },
			want:  []string{"client:reports +admin -staff"},
		},
		"a client keeps what it was given otherwise": {
			prepare: func(w *world) { w.give(grant.Client("reports"), "acme", "staff") },
			after:   func(c *config) { c.clients = []preview.Client{client("reports")} },
			want:    []string{},
		},
		"a client is gone": {
			after: func(c *config) { c.clients = nil },
			want:  []string{"client:reports lost client"},
		},
		"a client is new": {
			after: func(c *config) { c.clients = append(c.clients, client("import", "admin")) },
			want:  []string{"client:import +admin gained client"},
		},
		"a mapping of clients": {
			after: func(c *config) {
				c.mappings = append(c.mappings, policy.Mapping{Name: "programs", Roles: []string{"admin"}})
			},
			want: []string{"client:reports +admin"},
		},
		"the authenticator of a client is gone": {
			before: func(c *config) {
				c.instances = []string{"old"}
				one := client("legacy")
				one.Instance = "old"
				c.clients = append(c.clients, one)
			},
			after: func(c *config) { // the client was made at run time
				one := client("legacy")
				one.Instance = "old"
				c.clients = append(c.clients, one)
			},
			want: []string{"client:legacy lost authenticator"},
		},
		"a client does no more than its owner": {
			before: func(c *config) { c.clients = append(c.clients, owned("tool", "jane", "admin")) },
			after: func(c *config) {
				c.mappings, c.clients = c.mappings[1:], append(c.clients, owned("tool", "jane", "admin"))
			},
			want: []string{"client:tool -admin", "user:jane -admin"},
		},
		"a client stops with its owner's connection": {
			before: func(c *config) { c.clients = append(c.clients, owned("tool", "omar", "staff")) },
			after: func(c *config) {
				delete(c.connections, "okta")
				c.mappings, c.clients = c.mappings[2:], append(c.clients, owned("tool", "omar", "staff"))
			},
			want: []string{"client:tool -staff lost owner", "user:jane -admin -staff lost connection", "user:omar -staff lost connection"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := alone(t)
			before, after := base(t), base(t)
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
			_, changes := w.plan(side(t, after))
			if diff := cmp.Diff(tt.want, told(changes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func owned(id, user string, roles ...string) preview.Client {
	c := client(id, roles...)
	c.Owner = credential.OwnedBy(user)
	return c
}

// Every change says of whom, and what gave the role that is lost.
func TestAChangeSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.apply(side(t, base(t)))
		filled(w)
		after := base(t)
		after.mappings[0] = mapping(t, "okta", "admins", "admin", "", "Administrators")
		_, changes := w.plan(side(t, after))
		want := []wire.PlannedChange{{
			Principal: "user:jane", Organization: "acme", Connection: "okta", Name: "jane@acme.example",
			Loses: []wire.PlannedGrant{{Role: "admin", Source: "mapping", Rule: "okta/admins", Reason: `group "Admins"`, Where: "acme.hcl:1"}},
		}}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Error(diff)
		}
	})
}

// The digest is of what would change, and not of the directory: it stays where
// others come and go, and does not where somebody else is concerned.
func TestTheDigestIsOfWhatChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.apply(side(t, base(t)))
		filled(w)
		after := base(t)
		after.mappings[0] = mapping(t, "okta", "admins", "admin", "", "Administrators")
		digest := func() string { plan, _ := w.plan(side(t, after)); return plan.Digest }
		first := digest()
		w.change("okta", sdk.Create{Resource: user("new", "Sales", true)}, sdk.Replace{Resource: user("jane", "Finance", true)})
		w.change("entra", sdk.Delete{Type: sdk.User, ID: "bea"})
		if digest() != first {
			t.Error("it is another where nothing else would change")
		}
		w.change("okta", sdk.Members{Group: "g1", Add: []string{"new"}})
		if digest() == first {
			t.Error("it is the same where somebody else would lose a role")
		}
		w.change("okta", sdk.Members{Group: "g1", Remove: []string{"new"}})
		if digest() != first {
			t.Error("it is another where the same would change again")
		}
		w.change("okta", sdk.Replace{Resource: user("jane", "IT", false)})
		if digest() == first {
			t.Error("it is the same where nobody would lose anything")
		}
	})
}

func TestAConnectionOfAnotherOrganizationIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.apply(side(t, base(t)))
		after := base(t)
		after.connections["okta"] = preview.Connection{Organization: "beta", SignOn: true}
		if _, err := w.Compare(t.Context(), w.inForce, side(t, after), preview.Watcher{}); !problem.Is(err, problem.Conflict) {
			t.Errorf("%v", err)
		}
	})
}

// Who is told may end it, and a failure is no plan.
func TestAFailureIsNoPlan(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.apply(side(t, base(t)))
		filled(w)
		after := base(t)
		after.mappings = nil
		gone := errors.New("nobody listens")
		if _, err := w.Compare(t.Context(), w.inForce, side(t, after), preview.Watcher{Change: func(wire.PlannedChange) error { return gone }}); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		if plan, err := w.Compare(t.Context(), w.inForce, side(t, after), preview.Watcher{}); err == nil {
			t.Errorf("without a store: %+v", plan)
		}
	})
}
