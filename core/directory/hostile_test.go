package directory

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func nested(begin, end string, depth int) string {
	return `{"userName":"ada","x":` + strings.Repeat(begin, depth) + `1` + strings.Repeat(end, depth) + `}`
}

func TestDocumentsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		doc  string
		code problem.Code // "" is taken
	}{
		"plain":               {`{"userName":"ada"}`, ""},
		"space":               {" {\n\"userName\" : \"ada\" } ", ""},
		"a pair":              {`{"userName":"\ud83d\ude00"}`, ""},
		"an escaped escape":   {`{"userName":"\\u0000"}`, ""},
		"deep enough":         {nested(`[`, `]`, depthLimit-1), ""},
		"too deep":            {nested(`[`, `]`, depthLimit), problem.Invalid},
		"too deep in objects": {nested(`{"a":`, `}`, depthLimit), problem.Invalid},
		"very deep":           {nested(`[`, `]`, 100_000), problem.Invalid},
		"too long":            {`{"userName":"` + strings.Repeat("a", sdk.AttributesLimit) + `"}`, problem.Invalid},
		"nothing":             {``, problem.Invalid},
		"no object":           {`["userName"]`, problem.Invalid},
		"two objects":         {`{"userName":"ada"}{}`, problem.Invalid},
		"no JSON":             {`{"userName":ada}`, problem.Invalid},
		"a name twice":        {`{"userName":"ada","title":"a","title":"b"}`, problem.Invalid},
		"twice, escaped":      {`{"userName":"ada","title":"a","t\u0069tle":"b"}`, problem.Invalid},
		"twice within":        {`{"userName":"ada","emails":[{"value":"a","value":"b"}]}`, problem.Invalid},
		"twice among many":    {`{"userName":"ada",` + manyNames(40) + `,"n3":1}`, problem.Invalid},
		"many":                {`{"userName":"ada",` + manyNames(40) + `}`, ""},
		"invalid UTF-8":       {"{\"userName\":\"a\xff\"}", problem.Invalid},
		"NUL":                 {`{"userName":"a\u0000"}`, problem.Invalid},
		"half a pair":         {`{"userName":"a\ud83d"}`, problem.Invalid},
		"the other half":      {`{"userName":"\ude00a"}`, problem.Invalid},
		"halves apart":        {`{"userName":"\ud83d-\ude00"}`, problem.Invalid},
		"no userName":         {`{"title":"x"}`, problem.Invalid},
		"an empty userName":   {`{"userName":""}`, problem.Invalid},
		"a number":            {`{"userName":7}`, problem.Invalid},
		"a long userName":     {`{"userName":"` + strings.Repeat("a", nameLimit+1) + `"}`, problem.Invalid},
		"active in words":     {`{"userName":"ada","active":"False"}`, problem.Invalid},
		"active null":         {`{"userName":"ada","active":null}`, ""},
		"an id":               {`{"userName":"ada","ID":"x"}`, problem.Invalid},
		"a password":          {`{"userName":"ada","password":"x"}`, problem.Invalid},
		"many addresses":      {`{"userName":"ada","emails":["` + strings.Repeat(`a","`, emailsLimit) + `a"]}`, problem.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(Scope{}, sdk.Resource{Type: sdk.User, ID: "u1", Attributes: json.RawMessage(c.doc)})
			if c.code == "" && err != nil || c.code != "" && !problem.Is(err, c.code) {
				t.Errorf("error %v, want %q", err, c.code)
			}
		})
	}
}

func manyNames(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = `"n` + strings.Repeat("x", i) + `":1,"n` + string(rune('0'+i%10)) + strings.Repeat("y", i/10) + `":2`
	}
	return strings.Join(names, ",")
}

