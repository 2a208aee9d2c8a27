package directory

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

func openDirectory(s *store.Store, clock func() time.Time) *Directory {
	return New(Options{Store: s, Feed: change.NewFeed(s, clock), Audit: audit.New(clock, rand.Reader), Clock: clock})
}

// ticking is a clock that never stands still.
func ticking() func() time.Time {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// Words that differ in case, in normal form, or in a letter that folds to
// another, and what a range, a LIKE or an index might stumble over.
var words = []string{"a", "A", "ab", "aB", "b", "Ärger", "ärger", "a\u0308rger", "K", "k", "\u212a", "straße", "ſ", "s", "a%b", "a_b", "\U0010ffff", "u1", "U2", "g1", "1"}

func word(t *rapid.T, name string) string { return rapid.SampledFrom(words).Draw(t, name) }

// drawDocument is a document with some of the attributes that filters ask for.
func drawDocument(t *rapid.T, typ sdk.Type, userName string) json.RawMessage {
	doc := map[string]any{}
	maybe := func(name string, value func() any) {
		if rapid.Bool().Draw(t, "has "+name) {
			doc[name] = value()
		}
	}
	text := func() any { return word(t, "text") }
	maybe("title", text)
	maybe("displayName", text)
	maybe("level", func() any {
		return json.Number(rapid.SampledFrom([]string{"1", "2", "2.5", "-3", "1e2"}).Draw(t, "level"))
	})
	maybe("tags", func() any { return []any{word(t, "tag"), word(t, "tag"), nil} })
	maybe("empty", func() any { return rapid.SampledFrom([]any{"", nil, []any{}, map[string]any{}}).Draw(t, "empty") })
	maybe("name", func() any { return map[string]any{"givenName": word(t, "given")} })
	maybe("emails", func() any {
		return []any{
			map[string]any{"value": word(t, "email"), "type": "work"},
			map[string]any{"value": word(t, "email"), "type": word(t, "type"), "primary": true},
		}
	})
	maybe("hired", func() any {
		return rapid.SampledFrom([]string{"2026-03-01T12:00:02Z", "2026-03-01T13:00:02+01:00", "2026", "2026-03-01T12:00:05.5Z"}).Draw(t, "hired")
	})
	switch typ {
	case sdk.User:
		doc["userName"] = userName
		maybe("active", func() any { return rapid.Bool().Draw(t, "active") })
	case sdk.Group:
		doc["displayName"] = word(t, "group")
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func drawFilter(t *rapid.T, typ sdk.Type, depth int) sdk.Filter {
	ops := []sdk.Op{"compare", "compare", "compare", sdk.And, sdk.Or, sdk.Not, sdk.Any}
	if depth == 0 {
		ops = ops[:1]
	}
	switch op := rapid.SampledFrom(ops).Draw(t, "op"); op { //nolint:exhaustive // the others are below
	case sdk.And, sdk.Or:
		f := sdk.Filter{Op: op}
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			f.Filters = append(f.Filters, drawFilter(t, typ, depth-1))
		}
		return f
	case sdk.Not:
		return sdk.Filter{Op: op, Filters: []sdk.Filter{drawFilter(t, typ, depth-1)}}
	case sdk.Any:
		path := rapid.SampledFrom([]string{"emails", "tags", "members", "groups", "name"}).Draw(t, "any")
		return sdk.Filter{Op: op, Path: sdk.Path{path}, Filters: []sdk.Filter{drawWithin(t, path, depth-1)}}
	}
	path := rapid.SampledFrom([]sdk.Path{
		{"userName"}, {"displayName"}, {"title"}, {"level"}, {"tags"}, {"tags", "value"}, {"empty"}, {"name", "givenName"}, {"emails", "value"},
		{"emails", "type"}, {"emails"}, {"hired"}, {"id"}, {"externalId"}, {"active"}, {"meta", "created"}, {"meta", "lastModified"},
		{"members", "value"}, {"groups", "value"}, {"nothing"},
	}).Draw(t, "path")
	return drawComparison(t, path)
}

// drawWithin is a filter on elements; of memberships it is on value.
func drawWithin(t *rapid.T, attribute string, depth int) sdk.Filter {
	if depth > 0 && rapid.Bool().Draw(t, "nested") {
		op := rapid.SampledFrom([]sdk.Op{sdk.And, sdk.Or, sdk.Not}).Draw(t, "inner op")
		f := sdk.Filter{Op: op, Filters: []sdk.Filter{drawWithin(t, attribute, depth-1)}}
		if op != sdk.Not {
			f.Filters = append(f.Filters, drawWithin(t, attribute, depth-1))
		}
		return f
	}
	path := sdk.Path{"value"}
	if attribute != "members" && attribute != "groups" {
		path = sdk.Path{rapid.SampledFrom([]string{"value", "type", "primary", "givenName"}).Draw(t, "sub")}
	}
	return drawComparison(t, path)
}

func drawComparison(t *rapid.T, path sdk.Path) sdk.Filter {
	f := sdk.Filter{Path: path, CaseExact: rapid.Bool().Draw(t, "exact")}
	order := []sdk.Op{sdk.Equal, sdk.Equal, sdk.Equal, sdk.NotEqual, sdk.Present, sdk.Greater, sdk.GreaterOrEqual, sdk.Less, sdk.LessOrEqual}
	f.Op = rapid.SampledFrom(append(order, sdk.Contains, sdk.StartsWith, sdk.EndsWith)).Draw(t, "comparison")
	switch kind := rapid.IntRange(0, 9).Draw(t, "value"); {
	case f.Op == sdk.Present:
	case (path[0] == "meta" || path[0] == "hired") && kind < 8:
		f.Op = rapid.SampledFrom(order[:4]).Draw(t, "time comparison")
		f.Time = true
		f.Value = rapid.SampledFrom([]string{"2026-03-01T12:00:01Z", "2026-03-01T12:00:02.000Z", "2026-03-01T12:00:03.0000001Z", "2026-03-01T13:00:02+01:00"}).Draw(t, "time")
	case kind == 0 && (f.Op == sdk.Equal || f.Op == sdk.NotEqual):
		f.Value = rapid.SampledFrom([]any{nil, true, false}).Draw(t, "special")
	case path[0] == "active":
		f.Op, f.Value = rapid.SampledFrom([]sdk.Op{sdk.Equal, sdk.NotEqual}).Draw(t, "bool op"), rapid.Bool().Draw(t, "bool")
	case path[0] == "level" && f.Op != sdk.Contains && f.Op != sdk.StartsWith && f.Op != sdk.EndsWith:
		f.Value = json.Number(rapid.SampledFrom([]string{"1", "2", "2.5", "100"}).Draw(t, "number"))
	default:
		f.Value = word(t, "word")
	}
	return f
}

// relatedTo answers conditions about memberships by the evaluator, from a list
// of ids.
func relatedTo(ids map[relation][]string) func(*condition) bool {
	return func(c *condition) bool {
		if c.op == sdk.Any {
			return slices.ContainsFunc(ids[c.relation], func(id string) bool {
				return c.parts[0].within([]byte(`{"value":"` + id + `"}`))
			})
		}
		return c.matches(func(yield func([]byte) bool) {
			for _, id := range ids[c.relation] {
				if !yield([]byte(`"` + id + `"`)) {
					return
				}
			}
		})
	}
}

// Whatever SQL does for a filter, the answer is what the evaluator says of each
// resource.
func TestSQLFindsWhatTheEvaluatorWould(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		d := openDirectory(s, ticking())
		number := 0
		rapid.Check(t, func(t *rapid.T) {
			number++
			scope := Scope{fmt.Sprintf("org%d", number), "c"}
			other := Scope{scope.Organization, "other"}
			typ := rapid.SampledFrom([]sdk.Type{sdk.User, sdk.User, sdk.Group, "Device"}).Draw(t, "type")
			id := func(kind string, i int) string { return fmt.Sprintf("%s%d-%d", kind, i, number) }
			var changes []sdk.Change
			n := rapid.IntRange(0, 8).Draw(t, "resources")
			for i := range n {
				r := sdk.Resource{Type: typ, ID: id("r", i), Attributes: drawDocument(t, typ, fmt.Sprint(word(t, "user"), i))}
				if rapid.Bool().Draw(t, "external") {
					r.ExternalID = fmt.Sprint(word(t, "external"), i)
				}
				changes = append(changes, sdk.Create{Resource: r})
			}
			// Groups and a user to be related to.
			for i := range 2 {
				changes = append(changes, sdk.Create{Resource: sdk.Resource{Type: sdk.Group, ID: id("g", i), Attributes: json.RawMessage(`{"displayName":"x"}`)}})
				m := sdk.Members{Group: id("g", i), SkipUnknown: true}
				for j := range n {
					if rapid.Bool().Draw(t, "is in") {
						m.Add = append(m.Add, id("r", j))
					}
				}
				changes = append(changes, m)
				if typ == sdk.Group {
					changes = append(changes, sdk.Members{Group: id("r", 0), Add: []string{id("g", i)}})
				}
			}
			if n == 0 && typ == sdk.Group {
				return
			}
			for _, c := range changes { // one after the other, so that times differ
				if _, err := d.Apply(t.Context(), By{Actor: "test"}, scope, []sdk.Change{c}); err != nil {
					t.Fatal(err)
				}
			}
			if n > 0 && typ == sdk.User {
				if _, err := d.Apply(t.Context(), By{Actor: "test"}, scope, []sdk.Change{sdk.Delete{Type: typ, ID: id("r", 0)}}); err != nil {
					t.Fatal(err)
				}
			}
			for range 8 {
				f := drawFilter(t, typ, 3)
				if slices.Contains([]any{"u1", "U2", "g1", "1"}, f.Value) { // make ids likely
					f.Value = rapid.SampledFrom([]string{id("r", 1), id("g", 0), id("g", 1), "r", "-"}).Draw(t, "id")
				}
				compareWithEvaluator(t, d, scope, typ, f)
				page, err := d.Find(t.Context(), other, sdk.Query{Type: typ, Filter: &f, Limit: 10})
				if err != nil || len(page.Resources) != 0 || page.Total != 0 {
					t.Fatalf("another connection found %+v, %v", page, err)
				}
			}
		})
	})
}

