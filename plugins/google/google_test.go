package google_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/google/googletest"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

func TestAPass(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.User("101", googletest.Admin, nil)
	r.User("102", "jane@acme.example", doc{"suspended": true})
	r.User("103", "mia@acme.example", doc{"archived": true})
	r.User("104", "joe@acme.example", doc{"suspended": false})
	r.Group("g1", "all@acme.example", "Everybody", googletest.Subgroup("g2"), googletest.Person("101"), googletest.Person("104"), googletest.Person("102"))
	r.Group("g2", "guides@acme.example", "Tour Guides", googletest.Person("104"), googletest.Person("999"), doc{"id": "C0", "type": "CUSTOMER"}, doc{"type": "EXTERNAL", "email": "x@other.example"})
	r.Group("g3", "empty@acme.example", "")
	r.pass()
	if diff := cmp.Diff(map[string]string{"101": googletest.Admin + " true", "102": "jane@acme.example false", "103": "mia@acme.example false", "104": "joe@acme.example true"}, r.people()); diff != "" {
		t.Error(diff)
	}
	teams := r.teams()
	if len(teams["g1"]) != 4 || len(teams["g2"]) != 1 || len(teams["g3"]) != 0 || len(teams) != 3 {
		t.Errorf("%v", teams)
	}
	if diff := cmp.Diff([]provision.Note{{Rule: "members-left-out", Detail: "3 members of group g2 are no users or groups that were taken over"}}, r.notes); diff != "" {
		t.Error(diff)
	}
	if _, ok := r.Directory("acme-google").Named(directory.Group, "empty@acme.example"); !ok {
		t.Error("a group without a name has not its address for one")
	}
	before := r.Directory("acme-google").Resources(directory.User)
	r.Members["g1"] = r.Members["g1"][:1]
	r.pass()
	if diff := cmp.Diff(before, r.Directory("acme-google").Resources(directory.User), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Groups" }, cmp.Ignore())); diff != "" {
		t.Errorf("a second pass over the same people: %s", diff)
	}
	if got := r.teams()["g1"]; len(got) != 1 || got[0] != "Tour Guides" {
		t.Errorf("who is left in g1: %q", got)
	}
	if r.Issued != 1 {
		t.Errorf("%d tokens for two passes", r.Issued)
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.User("2", "boss@acme.example", nil)
	r.User("1", "jane@acme.example", doc{
		"name":   doc{"givenName": "Jane", "familyName": "Doe", "fullName": "Jane Doe\x00"},
		"emails": []doc{{"address": "Jane@acme.example", "primary": true}, {"address": "jd@acme.example"}, {"address": "jane@acme.example.test-google-a.com"}, {"address": "j@home.example", "type": "home"}},
		"phones": []doc{{"value": "+1 555", "type": "mobile"}, {"type": "work"}}, "relations": []doc{{"type": "spouse", "value": "x"}, {"type": "manager", "value": "Boss@acme.example"}},
		"externalIds": []doc{{"type": "organization", "value": "E-7"}}, "orgUnitPath": "/Sales", "customSchemas": doc{"x": doc{"y": 1}},
		"organizations": []doc{{"title": "Old", "department": "Old"}, {"title": "Guide", "department": "Tours", "costCenter": "4130", "name": "Acme", "primary": true}},
	})
	r.pass()
	boss, _ := r.Directory("acme-google").Named(directory.User, "boss@acme.example")
	jane, _ := r.Directory("acme-google").Named(directory.User, "jane@acme.example")
	var got any
	if err := json.Unmarshal(jane.Attributes, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"userName": "jane@acme.example", "displayName": "Jane Doe", "active": true, "title": "Guide",
		"name": map[string]any{"givenName": "Jane", "familyName": "Doe", "formatted": "Jane Doe"},
		"emails": []any{
			map[string]any{"value": "jane@acme.example", "type": "work", "primary": true}, map[string]any{"value": "jd@acme.example"},
			map[string]any{"value": "j@home.example", "type": "home"},
		},
		"phoneNumbers": []any{map[string]any{"value": "+1 555", "type": "mobile"}},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{
			"organization": "Acme", "department": "Tours", "costCenter": "4130", "employeeNumber": "E-7", "manager": map[string]any{"value": boss.ID},
		},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestAddressesThatMove(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.Page = 1
	r.User("1", "ada@acme.example", nil)
	r.User("2", "bob@acme.example", nil)
	r.User("3", "eve@acme.example", nil)
	r.pass()
	ids := map[string]string{}
	for _, u := range r.Directory("acme-google").Resources(directory.User) {
		ids[u.ExternalID] = u.ID
	}
	r.Users[0]["primaryEmail"], r.Users[1]["primaryEmail"] = "bob@acme.example", "ada@acme.example"
	r.Without("3")
	r.User("4", "eve@acme.example", nil)
	r.pass()
	want := map[string]string{"1": "bob@acme.example true", "2": "ada@acme.example true", "3": "renamed:" + ids["3"] + " true", "4": "eve@acme.example true"}
	if diff := cmp.Diff(want, r.people()); diff != "" {
		t.Error(diff)
	}
	for _, u := range r.Directory("acme-google").Resources(directory.User) {
		if was, ok := ids[u.ExternalID]; ok && was != u.ID {
			t.Errorf("user %s has another id", u.ExternalID)
		}
	}
}

func TestGroupsThatAreWanted(t *testing.T) {
	t.Parallel()
	r := open(t, doc{"groups": []string{"Staff@acme.example", "alias@acme.example"}})
	r.User("1", googletest.Admin, nil)
	r.Group("g1", "staff@acme.example", "Staff", googletest.Person("1"))
	r.Group("g2", "other@acme.example", "Other", googletest.Person("1"))
	r.Group("g3", "third@acme.example", "Third")
	r.Groups[2]["aliases"] = []string{"alias@acme.example"}
	r.pass()
	if diff := cmp.Diff(map[string][]string{"g1": {googletest.Admin}, "g3": {}}, r.teams()); diff != "" {
		t.Error(diff)
	}
}

// Wherever Google stops answering, the pass goes on from there.
func TestAPassGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.Page = 1
	for i := range 4 {
		r.User(fmt.Sprint(i), fmt.Sprintf("u%d@acme.example", i), nil)
		r.Group(fmt.Sprintf("g%d", i), fmt.Sprintf("g%d@acme.example", i), fmt.Sprintf("Group %d", i), googletest.Person(fmt.Sprint(i)))
	}
	refused := map[string]bool{}
	r.Refuse = func(w http.ResponseWriter, q *http.Request) bool {
		if key := q.URL.Path + q.URL.Query().Get("pageToken"); !refused[key] {
			refused[key] = true
			googletest.Error(w, http.StatusForbidden, "quotaExceeded", "Quota exceeded for quota metric 'Queries'")
			return true
		}
		return false
	}
	limited, done := 0, false
	for cursor := ""; !done; {
		p, _, err := r.Sync(t.Context(), name, cursor)
		switch {
		case problem.Is(err, problem.Throttled):
			limited++
			r.Restart(t.Context()) // the plugin keeps nothing that matters
		case err != nil:
			t.Fatal(err)
		default:
			cursor, done = p.Cursor, p.Done
		}
	}
	if limited == 0 || len(r.people()) != 4 || len(r.teams()) != 4 || len(r.teams()["g3"]) != 1 {
		t.Errorf("after %d limits: %v, %v", limited, r.people(), r.teams())
	}
	asked := map[string]int{}
	for _, a := range r.Asked {
		asked[a]++
	}
	for what, n := range asked {
		if n > 4 {
			t.Errorf("%s was asked for %d times", what, n)
		}
	}
}
