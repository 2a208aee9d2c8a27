package plugintest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func replace(t directory.Type, id string, version int64, attributes string) directory.Replace {
	return directory.Replace{Resource: directory.Resource{Type: t, ID: id, Version: version, Attributes: json.RawMessage(attributes)}}
}

func TestDirectoryRefusesChanges(t *testing.T) {
	for name, c := range map[string]struct {
		changes []directory.Change
		want    problem.Code
	}{
		"a userName that is taken": {[]directory.Change{create(directory.User, "u9", `{"userName":"ADA"}`)}, problem.Conflict},
		"a userName to one taken":  {[]directory.Change{replace(directory.User, "u2", 0, `{"userName":"ada"}`)}, problem.Conflict},
		"a group's external id that is": {[]directory.Change{
			directory.Create{Resource: directory.Resource{Type: directory.Group, ID: "g8", ExternalID: "e1", Attributes: json.RawMessage(`{"displayName":"x"}`)}},
			directory.Create{Resource: directory.Resource{Type: directory.Group, ID: "g9", ExternalID: "e1", Attributes: json.RawMessage(`{"displayName":"y"}`)}},
		}, problem.Conflict},
		"an id that is taken":         {[]directory.Change{create(directory.Group, "u1", `{"displayName":"x"}`)}, problem.Conflict},
		"the id of a deleted":         {[]directory.Change{directory.Delete{Type: directory.User, ID: "u1"}, create(directory.User, "u1", `{"userName":"ada"}`)}, problem.Conflict},
		"a version that passed":       {[]directory.Change{replace(directory.User, "u1", 7, `{"userName":"ada"}`)}, problem.Changed},
		"a version of members":        {[]directory.Change{directory.Members{Group: "g1", Version: 1, Add: []string{"u3"}}}, problem.Changed},
		"a version of what is gone":   {[]directory.Change{directory.Delete{Type: directory.User, ID: "u1", Version: 9}}, problem.Changed},
		"nobody":                      {[]directory.Change{replace(directory.User, "u9", 0, `{"userName":"x"}`)}, problem.NotFound},
		"another type":                {[]directory.Change{directory.Delete{Type: directory.Group, ID: "u1"}}, problem.NotFound},
		"members that are unknown":    {[]directory.Change{directory.Members{Group: "g1", Add: []string{"u3", "u9"}}}, problem.Invalid},
		"all members, without some":   {[]directory.Change{directory.Members{Group: "g1", All: true, Remove: []string{"u1"}}}, problem.Invalid},
		"attributes that are none":    {[]directory.Change{replace(directory.User, "u1", 0, `[]`)}, problem.Invalid},
		"a change after one that did": {[]directory.Change{directory.Delete{Type: directory.User, ID: "u2"}, create(directory.User, "u9", `{"userName":"bob"}`), directory.Delete{Type: directory.User, ID: "u9", Version: 5}}, problem.Changed},
	} {
		t.Run(name, func(t *testing.T) {
			d := people(t)
			before := [][]directory.Resource{d.Resources(directory.User), d.Resources(directory.Group)}
			if _, err := d.Apply(t.Context(), c.changes); !problem.Is(err, c.want) {
				t.Fatalf("Apply: %v, want %s", err, c.want)
			}
			after := [][]directory.Resource{d.Resources(directory.User), d.Resources(directory.Group)}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("something was changed (-before +after):\n%s", diff)
			}
			if len(d.Applied()) != 1 {
				t.Errorf("it counts as applied")
			}
			apply(t, d, create(directory.User, "u99", `{"userName":"eve"}`)) // nothing of the failed is in the way
		})
	}
}

func TestDirectoryVersions(t *testing.T) {
	d := people(t)
	was, _ := d.Resource(directory.Group, "g1")
	out := apply(t, d,
		replace(directory.User, "u1", 1, `{"active": true,"userName":"Ada","age":36,"emails":[{"value":"a@x","type":"work"},{"value":"z@x","type":"home","primary":true}]}`),
		replace(directory.User, "u2", 1, `{"userName":"Bob"}`),
		directory.Members{Group: "g1", Version: was.Version, Add: []string{"u1"}, Remove: []string{"u3"}},
		directory.Members{Group: "g1", Version: was.Version, Add: []string{"u3", "u9"}, SkipUnknown: true},
		replace(directory.Group, "g1", was.Version, `{"displayName":"Tour Guides"}`))
	got := [][3]any{}
	for _, o := range out {
		got = append(got, [3]any{o.Changed, o.Version, strings.Join(o.Unknown, " ")})
	}
	want := [][3]any{
		{false, int64(1), ""}, {true, int64(2), ""}, {false, was.Version, ""}, {true, was.Version + 1, "u9"}, {true, was.Version + 2, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed, version, unknown (-want +got):\n%s", diff)
	}
}

func TestDirectoryMembersAsAWhole(t *testing.T) {
	d := people(t)
	apply(t, d, directory.Members{Group: "g1", All: true, Add: []string{"u3", "g1", "u3"}})
	g, _ := d.Resource(directory.Group, "g1")
	if len(g.Members) != 2 || g.Members[0].ID != "g1" || g.Members[1].ID != "u3" {
		t.Errorf("members are %v", g.Members)
	}
	apply(t, d, directory.Delete{Type: directory.User, ID: "u3"})
	if after, _ := d.Resource(directory.Group, "g1"); len(after.Members) != 1 || after.Version != g.Version+1 {
		t.Errorf("after a member was deleted: %+v", after)
	}
	apply(t, d, create(directory.User, "u4", `{"userName":"straße"}`)) // the name is free again
}

func TestDirectoryAdopts(t *testing.T) {
	d := people(t)
	id, err := d.AddUnprovisioned(json.RawMessage(`{"userName":"Eve"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Resource(directory.User, id); ok {
		t.Error("a user of no connection is seen")
	}
	c := create(directory.User, "u9", `{"userName":"eve","title":"x"}`)
	if _, err := d.Apply(t.Context(), []directory.Change{c}); !problem.Is(err, problem.Conflict) {
		t.Errorf("without Adopt: %v", err)
	}
	c.Adopt = true
	out := apply(t, d, c)
	if r, ok := d.Resource(directory.User, id); !ok || !out[0].Adopted || out[0].ID != id || string(r.Attributes) != `{"userName":"eve","title":"x"}` {
		t.Errorf("with Adopt: %+v %+v", out, r)
	}
	if _, err := d.Apply(t.Context(), []directory.Change{create(directory.User, "u9", `{"userName":"EVE"}`)}); !problem.Is(err, problem.Conflict) {
		t.Errorf("after it: %v", err)
	}
}