func TestFiltersThatAreRefused(t *testing.T) {
	leaf := sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"title"}, Value: "x"}
	deep := leaf
	for range filterDepth {
		deep = sdk.Filter{Op: sdk.Not, Filters: []sdk.Filter{deep}}
	}
	broad := sdk.Filter{Op: sdk.Or}
	for range sdk.FilterLimit + 1 {
		broad.Filters = append(broad.Filters, leaf)
	}
	d := openDirectory(storetest.Open(t, storetest.SQLite(t)), ticking())
	for name, c := range map[string]struct {
		f    sdk.Filter
		code problem.Code
	}{
		"too deep":               {deep, problem.TooLarge},
		"too broad":              {broad, problem.TooLarge},
		"an and of nothing":      {sdk.Filter{Op: sdk.And}, problem.Invalid},
		"a not of nothing":       {sdk.Filter{Op: sdk.Not}, problem.Invalid},
		"an any without a path":  {sdk.Filter{Op: sdk.Any, Filters: []sdk.Filter{leaf}}, problem.Invalid},
		"no path":                {sdk.Filter{Op: sdk.Equal, Value: "x"}, problem.Invalid},
		"no operator":            {sdk.Filter{Path: sdk.Path{"title"}, Value: "x"}, problem.Invalid},
		"an unknown operator":    {sdk.Filter{Op: "like", Path: sdk.Path{"title"}, Value: "x"}, problem.Invalid},
		"an order of booleans":   {sdk.Filter{Op: sdk.Greater, Path: sdk.Path{"active"}, Value: true}, problem.Invalid},
		"a part of a number":     {sdk.Filter{Op: sdk.Contains, Path: sdk.Path{"level"}, Value: json.Number("1")}, problem.Invalid},
		"more than nothing":      {sdk.Filter{Op: sdk.Greater, Path: sdk.Path{"title"}}, problem.Invalid},
		"no number":              {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"level"}, Value: json.Number("one")}, problem.Invalid},
		"a number out of bounds": {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"level"}, Value: json.Number("1e999999999")}, problem.Invalid},
		"another type":           {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"level"}, Value: 1}, problem.Invalid},
		"no time":                {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"meta", "created"}, Value: "soon", Time: true}, problem.Invalid},
		"NUL":                    {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"userName"}, Value: "a\x00"}, problem.Invalid},
		"a NUL in a path":        {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"a\x00"}, Value: "a"}, problem.Invalid},
		"a long text":            {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"userName"}, Value: strings.Repeat("a", textLimit+1)}, problem.Invalid},
		"a member's display":     {sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"members", "display"}, Value: "a"}, problem.Invalid},
		"a member's type":        {sdk.Filter{Op: sdk.Any, Path: sdk.Path{"members"}, Filters: []sdk.Filter{{Op: sdk.Equal, Path: sdk.Path{"type"}, Value: "User"}}}, problem.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Find(t.Context(), Scope{"acme", "okta"}, sdk.Query{Type: sdk.Group, Filter: &c.f, Limit: 1})
			if !problem.Is(err, c.code) {
				t.Errorf("error %v, want %s", err, c.code)
			}
		})
	}
}

