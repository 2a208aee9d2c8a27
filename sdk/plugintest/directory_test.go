package plugintest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func create(t directory.Type, id, attributes string) directory.Create {
	return directory.Create{Resource: directory.Resource{Type: t, ID: id, Attributes: json.RawMessage(attributes)}}
}

// people is a directory of three users and a group of two of them.
func people(t *testing.T) *plugintest.Directory {
	t.Helper()
	d := plugintest.NewDirectory()
	_, err := d.Apply(t.Context(), []directory.Change{
		create(directory.User, "u1", `{"userName":"Ada","active":true,"age":36,"emails":[{"value":"a@x","type":"work"},{"value":"z@x","type":"home","primary":true}]}`),
		create(directory.User, "u2", `{"userName":"bob","title":"Boss","emails":[{"value":"b@x","type":"home"}],"since":"2020-01-01T00:00:00Z"}`),
		create(directory.User, "u3", `{"userName":"Straße","title":""}`),
		create(directory.Group, "g1", `{"displayName":"Guides"}`),
		directory.Members{Group: "g1", Add: []string{"u2", "u1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func apply(t *testing.T, d *plugintest.Directory, changes ...directory.Change) []directory.Outcome {
	t.Helper()
	out, err := d.Apply(t.Context(), changes)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return out
}

func compare(op directory.Op, value any, path ...string) directory.Filter {
	return directory.Filter{Op: op, Path: path, Value: value}
}

func TestDirectoryFilters(t *testing.T) {
	d := people(t)
	first, _ := d.Resource(directory.User, "u1")
	for name, c := range map[string]struct {
		filter directory.Filter
		want   string
	}{
		"eq folds":                    {compare(directory.Equal, "ADA", "userName"), "u1"},
		"eq of the exact case":        {directory.Filter{Op: directory.Equal, Path: directory.Path{"userName"}, Value: "ADA", CaseExact: true}, ""},
		"eq folds simply":             {compare(directory.Equal, "STRASSE", "userName"), ""},
		"eq folds one letter":         {compare(directory.Equal, "STRAẞE", "userName"), "u3"},
		"eq of any element":           {compare(directory.Equal, "z@x", "emails", "value"), "u1"},
		"eq of a number":              {compare(directory.Equal, json.Number("36.0"), "age"), "u1"},
		"eq of a truth":               {compare(directory.Equal, true, "active"), "u1"},
		"eq of another kind":          {compare(directory.Equal, "36", "age"), ""},
		"eq of none":                  {compare(directory.Equal, nil, "title"), "u1 u3"},
		"ne of none":                  {compare(directory.NotEqual, nil, "title"), "u2"},
		"ne holds without a value":    {compare(directory.NotEqual, "Boss", "title"), "u1 u3"},
		"ne of any element":           {compare(directory.NotEqual, "a@x", "emails", "value"), "u1 u2 u3"},
		"pr":                          {compare(directory.Present, nil, "title"), "u2"},
		"pr of a complex one":         {compare(directory.Present, nil, "emails"), "u1 u2"},
		"co":                          {compare(directory.Contains, "TRA", "userName"), "u3"},
		"sw":                          {compare(directory.StartsWith, "b", "userName"), "u2"},
		"ew":                          {compare(directory.EndsWith, "A", "userName"), "u1"},
		"gt":                          {compare(directory.Greater, "bob", "userName"), "u3"},
		"ge":                          {compare(directory.GreaterOrEqual, "bob", "userName"), "u2 u3"},
		"lt of a number":              {compare(directory.Less, json.Number("37"), "age"), "u1"},
		"le":                          {compare(directory.LessOrEqual, "bob", "userName"), "u1 u2"},
		"a time":                      {directory.Filter{Op: directory.Less, Path: directory.Path{"since"}, Value: "2020-01-01T02:00:00+01:00", Time: true}, "u2"},
		"a time that is the same":     {directory.Filter{Op: directory.Equal, Path: directory.Path{"since"}, Value: "2020-01-01T01:00:00+01:00", Time: true}, "u2"},
		"not made before the first":   {directory.Filter{Op: directory.Less, Path: directory.Path{"meta", "created"}, Value: first.Created.Format("2006-01-02T15:04:05.999999Z07:00"), Time: true}, ""},
		"id":                          {compare(directory.Equal, "u2", "id"), "u2"},
		"no external id":              {compare(directory.Present, nil, "externalId"), ""},
		"groups":                      {compare(directory.Equal, "g1", "groups", "value"), "u1 u2"},
		"and":                         {directory.Filter{Op: directory.And, Filters: []directory.Filter{compare(directory.Present, nil, "emails"), compare(directory.Present, nil, "title")}}, "u2"},
		"or":                          {directory.Filter{Op: directory.Or, Filters: []directory.Filter{compare(directory.Equal, "u3", "id"), compare(directory.Present, nil, "title")}}, "u2 u3"},
		"not":                         {directory.Filter{Op: directory.Not, Filters: []directory.Filter{compare(directory.Present, nil, "emails")}}, "u3"},
		"any":                         {directory.Filter{Op: directory.Any, Path: directory.Path{"emails"}, Filters: []directory.Filter{{Op: directory.And, Filters: []directory.Filter{compare(directory.Equal, "home", "type"), compare(directory.Equal, "b@x", "value")}}}}, "u2"},
		"any of one element, not two": {directory.Filter{Op: directory.Any, Path: directory.Path{"emails"}, Filters: []directory.Filter{{Op: directory.And, Filters: []directory.Filter{compare(directory.Equal, "home", "type"), compare(directory.Equal, "a@x", "value")}}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := d.Find(t.Context(), directory.Query{Type: directory.User, Filter: &c.filter, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(page); got != c.want || page.Total != len(strings.Fields(c.want)) {
				t.Errorf("found %q of %d, want %q", got, page.Total, c.want)
			}
		})
	}
}

func ids(p directory.Page) string {
	var out []string
	for _, r := range p.Resources {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

func TestDirectoryRefusesQueries(t *testing.T) {
	d := people(t)
	deep := compare(directory.Present, nil, "x")
	for range 50 {
		deep = directory.Filter{Op: directory.Not, Filters: []directory.Filter{deep}}
	}
	for name, c := range map[string]struct {
		query directory.Query
		want  problem.Code
	}{
		"no operator":           {directory.Query{Filter: &directory.Filter{Op: "like", Path: directory.Path{"x"}}}, problem.Invalid},
		"no path":               {directory.Query{Filter: &directory.Filter{Op: directory.Equal}}, problem.Invalid},
		"an order of truths":    {directory.Query{Filter: &directory.Filter{Op: directory.Less, Path: directory.Path{"active"}, Value: true}}, problem.Invalid},
		"a part of a number":    {directory.Query{Filter: &directory.Filter{Op: directory.Contains, Path: directory.Path{"age"}, Value: json.Number("1")}}, problem.Invalid},
		"no time":               {directory.Query{Filter: &directory.Filter{Op: directory.Less, Path: directory.Path{"since"}, Value: "now", Time: true}}, problem.Invalid},
		"and of nothing":        {directory.Query{Filter: &directory.Filter{Op: directory.And}}, problem.Invalid},
		"deep":                  {directory.Query{Filter: &deep}, problem.TooLarge},
		"many comparisons":      {directory.Query{Filter: &directory.Filter{Op: directory.Or, Filters: slices.Repeat([]directory.Filter{compare(directory.Present, nil, "x")}, 501)}}, problem.TooLarge},
		"a large page":          {directory.Query{Limit: 1001}, problem.TooLarge},
		"a cursor of nobody's":  {directory.Query{Limit: 1, Cursor: "x"}, problem.Invalid},
		"a start and a cursor":  {directory.Query{Limit: 1, Cursor: "x", Start: 1}, problem.Invalid},
		"a type that is no one": {directory.Query{Type: "a b"}, problem.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			if c.query.Type == "" {
				c.query.Type = directory.User
			}
			if _, err := d.Find(t.Context(), c.query); !problem.Is(err, c.want) {
				t.Errorf("Find: %v, want %s", err, c.want)
			}
		})
	}
}

func TestDirectoryPages(t *testing.T) {
	d := plugintest.NewDirectory()
	for i := range 7 {
		apply(t, d, create(directory.User, fmt.Sprintf("u%d", i), fmt.Sprintf(`{"userName":"%c","odd":%d}`, 'g'-i, i%2)))
	}
	by := func(p ...string) directory.Query { return directory.Query{Type: directory.User, Sort: p, Limit: 3} }
	down := by("userName")
	down.Descending = true
	for name, c := range map[string]struct {
		query directory.Query
		want  []string
	}{
		"as made":           {by(), []string{"u0 u1 u2", "u3 u4 u5", "u6"}},
		"sorted":            {by("userName"), []string{"u6 u5 u4", "u3 u2 u1", "u0"}},
		"sorted down":       {down, []string{"u0 u1 u2", "u3 u4 u5", "u6"}},
		"sorted with equal": {by("odd"), []string{"u0 u2 u4", "u6 u1 u3", "u5"}},
		"sorted by nothing": {by("none"), []string{"u0 u1 u2", "u3 u4 u5", "u6"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := c.query
			var got []string
			var last directory.Page
			for {
				page, err := d.Find(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				got, last = append(got, ids(page)), page
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("pages by cursor (-want +got):\n%s", diff)
			}
			q.Cursor = last.Previous
			if page, err := d.Find(t.Context(), q); err != nil || ids(page) != c.want[1] {
				t.Errorf("the page before the last: %q, %v, want %q", ids(page), err, c.want[1])
			}
			q.Cursor, q.Start = "", 3
			if page, err := d.Find(t.Context(), q); err != nil || ids(page) != c.want[1] {
				t.Errorf("the page at 3: %q, %v, want %q", ids(page), err, c.want[1])
			}
		})
	}
}

// A cursor keeps its place when what it ended with is deleted.
func TestDirectoryCursorOutlivesItsPlace(t *testing.T) {
	d := people(t)
	q := directory.Query{Type: directory.User, Limit: 2}
	page, err := d.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, d, directory.Delete{Type: directory.User, ID: "u2"})
	q.Cursor = page.Next
	if page, err = d.Find(t.Context(), q); err != nil || ids(page) != "u3" {
		t.Errorf("Find: %q, %v", ids(page), err)
	}
	q.Type = directory.Group
	if _, err := d.Find(t.Context(), q); !problem.Is(err, problem.Invalid) {
		t.Errorf("the cursor of another query: %v", err)
	}
}

func TestDirectoryReads(t *testing.T) {
	d := people(t)
	page, err := d.Find(t.Context(), directory.Query{Type: directory.Group, ID: "g1", Limit: 1, Members: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []directory.Member{{ID: "u1", Type: directory.User, Display: "Ada"}}
	if g := page.Resources[0]; !cmp.Equal(g.Members, want) || !g.More || g.Attributes != nil {
		t.Errorf("the group is %+v", g)
	}
	rest, more, err := d.Members(t.Context(), "g1", "u1", 10)
	if want := []directory.Member{{ID: "u2", Type: directory.User, Display: "bob"}}; err != nil || more || !cmp.Equal(rest, want) {
		t.Errorf("Members: %v %v %v", rest, more, err)
	}
	u, ok := d.Named(directory.User, "bob")
	if want := []directory.Member{{ID: "g1", Type: directory.Group, Display: "Guides"}}; !ok || !cmp.Equal(u.Groups, want) {
		t.Errorf("bob is %+v", u)
	}
	if _, _, err := d.Members(t.Context(), "u1", "", 10); !problem.Is(err, problem.NotFound) {
		t.Errorf("Members of a user: %v", err)
	}
	d.FailWith(errors.New)
	if _, err := d.Find(t.Context(), directory.Query{Type: directory.User}); err == nil || err.Error() != "Find" {
		t.Errorf("Find of a directory that fails: %v", err)
	}
}
