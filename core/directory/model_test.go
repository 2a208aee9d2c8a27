package directory_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// model is the directory as its promises have it, in maps.
type model struct {
	resources map[string]*thing // by id: of all scopes, tombstones too
}

type thing struct {
	Scope                      directory.Scope
	Type                       sdk.Type
	ID, Name, Title, External  string
	Active, deleted            bool
	Version                    int64
	members                    map[string]bool // of groups: the deleted too
	Members, Groups, AllGroups []string        // as they are shown
}

func (x *thing) resource() sdk.Resource {
	r := sdk.Resource{Type: x.Type, ID: x.ID, ExternalID: x.External}
	name := "displayName"
	if x.Type == sdk.User {
		name = "userName"
	}
	r.Attributes = doc(name, x.Name, "title", x.Title)
	if x.Type == sdk.User {
		r.Attributes = doc(name, x.Name, "title", x.Title, "active", fmt.Sprint(x.Active))
	}
	return r
}

func (m *model) get(s directory.Scope, t sdk.Type, id string) *thing {
	if x := m.resources[id]; x != nil && x.Scope == s && x.Type == t && !x.deleted {
		return x
	}
	return nil
}

// taken reports whether a resource is in the way of x.
func (m *model) taken(x *thing) bool {
	for _, o := range m.resources {
		if o.ID == x.ID || o.deleted || o.Scope != x.Scope || o.Type != x.Type {
			continue
		}
		if x.Type == sdk.User && strings.EqualFold(o.Name, x.Name) || x.Type != sdk.User && x.External != "" && o.External == x.External {
			return true
		}
	}
	return false
}

func (m *model) touchGroupsOf(id string) {
	for _, x := range m.resources {
		if x.members[id] {
			x.Version++
		}
	}
}

// apply does to the model what the directory is to do. code is "" where it is to
// succeed.
func (m *model) apply(s directory.Scope, c sdk.Change, now thing) (id string, changed bool, code problem.Code) {
	switch c := c.(type) {
	case sdk.Create:
		if m.resources[now.ID] != nil || m.taken(&now) {
			return "", false, problem.Conflict
		}
		now.Version, now.members = 1, map[string]bool{}
		m.resources[now.ID] = &now
		return now.ID, true, ""
	case sdk.Replace:
		x := m.get(s, now.Type, now.ID)
		switch {
		case x == nil:
			return "", false, problem.NotFound
		case c.Resource.Version != 0 && c.Resource.Version != x.Version:
			return "", false, problem.Changed
		case x.Name == now.Name && x.Title == now.Title && x.External == now.External && x.Active == now.Active:
			return x.ID, false, ""
		case m.taken(&now):
			return "", false, problem.Conflict
		}
		x.Name, x.Title, x.External, x.Active = now.Name, now.Title, now.External, now.Active
		x.Version++
		return x.ID, true, ""
	case sdk.Delete:
		x := m.get(s, c.Type, c.ID)
		switch {
		case x == nil:
			return "", false, problem.NotFound
		case c.Version != 0 && c.Version != x.Version:
			return "", false, problem.Changed
		}
		x.Version++
		m.touchGroupsOf(x.ID)
		if x.deleted = true; x.Type != sdk.User {
			for _, o := range m.resources {
				delete(o.members, x.ID)
			}
			delete(m.resources, x.ID)
		}
		return x.ID, true, ""
	case sdk.Members:
		return m.change(s, c)
	}
	panic("no such change")
}

func (m *model) change(s directory.Scope, c sdk.Members) (id string, changed bool, code problem.Code) {
	x := m.get(s, sdk.Group, c.Group)
	switch {
	case x == nil:
		return "", false, problem.NotFound
	case c.Version != 0 && c.Version != x.Version:
		return "", false, problem.Changed
	}
	after := maps.Clone(x.members)
	for id := range x.members {
		if c.All && !slices.Contains(c.Add, id) && !m.resources[id].deleted || slices.Contains(c.Remove, id) {
			delete(after, id)
		}
	}
	for _, id := range c.Add {
		switch {
		case m.get(s, sdk.User, id) != nil, m.get(s, sdk.Group, id) != nil:
			after[id] = true
		case !c.SkipUnknown:
			return "", false, problem.Invalid
		case slices.Contains(c.Remove, id) && x.members[id]:
			after[id] = true // a deleted member whom the change both adds and removes
		}
	}
	if changed = !maps.Equal(x.members, after); changed {
		x.members = after
		x.Version++
	}
	return x.ID, changed, ""
}

