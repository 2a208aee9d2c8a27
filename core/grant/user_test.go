package grant_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The grants of a user follow their life at the IdP, in the transaction of each
// change, and whoever remembers them is told.
func TestGrantsFollowTheDirectory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(mapping(t, "okta", "data", "r1", "Analytics", "Data"), mapping(t, "okta", "all", "r0", ""))
		w.clear()
		all, data := "r0 mapping okta/all", "r1 mapping okta/data"
		deps := w.feed.Observe(change.Grants(grant.User("jane")))
		for _, step := range []struct {
			name    string
			changes []sdk.Change
			want    []string
		}{
			{"created", []sdk.Change{sdk.Create{Resource: user("jane", "Analytics", true)}}, []string{all}},
			{"joins a group", []sdk.Change{sdk.Create{Resource: group("g", "Data")}, sdk.Members{Group: "g", Add: []string{"jane"}}}, []string{all, data}},
			{"another department", []sdk.Change{sdk.Replace{Resource: user("jane", "Sales", true)}}, []string{all}},
			{"back again", []sdk.Change{sdk.Replace{Resource: user("jane", "Analytics", true)}}, []string{all, data}},
			{"the group is renamed", []sdk.Change{sdk.Replace{Resource: group("g", "Date")}}, []string{all}},
			{"and named as before", []sdk.Change{sdk.Replace{Resource: group("g", "Data")}}, []string{all, data}},
			{"deactivated", []sdk.Change{sdk.Replace{Resource: user("jane", "Analytics", false)}}, []string{}},
			{"reactivated", []sdk.Change{sdk.Replace{Resource: user("jane", "Analytics", true)}}, []string{all, data}},
			{"leaves the group", []sdk.Change{sdk.Members{Group: "g", Remove: []string{"jane"}}}, []string{all}},
			{"by a group within", []sdk.Change{sdk.Create{Resource: group("inner", "Inner")}, sdk.Members{Group: "inner", Add: []string{"jane"}}, sdk.Members{Group: "g", Add: []string{"inner"}}}, []string{all, data}},
			{"the group within leaves", []sdk.Change{sdk.Members{Group: "g", All: true}}, []string{all}},
			{"the group within comes back", []sdk.Change{sdk.Members{Group: "g", Add: []string{"inner"}}}, []string{all, data}},
			{"the group is deleted", []sdk.Change{sdk.Delete{Type: sdk.Group, ID: "g"}}, []string{all}},
			{"deleted", []sdk.Change{sdk.Delete{Type: sdk.User, ID: "jane"}}, []string{}},
		} {
			w.apply(acme, step.changes...)
			if got := w.kept("jane"); !slices.Equal(got, step.want) {
				t.Fatalf("%s: %v, want %v", step.name, got, step.want)
			}
			if deps.Fresh() {
				t.Fatalf("%s: who remembers the grants is not told", step.name)
			}
			deps = w.feed.Observe(change.Grants(grant.User("jane")))
		}
		if _, err := w.Person(t.Context(), "jane"); !problem.Is(err, problem.NotFound) {
			t.Errorf("who is deleted: %v", err)
		}
		if err := w.store.Write(t.Context(), func(tx *store.Tx) error {
			return w.directory.Restore(t.Context(), tx, directory.By{Actor: "local"}, "acme", "jane")
		}); err != nil {
			t.Fatal(err)
		}
		if got := w.kept("jane"); !slices.Equal(got, []string{all}) {
			t.Errorf("restored: %v", got)
		}
	})
}

func TestAGrantSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(mapping(t, "okta", "data", "r1", "Analytics", "Data"))
		w.clear()
		w.apply(acme, sdk.Create{Resource: user("jane", "Analytics", true)}, sdk.Create{Resource: group("g", "Data")}, sdk.Members{Group: "g", Add: []string{"jane"}})
		who, err := w.Person(t.Context(), "jane")
		if err != nil || len(who.Grants) != 1 {
			t.Fatalf("%+v, %v", who, err)
		}
		g := who.Grants[0]
		if g.Reason != `group "Data", user.department is "Analytics"` || w.policy.Where(g.Rule) != "acme.hcl:1" || g.CreatedAt.IsZero() || !who.Active || who.Organization != "acme" {
			t.Errorf("%+v", who)
		}
		since := g.CreatedAt
		w.take(mapping(t, "okta", "data", "r1", "", "Data")) // another rule that gives the same
		for _, when := range []string{"evaluated on the spot", "written anew"} {
			if who, err = w.Person(t.Context(), "jane"); err != nil || len(who.Grants) != 1 || who.Grants[0].Reason != `group "Data"` || !who.Grants[0].CreatedAt.Equal(since) {
				t.Errorf("%s: %+v, %v", when, who.Grants, err)
			}
			w.clear()
		}
		records, err := read(t, w)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"grant.given user:jane acme connection:okta trace r1 okta/data"}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Error(diff)
		}
	})
}