func compareWithEvaluator(t *rapid.T, d *Directory, s Scope, typ sdk.Type, f sdk.Filter) {
	c, err := compile(typ, &f)
	if err != nil {
		return // it is no filter; another test is about those
	}
	all, err := d.Find(t.Context(), s, sdk.Query{Type: typ, Limit: 100, Attributes: true, Members: 100, Groups: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, shown := range all.Resources {
		r, err := read(s, shown)
		if err != nil {
			t.Fatal(err)
		}
		r.created, r.modified = shown.Created.UnixMicro(), shown.Modified.UnixMicro()
		related := map[relation][]string{}
		for _, m := range shown.Members {
			related[members] = append(related[members], m.ID)
		}
		for _, m := range shown.Groups {
			related[groups] = append(related[groups], m.ID)
		}
		if (subject{r, relatedTo(related)}).holds(c) {
			want = append(want, r.id)
		}
	}
	for _, limit := range []int{100, 2} {
		page, err := d.Find(context.Background(), s, sdk.Query{Type: typ, Filter: &f, Limit: limit})
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		got := []string{}
		for _, r := range page.Resources {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(want[:min(limit, len(want))], got); diff != "" || page.Total != len(want) {
			t.Fatalf("%+v of %s: total %d, want %d (-evaluator +sql):\n%s", f, typ, page.Total, len(want), diff)
		}
	}
}
