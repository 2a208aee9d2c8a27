package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

const every = "urn:example:every"

// types are users with an extension that has every type, and groups.
func types(t testing.TB) (users, groups *schema.ResourceType) {
	t.Helper()
	users, err := schema.Users(&schema.Schema{ID: every, Attributes: []schema.Attribute{
		{Name: "count", Type: schema.Integer}, {Name: "share", Type: schema.Decimal}, {Name: "since", Type: schema.DateTime},
		{Name: "tags", Type: schema.String, MultiValued: true}, {Name: "badge", Type: schema.String, Mutability: schema.Immutable},
		{Name: "sites", Type: schema.Complex, MultiValued: true, Sub: []schema.Attribute{
			{Name: "city", Type: schema.String}, {Name: "floors", Type: schema.Integer, MultiValued: true}, {Name: "lead", Type: schema.String, Mutability: schema.ReadOnly},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if groups, err = schema.Groups(); err != nil {
		t.Fatal(err)
	}
	return users, groups
}

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	v, err := body.DecodeObject([]byte(text), 8<<20)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// apply runs operations over a document in the notation of JSON.
func apply(t testing.TB, rt *schema.ResourceType, doc, ops string, r *dialect.Reading) (patch.Result, error) {
	t.Helper()
	list, err := patch.ParseOps(decode(t, `{"schemas":["`+patch.PatchOpURN+`"],"Operations":[`+ops+`]}`), r)
	if err != nil {
		return patch.Result{}, err
	}
	before := decode(t, doc)
	result, err := patch.Apply(rt, before, list, r)
	if diff := cmp.Diff(decode(t, doc), before); diff != "" {
		t.Fatalf("%s changed what it was given:\n%s", ops, diff)
	}
	return result, err
}

// TestApply are operations that every reading takes.
func TestApply(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	const base = `{"userName":"ida"}`
	for _, c := range []struct{ name, doc, ops, want string }{
		{"add to a list that is not there", base, `{"op":"add","path":"emails","value":[{"value":"a"}]}`, `{"userName":"ida","emails":[{"value":"a"}]}`},
		{"add to a list", `{"userName":"ida","emails":[{"value":"a"}]}`, `{"op":"add","value":{"emails":[{"value":"b"}]}}`, `{"userName":"ida","emails":[{"value":"a"},{"value":"b"}]}`},
		{"replace a list", `{"userName":"ida","emails":[{"value":"a"}]}`, `{"op":"replace","value":{"emails":[{"value":"b"}]}}`, `{"userName":"ida","emails":[{"value":"b"}]}`},
		{"an empty list", `{"userName":"ida","emails":[{"value":"a"}]}`, `{"op":"replace","path":"emails","value":[]}`, base},
		{"what is added again says more", `{"userName":"ida","emails":[{"value":"a","type":"work"}]}`, `{"op":"add","path":"emails","value":[{"value":"A","type":"Work","display":"x"}]}`,
			`{"userName":"ida","emails":[{"value":"A","type":"Work","display":"x"}]}`},
		{"an address that is there", `{"userName":"ida","addresses":[{"locality":"Bern"}]}`, `{"op":"add","path":"addresses","value":[{"locality":"Bern"},{"locality":"Thun"}]}`,
			`{"userName":"ida","addresses":[{"locality":"Bern"},{"locality":"Thun"}]}`},
		{"complex, merged", `{"userName":"ida","name":{"familyName":"B","givenName":"I"}}`, `{"op":"replace","path":"name","value":{"givenName":"Ida"}}`, `{"userName":"ida","name":{"familyName":"B","givenName":"Ida"}}`},
		{"the last sub-attribute", `{"userName":"ida","name":{"familyName":"B"}}`, `{"op":"remove","path":"name.familyName"}`, base},
		{"all e-mails", `{"userName":"ida","emails":[{"value":"a"},{"value":"b"}]}`, `{"op":"replace","path":"emails.type","value":"work"}`, `{"userName":"ida","emails":[{"value":"a","type":"work"},{"value":"b","type":"work"}]}`},
		{"chosen, merged", `{"userName":"ida","emails":[{"value":"a","type":"work"},{"value":"b"}]}`, `{"op":"add","path":"emails[type eq \"work\"]","value":{"display":"x"}}`,
			`{"userName":"ida","emails":[{"value":"a","type":"work","display":"x"},{"value":"b"}]}`},
		{"the last of a list", `{"userName":"ida","emails":[{"value":"a","type":"work"}]}`, `{"op":"remove","path":"emails[value sw \"A\"]"}`, base},
		{"primary by a filter", `{"userName":"ida","emails":[{"value":"a","primary":true},{"value":"b"}]}`, `{"op":"replace","path":"emails[value eq \"b\"].primary","value":true}`,
			`{"userName":"ida","emails":[{"value":"a","primary":false},{"value":"b","primary":true}]}`},
		{"the extension's", base, `{"op":"add","path":"` + every + `:count","value":7}`, `{"userName":"ida","` + every + `":{"count":7}}`},
		{"the last of an extension", `{"userName":"ida","` + every + `":{"count":7}}`, `{"op":"remove","path":"` + every + `:count"}`, base},
		{"simple values", `{"userName":"ida","` + every + `":{"tags":["red"]}}`, `{"op":"add","path":"` + every + `:tags","value":["RED","blue"]}`, `{"userName":"ida","` + every + `":{"tags":["red","blue"]}}`},
		{"a simple value by a filter", `{"userName":"ida","` + every + `":{"tags":["red","blue"]}}`, `{"op":"remove","path":"` + every + `:tags[value eq \"Red\"]"}`, `{"userName":"ida","` + every + `":{"tags":["blue"]}}`},
		{"a simple value replaced by a filter", `{"userName":"ida","` + every + `":{"tags":["red","blue"]}}`, `{"op":"replace","path":"` + every + `:tags[value eq \"red\"]","value":"green"}`, `{"userName":"ida","` + every + `":{"tags":["green","blue"]}}`},
		{"a list within a value", base, `{"op":"add","path":"` + every + `:sites","value":[{"city":"Bern","floors":[1,2,1]}]}`, ""},
		{"a list within a value, once each", base, `{"op":"add","path":"` + every + `:sites","value":[{"city":"Bern","floors":[1,2],"lead":"x"}]}`, `{"userName":"ida","` + every + `":{"sites":[{"city":"Bern","floors":[1,2]}]}}`},
		{"immutable, the first time", base, `{"op":"add","path":"` + every + `:badge","value":"7"}`, `{"userName":"ida","` + every + `":{"badge":"7"}}`},
		{"immutable, the same", `{"userName":"ida","` + every + `":{"badge":"7"}}`, `{"op":"replace","path":"` + every + `:badge","value":"7"}`, `{"userName":"ida","` + every + `":{"badge":"7"}}`},
		{"the manager's reference goes with the manager", `{"userName":"ida","` + schema.EnterpriseURN + `":{"manager":{"value":"a","$ref":"../a"}}}`, `{"op":"replace","path":"` + schema.EnterpriseURN + `:manager.value","value":"b"}`,
			`{"userName":"ida","` + schema.EnterpriseURN + `":{"manager":{"value":"b"}}}`},
		{"a password is not kept", base, `{"op":"replace","path":"password","value":"x"}`, base},
		{"one after the other", base, `{"op":"add","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"},{"op":"remove","path":"nickName"}`, `{"userName":"ida","title":"b"}`},
	} {
		for mode, set := range map[string]dialect.Set{"tolerant": dialect.All(), "strict": dialect.Strict} {
			got, err := apply(t, users, c.doc, c.ops, set.Read())
			if c.want == "" {
				if mode == "strict" && err == nil {
					t.Errorf("%s, %s: %v", c.name, mode, got.Doc)
				}
				continue
			}
			if diff := cmp.Diff(decode(t, c.want), got.Doc); diff != "" || err != nil {
				t.Errorf("%s, %s: %v\n%s", c.name, mode, err, diff)
			}
			if changed := c.doc != c.want; got.Changed != changed {
				t.Errorf("%s, %s: changed %v", c.name, mode, got.Changed)
			}
		}
	}
}

// TestApplyRefuses are operations that no reading takes.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	const doc = `{"userName":"ida","active":false,"emails":[{"value":"a","type":"work"}],"` + every + `":{"badge":"7"}}`
	for _, c := range []struct {
		ops  string
		want scimerr.Type
	}{
		{`{"op":"add","path":"title"}`, scimerr.InvalidValue},
		{`{"op":"add","value":"title"}`, scimerr.InvalidValue},
		{`{"op":"add","path":7,"value":"x"}`, scimerr.InvalidPath},
		{`{"op":"add","path":"title[value eq \"a\"]","value":"x"}`, scimerr.InvalidPath},
		{`{"op":"add","path":"emails.value[type eq \"work\"]","value":"x"}`, scimerr.InvalidPath},
		{`{"op":"replace","path":"emails[value eq \"b\" or type eq \"home\"].value","value":"x"}`, scimerr.NoTarget},
		{`{"op":"replace","path":"emails[type ne \"work\"].value","value":"x"}`, scimerr.NoTarget},
		{`{"op":"replace","path":"emails[type eq \"a\" and type eq \"b\"].value","value":"x"}`, scimerr.NoTarget},
		{`{"op":"replace","path":"emails[type gt true]","value":{}}`, scimerr.InvalidFilter},
		{`{"op":"replace","path":"emails[size eq \"a\"]","value":{}}`, scimerr.InvalidFilter},
		{`{"op":"replace","path":"active","value":"maybe"}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"active","value":null}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"active","value":""}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"active","value":[]}`, scimerr.InvalidValue},
		{`{"op":"replace","value":{"active":null}}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"userName","value":null}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"userName","value":""}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"title","value":["a","b"]}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"title","value":{"display":"b"}}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"title","value":[[["a"]]]}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"title","value":true}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"name","value":"Ida Berg"}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"` + every + `:count","value":1.5}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"` + every + `:count","value":"many"}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"` + every + `:since","value":"yesterday"}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"` + every + `:badge","value":"8"}`, scimerr.Mutability},
		{`{"op":"remove","path":"` + every + `:badge"}`, scimerr.Mutability},
		{`{"op":"replace","path":"` + every + `","value":"x"}`, scimerr.InvalidValue},
		{`{"op":"replace","path":"` + every + `","value":{"badge":"8"}}`, scimerr.Mutability},
		{`{"op":"replace","path":"` + every + `","value":{"count":8}}`, scimerr.Mutability},
		{`{"op":"remove","path":"` + every + `"}`, scimerr.Mutability},
		{`{"op":"add","value":{"` + every + `":{"badge":"8"}}}`, scimerr.Mutability},
		{`{"op":"replace","path":"` + every + `[a eq 1]","value":{}}`, scimerr.InvalidPath},
		{`{"op":"replace","path":"id","value":"x"}`, scimerr.Mutability},
		{`{"op":"replace","path":"meta.version","value":"x"}`, scimerr.Mutability},
		{`{"op":"replace","path":"schemas","value":[]}`, scimerr.Mutability},
		{`{"op":"replace","path":"` + schema.EnterpriseURN + `:manager.displayName","value":"x"}`, scimerr.Mutability},
		{`{"op":"replace","value":{"title":"a","Title":"b"}}`, scimerr.InvalidSyntax},
		{`{"op":"replace","path":"name","value":{"givenName":"a","givenname":"b"}}`, scimerr.InvalidSyntax},
		{`{"op":"add","OP":"add","path":"title","value":"x"}`, scimerr.InvalidSyntax},
	} {
		for mode, set := range map[string]dialect.Set{"tolerant": dialect.All(), "strict": dialect.Strict} {
			got, err := apply(t, users, doc, c.ops, set.Read())
			var refused *scimerr.Error
			if !errors.As(err, &refused) || refused.ScimType != c.want {
				t.Errorf("%s, %s: %v %v", c.ops, mode, got.Doc, err)
			}
		}
	}
	for _, ops := range []string{`{"op":"replace","path":"members[value eq \"a\"]","value":{}}`, `{"op":"remove","path":"members[$ref eq \"a\"]"}`, `{"op":"add","path":"members","value":[{"value":7}]}`, `{"op":"add","path":"members","value":[{"value":""}]}`} {
		if got, err := apply(t, groups, `{"displayName":"g"}`, ops, dialect.All().Read()); err == nil {
			t.Errorf("%s: %+v", ops, got)
		}
	}
}

// TestNestedBeyondShape: a value within a value within a value is none.
func TestNestedBeyondShape(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	for _, v := range []string{`{"value":{"value":"x"}}`, `[{"value":["x"]}]`, `[[{"value":"x"}]]`} {
		for _, path := range []string{"title", schema.EnterpriseURN + ":manager.value", "active"} {
			if got, err := apply(t, users, `{"userName":"ida"}`, `{"op":"replace","path":"`+path+`","value":`+v+`}`, dialect.All().Read()); err == nil {
				t.Errorf("%s of %s: %v", v, path, got.Doc)
			}
		}
	}
}

func TestExternalID(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	for ops, want := range map[string]string{
		`{"op":"replace","path":"title","value":"x"}`:      "-",
		`{"op":"replace","path":"externalId","value":"7"}`: "7",
		`{"op":"replace","value":{"EXTERNALID":"7"}}`:      "7",
		`{"op":"remove","path":"externalId"}`:              "",
	} {
		got, err := apply(t, users, `{"userName":"ida"}`, ops, nil)
		id := "-"
		if got.ExternalID != nil {
			id = *got.ExternalID
		}
		if err != nil || id != want || !got.Changed {
			t.Errorf("%s: %q %v", ops, id, err)
		}
	}
	if _, err := apply(t, users, `{"userName":"ida"}`, `{"op":"remove","path":"externalId[value eq \"a\"]"}`, nil); err == nil {
		t.Error("a filter chooses an external id")
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	_, groups := types(t)
	add := func(ids ...string) string {
		var list []string
		for _, id := range ids {
			list = append(list, `{"value":"`+id+`"}`)
		}
		return `{"op":"add","path":"members","value":[` + strings.Join(list, ",") + `]}`
	}
	remove := func(filter string) string {
		return `{"op":"remove","path":"members[` + strings.ReplaceAll(filter, `"`, `\"`) + `]"}`
	}
	named := func(id string) string { return remove(`value eq "` + id + `"`) }
	for _, c := range []struct {
		name, ops string
		before    []string // of the group; those that begin with g are groups
		want      []string
	}{
		{"added and removed", add("a") + "," + named("a"), []string{"x"}, []string{"x"}},
		{"removed and added", named("x") + "," + add("x"), []string{"x"}, []string{"x"}},
		{"replaced, then removed", `{"op":"replace","path":"members","value":[{"value":"a"},{"value":"b"}]},` + named("a"), []string{"x"}, []string{"b"}},
		{"removed, then replaced", named("x") + `,{"op":"replace","path":"members","value":[{"value":"x"}]}`, []string{"x", "y"}, []string{"x"}},
		{"emptied, then added", `{"op":"remove","path":"members"},` + add("a"), []string{"x"}, []string{"a"}},
		{"by several ids", remove(`value eq "x" or value eq "y"`), []string{"x", "y", "z"}, []string{"z"}},
		{"all but one", remove(`not (value eq "x")`), []string{"x", "y", "z"}, []string{"x"}},
		{"all but one, of those that were added too", add("a", "b") + "," + remove(`value ne "a"`), []string{"x"}, []string{"a"}},
		{"and what is added later stays", remove(`value ne "a"`) + "," + add("b"), []string{"a", "x"}, []string{"a", "b"}},
		{"by type", remove(`type eq "group"`), []string{"x", "g1"}, []string{"x"}},
		{"by type, of those that were added", `{"op":"add","path":"members","value":[{"value":"g2","type":"Group"},{"value":"a"}]},` + remove(`type eq "Group"`), []string{"x"}, []string{"x", "a"}},
		{"by type, after all were replaced", `{"op":"replace","path":"members","value":[{"value":"g2","type":"Group"},{"value":"a"}]},` + remove(`type eq "Group"`), []string{"x"}, []string{"a"}},
		{"twice in one list", add("a", "a"), nil, []string{"a"}},
	} {
		for mode, set := range map[string]dialect.Set{"tolerant": dialect.All(), "strict": dialect.Strict} {
			got, err := apply(t, groups, `{"displayName":"g"}`, c.ops, set.Read())
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, mode, err)
				continue
			}
			if after := resolve(t, c.before, got.Members); !slices.Equal(after, c.want) {
				t.Errorf("%s, %s: %v, by %+v", c.name, mode, after, got.Members)
			}
			if got.Members.SkipUnknown != (mode == "tolerant") || mode == "tolerant" && got.Members.Expect != nil {
				t.Errorf("%s, %s: %+v", c.name, mode, got.Members)
			}
		}
	}
	for _, ops := range []string{`{"op":"replace","path":"members","value":[{"value":"a"}]},` + named("b"), add("a") + "," + named("a") + "," + named("a"), `{"op":"remove","path":"members"},` + remove(`type eq "Group"`)} {
		var refused *scimerr.Error
		if got, err := apply(t, groups, `{"displayName":"g"}`, ops, nil); !errors.As(err, &refused) || refused.ScimType != scimerr.NoTarget {
			t.Errorf("%s, strict: %+v %v", ops, got.Members, err)
		}
	}
}

// resolve does what the owner of the members does.
func resolve(t *testing.T, before []string, m patch.Members) []string {
	t.Helper()
	for _, id := range m.Expect {
		if !slices.Contains(before, id) {
			t.Errorf("%s is expected", id)
		}
	}
	var after []string
	for _, id := range before {
		kind := directory.User
		if strings.HasPrefix(id, "g") {
			kind = directory.Group
		}
		gone := m.All || slices.Contains(m.Remove, id) || slices.ContainsFunc(m.Select, func(s patch.Selector) bool {
			return s.Match(directory.Member{ID: id, Type: kind}, &filter.Budget{Left: 1000})
		})
		if !gone {
			after = append(after, id)
		}
	}
	for _, id := range m.Add {
		if !slices.Contains(after, id) {
			after = append(after, id)
		}
	}
	return after
}

// TestTooMuchWork: what compares everything with everything is refused, and
// members are no such thing.
func TestTooMuchWork(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	repeat := func(n int, format string) string {
		var list []string
		for i := range n {
			list = append(list, strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
		}
		return strings.Join(list, ",")
	}
	emails := `{"userName":"ida","emails":[` + repeat(10_000, `{"value":"%d"}`) + `]}`
	addresses := `{"userName":"ida","addresses":[` + repeat(10_000, `{"locality":"%d"}`) + `]}`
	long := `{"userName":"ida","emails":[{"value":"` + strings.Repeat("Ä", 400_000) + `"}]}`
	for name, c := range map[string]struct{ doc, ops string }{
		"filters":         {emails, repeat(10_000, `{"op":"remove","path":"emails[type eq \"%d\"]"}`)},
		"sub-attributes":  {emails, repeat(10_000, `{"op":"replace","path":"emails.display","value":"%d"}`)},
		"additions":       {emails, repeat(10_000, `{"op":"add","path":"emails","value":[{"value":"x%d"}]}`)},
		"listed":          {emails, repeat(10_000, `{"op":"remove","path":"emails","value":[{"value":"x%d"}]}`)},
		"without a value": {addresses, `{"op":"add","path":"addresses","value":[` + repeat(10_000, `{"locality":"x%d"}`) + `]}`},
		"primaries":       {emails, `{"op":"add","path":"emails","value":[` + repeat(1000, `{"value":"x%d"}`) + `]},` + repeat(1000, `{"op":"add","path":"emails","value":[{"value":"x%d","primary":true}]}`)},
		"long texts":      {long, repeat(10_000, `{"op":"remove","path":"emails[value co \"%d\"]"}`)},
		"operations":      {`{"userName":"ida"}`, repeat(patch.OpsLimit+1, `{"op":"remove","path":"title"}`)},
		"long filter":     {emails, repeat(400, `{"op":"remove","path":"emails[`+strings.TrimSuffix(strings.Repeat(`type eq \"a\" or `, 400), " or ")+`]"}`)},
	} {
		r := dialect.All().Read()
		ops, err := patch.ParseOps(decode(t, `{"Operations":[`+c.ops+`]}`), r)
		if err == nil {
			_, err = patch.Apply(users, decode(t, c.doc), ops, r)
		}
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.Status != 413 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, op := range []string{`{"op":"add","value":{` + repeat(1001, `"x%d":1`) + `}}`, `{"op":"add","path":"name","value":{` + repeat(1001, `"x%d":1`) + `}}`} {
		_, err := apply(t, users, `{"userName":"ida"}`, op, dialect.All().Read())
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.Status != 400 || refused.ScimType != scimerr.InvalidValue {
			t.Errorf("an object with many attributes: %v", err)
		}
	}
	choose := `{"op":"add","path":"members","value":[` + repeat(10_000, `{"value":"%d"}`) + `]},` + repeat(1000, `{"op":"remove","path":"members[display eq \"%d\"]"}`)
	if _, err := apply(t, groups, `{"displayName":"g"}`, choose, dialect.All().Read()); err == nil {
		t.Error("ten million comparisons of members are taken")
	}
	many, err := apply(t, groups, `{"displayName":"g"}`, repeat(10_000, `{"op":"remove","path":"members[value eq \"%d\"]"}`)+`,{"op":"add","path":"members","value":[`+repeat(50_000, `{"value":"x%d"}`)+`]}`, dialect.All().Read())
	if err != nil || len(many.Members.Remove) != 10_000 || len(many.Members.Add) != 50_000 {
		t.Errorf("%d removed, %d added: %v", len(many.Members.Remove), len(many.Members.Add), err)
	}
}

// TestResultIsJSON: numbers come out as they went in.
func TestResultIsJSON(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	got, err := apply(t, users, `{"userName":"ida","`+every+`":{"share":0.10}}`, `{"op":"add","path":"`+every+`:count","value":9007199254740993}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(got.Doc)
	if want := `{"` + every + `":{"count":9007199254740993,"share":0.10},"userName":"ida"}`; string(data) != want || err != nil {
		t.Errorf("%s %v", data, err)
	}
}

// TestNotesHaveNoValues: the operator's log is no place for what people are
// called.
func TestNotesHaveNoValues(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	const secret = "Xyzzy"
	r := dialect.All().Read()
	for _, ops := range []string{
		`{"op":"Replace","path":"emails[value eq \"Xyzzy\"].value","value":null}`, `{"op":"replace","value":{"emails[value eq \"Xyzzy\"].type":"Xyzzy"}}`,
		`{"op":"remove","path":"emails[value eq Xyzzy]"}`, `{"op":"replace","path":"emails[value eq \"Xyzzy\"].nothing","value":"Xyzzy"}`,
		`{"op":"replace","value":{"nothing[a eq \"Xyzzy\"]":"Xyzzy","active":"False","manager":"Xyzzy","title":[{"value":"Xyzzy"}],"roles":["Xyzzy","xyzzy",""]}}`,
		`{"op":"replace","path":"password","value":"Xyzzy"}`, `{"op":"replace","path":"emails","value":{"value":"Xyzzy","nothing":"Xyzzy"}}`,
	} {
		if _, err := apply(t, users, `{"userName":"ida"}`, ops, r); err != nil {
			t.Errorf("%s: %v", ops, err)
		}
	}
	if _, err := apply(t, groups, `{"displayName":"g"}`, `{"op":"remove","path":"members","value":["Xyzzy"]},{"op":"remove","path":"members[value eq Xyzzy]"}`, r); err != nil {
		t.Error(err)
	}
	if len(r.Notes()) < 10 {
		t.Errorf("only %v", r.Notes())
	}
	for _, n := range r.Notes() {
		if strings.Contains(strings.ToLower(n.Detail), strings.ToLower(secret)) {
			t.Errorf("%s says %s", n.Rule, n.Detail)
		}
	}
}