// read lists what the audit log has of grants.
func read(t *testing.T, w *world) (list []string, err error) {
	return list, w.store.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT a.action, p.subject, p.organization, p.payload FROM audit a JOIN audit_payload p ON p.audit_id = a.id
			WHERE a.action LIKE 'grant.%' ORDER BY a.seq`)
		if err != nil {
			return err
		}
		defer rows.Close()
		list = nil
		for rows.Next() {
			var action, subject, organization, payload string
			if err := rows.Scan(&action, &subject, &organization, &payload); err != nil {
				return err
			}
			var p struct {
				Actor   string
				TraceID string `json:"trace_id"`
				After   map[string]string
			}
			if err := json.Unmarshal([]byte(payload), &p); err != nil {
				return err
			}
			list = append(list, fmt.Sprintf("%s %s %s %s %s %s %s", action, subject, organization, p.Actor, p.TraceID, p.After["role"], p.After["rule"]))
		}
		return rows.Err()
	})
}

// model is what the test knows of users, groups and mappings.
type model struct {
	users    map[string]person
	groups   map[string]string          // names by id
	members  map[string]map[string]bool // by group
	mappings []policy.Mapping
	when     map[string]string // the department that a mapping asks for, by rule
}

type person struct {
	connection, department string
	active                 bool
}

// in reports whether somebody is in a group, also through others.
func (m *model) in(who, group string, seen map[string]bool) bool {
	if seen[group] {
		return false
	}
	seen[group] = true
	for member := range m.members[group] {
		if _, nested := m.groups[member]; member == who || nested && m.in(who, member, seen) {
			return true
		}
	}
	return false
}

func (m *model) want(id string) []string {
	out := []string{}
	u := m.users[id]
	for _, rule := range m.mappings {
		inOne := len(rule.Groups) == 0
		for g, name := range m.groups {
			inOne = inOne || slices.Contains(rule.Groups, name) && m.in(id, g, map[string]bool{})
		}
		department := m.when[rule.Connection+"/"+rule.Name]
		if u.active && rule.Connection == u.connection && inOne && (department == "" || department == u.department) {
			out = append(out, fmt.Sprintf("%s mapping %s/%s", rule.Roles[0], rule.Connection, rule.Name))
		}
	}
	slices.Sort(out)
	return out
}

// Whatever changes in whatever order, in the directory and in the mappings: a
// user has what a plain reading of the mappings gives them, at once; what is kept
// is the same once the worker has been there; and nobody who remembers something
// else believes it fresh.
func TestGrantsAreWhatMappingsSay(t *testing.T) {
	scopes := map[string]directory.Scope{"okta": acme, "entra": {Organization: "beta", Connection: "entra"}}
	names, departments := []string{"A", "B", "C"}, []string{"", "x", "y"}
	round := 0
	each(t, func(t *testing.T, w *world) {
		given, staled := 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			m := &model{users: map[string]person{}, groups: map[string]string{}, members: map[string]map[string]bool{}, when: map[string]string{}}
			of := map[string][]string{} // ids by connection
			take := func() {
				m.mappings, m.when = nil, map[string]string{}
				for i := range rapid.IntRange(0, 4).Draw(rt, "mappings") {
					connection := rapid.SampledFrom([]string{"okta", "entra"}).Draw(rt, "connection")
					department := rapid.SampledFrom(departments).Draw(rt, "department")
					one := mapping(t, connection, fmt.Sprintf("m%d", i), fmt.Sprintf("r%d", rapid.IntRange(0, 2).Draw(rt, "role")), department,
						rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 2, rapid.ID[string]).Draw(rt, "groups")...)
					m.mappings = append(m.mappings, one)
					m.when[one.Connection+"/"+one.Name] = department
				}
				w.take(m.mappings...)
				staled++
			}
			take()
			for i, connection := range []string{"okta", "okta", "okta", "entra"} {
				u, g := fmt.Sprintf("u%d-%d", round, i), fmt.Sprintf("g%d-%d", round, i)
				m.users[u] = person{connection, "x", true}
				m.groups[g], m.members[g] = rapid.SampledFrom(names).Draw(rt, "name"), map[string]bool{}
				of[connection] = append(of[connection], u, g)
				w.apply(scopes[connection], sdk.Create{Resource: user(u, "x", true)}, sdk.Create{Resource: group(g, m.groups[g])})
			}
			remembered := map[string]func() (bool, []string){}
			remember := func(id string) {
				deps := w.feed.Observe(change.Grants(grant.User(id)), change.User(id), change.Connection(m.users[id].connection), change.Policy())
				has := w.has(id)
				remembered[id] = func() (bool, []string) { return deps.Fresh(), has }
			}
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				connection := rapid.SampledFrom([]string{"okta", "okta", "entra"}).Draw(rt, "of")
				ids := of[connection]
				id := rapid.SampledFrom(ids).Draw(rt, "id")
				_, isUser := m.users[id]
				switch kind := rapid.IntRange(0, 5).Draw(rt, "step"); {
				case kind == 0:
					take()
				case kind == 1:
					w.clear()
				case kind < 4 && isUser:
					u := person{connection, rapid.SampledFrom(departments).Draw(rt, "in"), rapid.Bool().Draw(rt, "active")}
					m.users[id] = u
					w.apply(scopes[connection], sdk.Replace{Resource: user(id, u.department, u.active)})
				case isUser:
				case kind == 2:
					m.groups[id] = rapid.SampledFrom(names).Draw(rt, "renamed")
					w.apply(scopes[connection], sdk.Replace{Resource: group(id, m.groups[id])})
				default:
					other := rapid.SampledFrom(ids).Draw(rt, "member")
					c := sdk.Members{Group: id, Add: []string{other}}
					m.members[id][other] = true
					if rapid.Bool().Draw(rt, "remove") {
						c = sdk.Members{Group: id, Remove: []string{other}}
						delete(m.members[id], other)
					}
					w.apply(scopes[connection], c)
				}
				for u := range m.users {
					want := m.want(u)
					if got := w.has(u); !slices.Equal(got, want) {
						rt.Fatalf("%s has %v, want %v", u, got, want)
					}
					if known := remembered[u]; known != nil {
						if fresh, has := known(); fresh && !slices.Equal(has, want) {
							rt.Fatalf("%s is remembered with %v, has %v, and nobody was told", u, has, want)
						}
					}
					remember(u)
					given += len(want)
				}
			}
			w.clear()
			for u := range m.users {
				if got, want := w.kept(u), m.want(u); !slices.Equal(got, want) {
					rt.Fatalf("%s is kept with %v, want %v", u, got, want)
				}
			}
		})
		if given == 0 || staled == 0 {
			t.Error("nobody was ever given anything: the test compares nothing")
		}
	})
}

// A process that does not run with the mappings in force writes nothing by its
// own: it leaves the connection to who does.
func TestOtherMappingsThanThoseInForceWriteNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(mapping(t, "okta", "all", "r0", ""))
		w.clear()
		old := w.policy
		w.declare(w.compile(mapping(t, "okta", "all", "r1", "")))
		w.Use(old) // another process has declared them
		w.apply(acme, sdk.Create{Resource: user("jane", "", true)})
		w.clear()
		if got := w.kept("jane"); len(got) != 0 {
			t.Errorf("a node that is behind has written %v", got)
		}
		if n, err := w.Stale(t.Context()); n != 1 || err != nil {
			t.Errorf("%d connections are stale, %v", n, err)
		}
		if _, err := w.Person(t.Context(), "jane"); !problem.Is(err, problem.Unavailable) {
			t.Errorf("a node that is behind answers for a stale user: %v", err)
		}
		w.Use(w.policy)
		w.clear()
		if got := w.kept("jane"); !slices.Equal(got, []string{"r1 mapping okta/all"}) {
			t.Errorf("in force: %v", got)
		}
		if n, err := w.Stale(t.Context()); n != 0 || err != nil {
			t.Errorf("%d connections are stale, %v", n, err)
		}
		w.Use(old)
		w.apply(acme, sdk.Replace{Resource: user("jane", "", false)})
		if n, err := w.Stale(t.Context()); n != 1 || err != nil {
			t.Errorf("after a change by a node that is behind, %d connections are stale, %v", n, err)
		}
	})
}

// A change to very many costs its transaction nothing, and is in force all the
// same; a pass of the worker that something came between begins again.
func TestVeryManyAreStaleAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(mapping(t, "okta", "data", "r0", "", "Data"))
		w.clear()
		var ids []string
		for i := 0; i < 2100; i += 700 {
			var changes []sdk.Change
			for j := range 700 {
				ids = append(ids, fmt.Sprintf("u%04d", i+j))
				changes = append(changes, sdk.Create{Resource: user(ids[i+j], "", true)})
			}
			w.apply(acme, changes...)
		}
		w.apply(acme, sdk.Create{Resource: group("g", "Data")}, sdk.Members{Group: "g", Add: ids})
		if got := w.kept(ids[0]); len(got) != 0 {
			t.Errorf("written in the transaction: %v", got)
		}
		want := []string{"r0 mapping okta/data"}
		if got := w.has(ids[2099]); !slices.Equal(got, want) {
			t.Errorf("stale: %v", got)
		}
		w.clear()
		for _, id := range []string{ids[0], ids[1000], ids[2099]} {
			if got := w.kept(id); !slices.Equal(got, want) {
				t.Errorf("%s after the worker: %v", id, got)
			}
		}
	})
}

func TestAConnectionStaysWithItsOrganization(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(mapping(t, "okta", "all", "r0", ""))
		err := w.store.Write(t.Context(), func(tx *store.Tx) error {
			return w.Declare(t.Context(), tx, []grant.Connection{{Label: "okta", Organization: "globex"}}, w.policy)
		})
		if !problem.Is(err, problem.Conflict) {
			t.Errorf("another organization: %v", err)
		}
	})
}

// The grants of a connection that was taken out of the configuration end.
func TestAConnectionThatIsGoneGivesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(mapping(t, "okta", "all", "r0", ""))
		w.apply(acme, sdk.Create{Resource: user("jane", "", true)})
		w.clear()
		gone := w.compile()
		if err := w.store.Write(t.Context(), func(tx *store.Tx) error { return w.Declare(t.Context(), tx, nil, gone) }); err != nil {
			t.Fatal(err)
		}
		if got := w.has("jane"); len(got) != 0 {
			t.Errorf("at once: %v", got)
		}
		w.clear()
		if got := w.kept("jane"); len(got) != 0 {
			t.Errorf("after the worker: %v", got)
		}
	})
}

// deaf is a directory that cannot be read.
type deaf struct{ *directory.Directory }

var errDeaf = errors.New("the store is away")

func (deaf) Facts(context.Context, *store.Tx, []string) (map[string]directory.Facts, error) {
	return nil, errDeaf
}

// What cannot be read is nobody's loss of roles: the change fails as a whole.
func TestAFailureTakesNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	w := open(t, s)
	w.take(mapping(t, "okta", "all", "r0", ""))
	w.clear()
	w.apply(acme, sdk.Create{Resource: user("jane", "", true)})
	sighted := w.Grants
	w.Grants = grant.New(grant.Options{Store: s, Feed: w.feed, Audit: w.audit, Directory: deaf{w.directory}, Clock: time.Now})
	w.Use(w.policy)
	_, err := w.directory.Apply(t.Context(), directory.By{Actor: "x"}, acme, []sdk.Change{sdk.Replace{Resource: user("jane", "y", true)}})
	if !errors.Is(err, errDeaf) {
		t.Errorf("the change: %v", err)
	}
	if _, err := w.Person(t.Context(), "jane"); !errors.Is(err, errDeaf) {
		t.Errorf("the question: %v", err)
	}
	w.Grants = sighted
	if got := w.kept("jane"); !slices.Equal(got, []string{"r0 mapping okta/all"}) {
		t.Errorf("kept: %v", got)
	}
	if who, err := w.Person(t.Context(), "jane"); err != nil || string(who.Attributes) != string(user("jane", "", true).Attributes) {
		t.Errorf("the change was made all the same: %s, %v", who.Attributes, err)
	}
}