// shown is what the directory should answer about a scope.
func (m *model) shown(s directory.Scope, t sdk.Type) []thing {
	list := []thing{}
	for _, id := range slices.Sorted(maps.Keys(m.resources)) {
		x := m.get(s, t, id)
		if x == nil {
			continue
		}
		seen := thing{Scope: s, Type: t, ID: id, Name: x.Name, Title: x.Title, External: x.External, Active: x.Active, Version: x.Version}
		for member := range x.members {
			if !m.resources[member].deleted {
				seen.Members = append(seen.Members, member)
			}
		}
		if t == sdk.User {
			all := map[string]bool{}
			m.climb(id, all)
			seen.AllGroups = slices.Sorted(maps.Keys(all))
			for _, g := range m.resources {
				if g.members[id] {
					seen.Groups = append(seen.Groups, g.ID)
				}
			}
		}
		slices.Sort(seen.Members)
		slices.Sort(seen.Groups)
		list = append(list, seen)
	}
	return list
}

func (m *model) climb(id string, into map[string]bool) {
	for _, g := range m.resources {
		if g.members[id] && !into[g.ID] {
			into[g.ID] = true
			m.climb(g.ID, into)
		}
	}
}

// The directory does what its model does, whatever two connections ask it in
// whatever order, and neither notices the other.
func TestTheDirectoryIsItsModel(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		number := 0
		rapid.Check(t, func(t *rapid.T) {
			number++
			scopes := []directory.Scope{{Organization: fmt.Sprint("one", number), Connection: "a"}, {Organization: fmt.Sprint("one", number), Connection: "b"}}
			m := &model{resources: map[string]*thing{}}
			for range rapid.IntRange(1, 30).Draw(t, "steps") {
				s := rapid.SampledFrom(scopes).Draw(t, "scope")
				step(t, r, m, number, s)
			}
			for _, s := range scopes {
				checkShown(t, r, m, s)
			}
		})
	})
}

func step(t *rapid.T, r *room, m *model, number int, s directory.Scope) {
	typ := rapid.SampledFrom([]sdk.Type{sdk.User, sdk.User, sdk.Group, sdk.Group, "Device"}).Draw(t, "type")
	anyID := func(t sdk.Type, i int) string { return fmt.Sprintf("%s-%d-%d", strings.ToLower(string(t)), i, number) }
	id := func() string { return anyID(typ, rapid.IntRange(0, 4).Draw(t, "id")) }
	some := rapid.Custom(func(t *rapid.T) string {
		return anyID(rapid.SampledFrom([]sdk.Type{sdk.User, sdk.User, sdk.Group, "Device"}).Draw(t, "member type"), rapid.IntRange(0, 5).Draw(t, "member"))
	})
	version := func(id string) int64 {
		if x := m.resources[id]; x != nil && rapid.Bool().Draw(t, "expects") {
			return x.Version + rapid.Int64Range(0, 1).Draw(t, "off")
		}
		return 0
	}
	now := thing{Scope: s, Type: typ, ID: id(), Active: true}
	now.Name = rapid.SampledFrom([]string{"ada", "Ada", "bob", "Eve"}).Draw(t, "name")
	now.Title = rapid.SampledFrom([]string{"x", "y"}).Draw(t, "title")
	now.External = rapid.SampledFrom([]string{"", "", "e1", "e2"}).Draw(t, "external")
	if typ == sdk.User {
		now.Active = rapid.Bool().Draw(t, "active")
	}
	var c sdk.Change
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1, 2:
		c = sdk.Create{Resource: now.resource()}
	case 3, 4:
		res := now.resource()
		res.Version = version(now.ID)
		c = sdk.Replace{Resource: res}
	case 5:
		c = sdk.Delete{Type: typ, ID: now.ID, Version: version(now.ID)}
	case 6:
		restore(t, r, m, now.ID)
		return
	default:
		group := anyID(sdk.Group, rapid.IntRange(0, 4).Draw(t, "group"))
		change := sdk.Members{Group: group, Version: version(group), SkipUnknown: rapid.IntRange(0, 3).Draw(t, "strict") > 0}
		change.Add = rapid.SliceOfN(some, 0, 5).Draw(t, "add")
		if change.All = rapid.Bool().Draw(t, "all"); !change.All {
			change.Remove = rapid.SliceOfN(some, 0, 3).Draw(t, "remove")
		}
		c = change
	}
	outcomes, err := r.Apply(context.Background(), by, s, []sdk.Change{c})
	wantID, changed, code := m.apply(s, c, now)
	if code != "" {
		if !problem.Is(err, code) {
			t.Fatalf("%+v: error %v, want %s", c, err, code)
		}
		return
	}
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	x, version2 := m.resources[wantID], int64(0)
	if x != nil {
		version2 = x.Version
	}
	if o := outcomes[0]; o.ID != wantID || o.Changed != changed || x != nil && o.Version != version2 {
		t.Fatalf("%+v: outcome %+v, want %s changed %v version %d", c, o, wantID, changed, version2)
	}
}

