package directory_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func entryIDs(list []directory.Entry) []string {
	found := []string{}
	for _, e := range list {
		found = append(found, e.ID)
	}
	return found
}

func TestWhatAnOperatorSees(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.apply(beta, user("b1", "ada"), user("b2", "bob"))
		r.apply(acme, user("a1", "Ada"), user("a2", "eve"), group("g1", "Staff"), group("g2", "All"),
			sdk.Members{Group: "g1", Add: []string{"a1"}}, sdk.Members{Group: "g2", Add: []string{"g1"}}, sdk.Members{Group: "g1", Add: []string{"g2"}})
		r.apply(directory.Scope{Organization: "acme"}, user("u1", "carl"))
		for name, c := range map[string]struct {
			within directory.Scope
			want   []string
		}{
			"everybody":     {directory.Scope{}, []string{"u1", "a1", "a2", "b1", "b2"}},
			"organization":  {directory.Scope{Organization: "acme"}, []string{"u1", "a1", "a2"}},
			"connection":    {acme, []string{"a1", "a2"}},
			"nobody's":      {directory.Scope{Organization: "none"}, []string{}},
			"two that miss": {directory.Scope{Organization: "acme", Connection: "beta-entra"}, []string{}},
		} {
			got, after := []string{}, ""
			for {
				list, more, err := r.List(t.Context(), c.within, sdk.User, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, entryIDs(list)...)
				if !more {
					break
				}
				after = got[len(got)-1]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		r.apply(acme, sdk.Delete{Type: sdk.User, ID: "a2"})
		for name, c := range map[string]struct {
			within directory.Scope
			which  string
			want   []string
		}{
			"a name in two connections": {directory.Scope{}, "ADA", []string{"a1", "b1"}},
			"within one":                {directory.Scope{Organization: "beta"}, "ada", []string{"b1"}},
			"an id":                     {directory.Scope{}, "b2", []string{"b2"}},
			"another's id":              {acme, "b2", []string{}},
			"the deleted, by id":        {directory.Scope{}, "a2", []string{"a2"}},
			"the deleted, by name":      {directory.Scope{}, "eve", []string{}},
			"no name":                   {directory.Scope{}, "", []string{}},
		} {
			list, err := r.Lookup(t.Context(), c.within, sdk.User, c.which)
			if diff := cmp.Diff(c.want, entryIDs(list)); diff != "" || err != nil {
				t.Errorf("%s: %v %s", name, err, diff)
			}
			if name == "the deleted, by id" && list[0].Deleted.IsZero() {
				t.Error("nothing says that the user was deleted")
			}
		}
		some, err := r.Identified(t.Context(), directory.Scope{Organization: "acme"}, sdk.User, []string{"a1", "a2", "b1", "g1", "nobody"})
		if diff := cmp.Diff([]string{"a1", "a2"}, slices.Sorted(slices.Values(entryIDs(some)))); diff != "" || err != nil {
			t.Errorf("by their ids: %v %s", err, diff)
		}
		if none, err := r.Identified(t.Context(), directory.Scope{}, sdk.User, nil); len(none) != 0 || err != nil {
			t.Errorf("by no id: %v %v", none, err)
		}
		_, _, err = r.List(t.Context(), acme, sdk.User, "b1", 2)
		wantProblem(t, err, problem.Invalid) // another's place is none
		direct, err := r.GroupsOf(t.Context(), "a1", false)
		if diff := cmp.Diff([]directory.GroupName{{ID: "g1", Display: "Staff"}}, direct); diff != "" || err != nil {
			t.Errorf("groups: %v %s", err, diff)
		}
		all, err := r.GroupsOf(t.Context(), "a1", true)
		if len(all) != 2 || err != nil {
			t.Errorf("groups with nested: %v %v", all, err)
		}
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		inactive := user("u1", "ada", "active", "false").Resource
		active := user("u1", "ada", "active", "true").Resource
		external := active
		external.ExternalID = "e1"
		renamed := group("g1", "New").Resource
		for _, c := range []struct {
			name   string
			change sdk.Change
			want   []directory.Event
		}{
			{"create", user("u1", "ada", "active", "true"), []directory.Event{{Kind: directory.UserCreated, User: "u1"}}},
			{"another type", sdk.Create{Resource: sdk.Resource{Type: "Device", ID: "d1", Attributes: doc("serial", "7")}}, nil},
			{"group", group("g1", "Staff"), []directory.Event{{Kind: directory.GroupCreated, Group: "g1"}}},
			{"add", sdk.Members{Group: "g1", Add: []string{"u1"}}, []directory.Event{{Kind: directory.MembersChanged, Group: "g1", Added: []string{"u1"}}}},
			{"add again", sdk.Members{Group: "g1", Add: []string{"u1"}}, nil},
			{"deactivate", sdk.Replace{Resource: inactive}, []directory.Event{{Kind: directory.UserDeactivated, User: "u1"}}},
			{"deactivate again", sdk.Replace{Resource: inactive}, nil},
			{"reactivate", sdk.Replace{Resource: active}, []directory.Event{{Kind: directory.UserReactivated, User: "u1"}}},
			{"external id", sdk.Replace{Resource: external}, []directory.Event{{Kind: directory.UserChanged, User: "u1"}}},
			{"title", sdk.Replace{Resource: user("u1", "ada", "active", "true", "title", "x").Resource}, []directory.Event{{Kind: directory.UserChanged, User: "u1", Attributes: true}}},
			{"rename", sdk.Replace{Resource: renamed}, []directory.Event{{Kind: directory.GroupChanged, Group: "g1"}}},
			{"delete the group", sdk.Delete{Type: sdk.Group, ID: "g1"}, []directory.Event{{Kind: directory.GroupDeleted, Group: "g1", Removed: []string{"u1"}}}},
			{"delete", sdk.Delete{Type: sdk.User, ID: "u1"}, []directory.Event{{Kind: directory.UserDeleted, User: "u1", Active: true}}},
		} {
			r.apply(acme, c.change)
			if diff := cmp.Diff(c.want, r.heard); diff != "" {
				t.Errorf("%s (-want +heard):\n%s", c.name, diff)
			}
		}
	})
}