func TestQueriesAndChangesThatAreRefused(t *testing.T) {
	d := openDirectory(storetest.Open(t, storetest.SQLite(t)), ticking())
	s := Scope{"acme", "okta"}
	for name, q := range map[string]sdk.Query{
		"no type":             {Limit: 1},
		"a wide page":         {Type: sdk.User, Limit: sdk.PageLimit + 1},
		"many members":        {Type: sdk.Group, Limit: 1, Members: sdk.PageLimit + 1},
		"a negative start":    {Type: sdk.User, Limit: 1, Start: -1},
		"two beginnings":      {Type: sdk.User, Limit: 1, Start: 1, Cursor: "x"},
		"sorted by members":   {Type: sdk.Group, Limit: 1, Sort: sdk.Path{"members", "value"}},
		"another's cursor":    {Type: sdk.User, Limit: 1, Cursor: mark{id: "u1"}.cursor(digest{1})},
		"a cursor that is no": {Type: sdk.User, Limit: 1, Cursor: strings.Repeat("A", 2*cursorLimit)},
	} {
		if _, err := d.Find(t.Context(), s, q); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ada := sdk.Resource{Type: sdk.User, ID: "u1", Attributes: json.RawMessage(`{"userName":"ada"}`)}
	upper, long := ada, ada
	upper.ID, long.ExternalID = "U1", strings.Repeat("e", nameLimit+1)
	for name, c := range map[string]struct {
		changes []sdk.Change
		code    problem.Code
	}{
		"too many":             {make([]sdk.Change, changesLimit+1), problem.TooLarge},
		"nothing":              {make([]sdk.Change, 1), problem.Invalid},
		"an id in upper case":  {[]sdk.Change{sdk.Create{Resource: upper}}, problem.Invalid},
		"a long externalId":    {[]sdk.Change{sdk.Create{Resource: long}}, problem.Invalid},
		"too many members":     {[]sdk.Change{sdk.Members{Group: "g", Add: make([]string, membersLimit+1)}}, problem.TooLarge},
		"all and some removed": {[]sdk.Change{sdk.Members{Group: "g", All: true, Remove: []string{"u1"}}}, problem.Invalid},
		"nobody's group":       {[]sdk.Change{sdk.Members{Group: "\xff", Add: []string{"u1"}}}, problem.NotFound},
		"nobody":               {[]sdk.Change{sdk.Delete{Type: sdk.User, ID: "' OR 1=1 --"}}, problem.NotFound},
	} {
		if _, err := d.Apply(t.Context(), By{}, s, c.changes); !problem.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// The widest filters that are allowed are ones that both databases take.
func TestTheWidestFilterIsAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		d := openDirectory(st, ticking())
		for name, leaf := range map[string]sdk.Filter{
			"by column":     {Op: sdk.Equal, Path: sdk.Path{"userName"}, Value: "ada"},
			"by value":      {Op: sdk.Equal, Path: sdk.Path{"emails", "value"}, Value: "ada"},
			"by membership": {Op: sdk.Equal, Path: sdk.Path{"groups", "value"}, Value: "g1"},
			"by document":   {Op: sdk.Equal, Path: sdk.Path{"title"}, Value: "ada"},
		} {
			for _, op := range []sdk.Op{sdk.And, sdk.Or} {
				wide := sdk.Filter{Op: op}
				for range sdk.FilterLimit {
					wide.Filters = append(wide.Filters, leaf)
				}
				deep := wide
				for range filterDepth - 2 {
					deep = sdk.Filter{Op: sdk.Not, Filters: []sdk.Filter{deep}}
				}
				for _, f := range []sdk.Filter{wide, deep} {
					if _, err := d.Find(t.Context(), Scope{"acme", "okta"}, sdk.Query{Type: sdk.User, Filter: &f, Limit: 1}); err != nil {
						t.Errorf("%s, %s: %v", name, op, err)
					}
				}
			}
		}
	})
}

func FuzzCursor(f *testing.F) {
	of := digest{7}
	f.Add(mark{created: 1, id: "u1", key: "tada"}.cursor(of))
	f.Add(mark{before: true}.cursor(of))
	f.Add("AQAHAAAAAAAAAAAAAAAAAAAA\r000000000000YQA0")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := readCursor(s, of)
		if err != nil {
			if !problem.Is(err, problem.Invalid) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again := m.cursor(of); again != s {
			t.Errorf("%q became %q", s, again)
		}
	})
}

// Whatever is taken as a document is what encoding/json reads of it, by the
// walker too.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"userName":"ada","emails":[{"value":"a\u0041"},null,[]],"n":-1.5e3,"b":false,"o":{"a":{}}}`))
	f.Add([]byte(`{"a":"\ud83d\ude00","A":"\\"}`))
	f.Add([]byte(`{"":[[],{}],"x":"]}\","}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for range at(raw, []string{"a", "value"}) { // it ends, whatever it is given
		}
		doc, err := compact(raw)
		if err != nil {
			return
		}
		var want map[string]any
		if err := decode(raw, &want); err != nil || !utf8.Valid(doc) {
			t.Fatalf("it was taken, and encoding/json says %v", err)
		}
		if diff := cmp.Diff(want, walked(doc)); diff != "" {
			t.Errorf("the walker reads something else (-json +walker):\n%s", diff)
		}
		if names := differences(raw, doc); len(names) != 0 {
			t.Errorf("compacting it changes %v", names)
		}
	})
}

// walked reads a value by the walker.
func walked(raw []byte) any {
	switch raw[0] {
	case '{':
		object := map[string]any{}
		for name, value := range fields(raw) {
			object[name] = walked(value)
		}
		return object
	case '[':
		array := []any{}
		for value := range elements(raw) {
			array = append(array, walked(value))
		}
		return array
	case '"':
		s, _ := textOf(raw)
		return s
	case 't', 'f':
		return raw[0] == 't'
	case 'n':
		return nil
	}
	return json.Number(raw)
}