// restore takes a deletion back.
func restore(t *rapid.T, r *room, m *model, id string) {
	x := m.resources[id]
	organization := "nobody's"
	if x != nil {
		organization = x.Scope.Organization
	}
	err := r.store.Write(context.Background(), func(tx *store.Tx) error {
		return r.Restore(context.Background(), tx, by, organization, id)
	})
	switch {
	case x == nil || !x.deleted:
		if !problem.Is(err, problem.NotFound) {
			t.Fatalf("restoring %s: %v", id, err)
		}
	case m.taken(x):
		if !problem.Is(err, problem.Conflict) {
			t.Fatalf("restoring %s: %v", id, err)
		}
	default:
		if err != nil {
			t.Fatalf("restoring %s: %v", id, err)
		}
		x.deleted = false
		x.Version++
		m.touchGroupsOf(id)
	}
}

func checkShown(t *rapid.T, r *room, m *model, s directory.Scope) {
	for _, typ := range []sdk.Type{sdk.User, sdk.Group, "Device"} {
		page, err := r.Find(context.Background(), s, sdk.Query{Type: typ, Limit: 100, Attributes: true, Members: 100, Groups: true})
		if err != nil {
			t.Fatal(err)
		}
		got := []thing{}
		var users []string
		for _, res := range page.Resources {
			got = append(got, shownThing(t, s, res))
			users = append(users, res.ID)
		}
		slices.SortFunc(got, func(a, b thing) int { return strings.Compare(a.ID, b.ID) })
		want := m.shown(s, typ)
		if typ == sdk.User {
			addAllGroups(t, r, got, users)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(thing{})); diff != "" || page.Total != len(want) {
			t.Fatalf("%s of %v, total %d (-model +directory):\n%s", typ, s, page.Total, diff)
		}
	}
	for _, g := range m.shown(s, sdk.Group) {
		checkUsersIn(t, r, m, g.ID)
	}
}

func shownThing(t *rapid.T, s directory.Scope, r sdk.Resource) thing {
	x := thing{Scope: s, Type: r.Type, ID: r.ID, External: r.ExternalID, Version: r.Version, Active: true}
	fields := decoded(t, r.Attributes)
	x.Title, _ = fields["title"].(string)
	if x.Name, _ = fields["displayName"].(string); r.Type == sdk.User {
		x.Name, _ = fields["userName"].(string)
		x.Active, _ = fields["active"].(bool)
	}
	for _, m := range r.Members {
		x.Members = append(x.Members, m.ID)
	}
	for _, g := range r.Groups {
		x.Groups = append(x.Groups, g.ID)
	}
	return x
}

func addAllGroups(t *rapid.T, r *room, got []thing, users []string) {
	var facts map[string]directory.Facts
	if err := r.store.Read(context.Background(), func(tx *store.Tx) (err error) {
		facts, err = r.Facts(context.Background(), tx, users)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		f := facts[got[i].ID]
		if f.Active != got[i].Active || f.Connection != got[i].Scope.Connection {
			t.Fatalf("facts %+v of %+v", f, got[i])
		}
		for _, g := range f.Groups {
			got[i].AllGroups = append(got[i].AllGroups, g.ID)
		}
	}
}

func checkUsersIn(t *rapid.T, r *room, m *model, group string) {
	var got []string
	if err := r.store.Read(context.Background(), func(tx *store.Tx) (err error) {
		got, err = r.UsersIn(context.Background(), tx, []string{group})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, id := range slices.Sorted(maps.Keys(m.resources)) {
		above := map[string]bool{}
		if m.climb(id, above); above[group] && m.resources[id].Type == sdk.User && !m.resources[id].deleted {
			want = append(want, id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("users in %s (-model +directory):\n%s", group, diff)
	}
}