func TestWhatTheBrakeDoes(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.apply(acme, user("u1", "ada", "active", "true", "title", "Countess"), user("u2", "bob", "active", "false"))
		before := r.find(acme, sdk.Query{Type: sdk.User, ID: "u1", Limit: 1, Attributes: true}).Resources[0]
		do := func(what func(tx *store.Tx) error) error { return r.store.Write(t.Context(), what) }
		activate := func(organization, id string) error {
			return do(func(tx *store.Tx) error { return r.Activate(t.Context(), tx, by, organization, id) })
		}
		purge := func(organization, id string) error {
			return do(func(tx *store.Tx) error { return r.Purge(t.Context(), tx, by, organization, id) })
		}
		r.apply(acme, sdk.Replace{Resource: user("u1", "ada", "title", "Countess", "active", "false").Resource})
		r.heard = nil
		wantProblem(t, activate("beta", "u1"), problem.NotFound)
		if err := activate("acme", "u1"); err != nil {
			t.Fatal(err)
		}
		after := r.find(acme, sdk.Query{Type: sdk.User, ID: "u1", Limit: 1, Attributes: true}).Resources[0]
		if diff := cmp.Diff(decoded(t, before.Attributes), decoded(t, after.Attributes)); diff != "" || after.Version != before.Version+2 {
			t.Errorf("version %d: %s", after.Version, diff)
		}
		if diff := cmp.Diff([]directory.Event{{Kind: directory.UserReactivated, User: "u1"}}, r.heard); diff != "" {
			t.Error(diff)
		}
		wantProblem(t, purge("acme", "u1"), problem.NotFound)
		r.apply(acme, sdk.Delete{Type: sdk.User, ID: "u1"})
		wantProblem(t, purge("beta", "u1"), problem.NotFound)
		if err := purge("acme", "u1"); err != nil {
			t.Fatal(err)
		}
		wantProblem(t, purge("acme", "u1"), problem.NotFound)
		wantProblem(t, do(func(tx *store.Tx) error { return r.Restore(t.Context(), tx, by, "acme", "u1") }), problem.NotFound)
		_, err := r.Apply(t.Context(), by, acme, []sdk.Change{user("u1", "again")})
		wantProblem(t, err, problem.Conflict) // the id stays taken
		var n int
		if err := r.store.Read(t.Context(), func(tx *store.Tx) (err error) {
			n, err = r.ActiveUsers(t.Context(), tx, acme)
			return err
		}); err != nil || n != 0 {
			t.Errorf("%d active users, %v", n, err)
		}
	})
}

// The audit log says what was done to whom, and no attribute that nobody has to
// know there.
func TestTheAuditLogNamesAttributesOnly(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.apply(acme, user("u1", "ada", "title", "Countess"), group("g1", "Staff"), sdk.Members{Group: "g1", Add: []string{"u1"}})
		r.apply(acme, sdk.Replace{Resource: user("u1", "ada", "title", "Analyst").Resource}, sdk.Delete{Type: sdk.User, ID: "u1"})
		var got []string
		if err := r.store.Read(t.Context(), func(tx *store.Tx) error {
			list, err := r.audit.List(t.Context(), tx, audit.Query{Organization: "acme"})
			for _, e := range slices.Backward(list) {
				got = append(got, fmt.Sprintf("%s %s {%s} {%s}", e.Action, e.Payload.Subject, e.Payload.Before, e.Payload.After))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		const ada = `{{"active":true,"connection":"acme-okta","name":"ada","type":"User"}}`
		want := []string{
			`user.created u1 {} ` + ada,
			`group.created g1 {} {{"connection":"acme-okta","name":"Staff","type":"Group"}}`,
			`group.members_changed g1 {} {{"added":["u1"]}}`,
			`user.changed u1 ` + ada + ` {{"attributes":["title"]}}`,
			`user.deleted u1 ` + ada + ` {}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
