package filter_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// types are users with an extension that has every type, and groups.
func types(t testing.TB) (users, groups *schema.ResourceType) {
	t.Helper()
	every := &schema.Schema{ID: "urn:example:every", Attributes: []schema.Attribute{
		{Name: "count", Type: schema.Integer}, {Name: "share", Type: schema.Decimal}, {Name: "since", Type: schema.DateTime},
		{Name: "key", Type: schema.Binary, CaseExact: true}, {Name: "tags", Type: schema.String, MultiValued: true},
		{Name: "desk", Type: schema.Complex, Sub: []schema.Attribute{{Name: "floor", Type: schema.Integer}, {Name: "room", Type: schema.String, CaseExact: true}}},
	}}
	users, err := schema.Users(every)
	if err != nil {
		t.Fatal(err)
	}
	if groups, err = schema.Groups(); err != nil {
		t.Fatal(err)
	}
	return users, groups
}

func TestCompile(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	const ent, every = schema.EnterpriseURN, "urn:example:every"
	type f = directory.Filter
	eq := func(v any, path ...string) f { return f{Op: directory.Equal, Path: path, Value: v} }
	exact := func(v any, path ...string) f { return f{Op: directory.Equal, Path: path, Value: v, CaseExact: true} }
	always := f{Op: directory.Present, Path: directory.Path{"id"}}
	for _, c := range []struct {
		text string
		want f
		in   *schema.ResourceType
	}{
		{`USERNAME eq "A"`, eq("A", "userName"), users},
		{schema.UserURN + `:userName eq "A"`, eq("A", "userName"), users},
		{`id eq "a"`, exact("a", "id"), users},
		{`externalId eq "a"`, exact("a", "externalId"), users},
		{`name.familyname eq "a"`, eq("a", "name", "familyName"), users},
		{ent + `:Department eq "a"`, eq("a", ent, "department"), users},
		{ent + `:manager.value eq "a"`, exact("a", ent, "manager", "value"), users},
		{`emails eq "a"`, eq("a", "emails", "value"), users},
		{`emails.type eq "a"`, eq("a", "emails", "type"), users},
		{`active eq true`, eq(true, "active"), users},
		{`title eq null`, eq(nil, "title"), users},
		{`name pr`, f{Op: directory.Present, Path: directory.Path{"name"}}, users},
		{ent + ` pr`, f{Op: directory.Present, Path: directory.Path{ent}}, users},
		{`meta.created ge "2026-01-31T12:00:00+01:00"`, f{Op: directory.GreaterOrEqual, Path: directory.Path{"meta", "created"}, Value: "2026-01-31T11:00:00Z", Time: true}, users},
		{every + `:count lt 7`, f{Op: directory.Less, Path: directory.Path{every, "count"}, Value: json.Number("7")}, users},
		{every + `:tags eq "x"`, eq("x", every, "tags"), users},
		{every + `:tags[value eq "x" or value sw "y"]`, f{Op: directory.Or, Filters: []f{eq("x", every, "tags"), {Op: directory.StartsWith, Path: directory.Path{every, "tags"}, Value: "y"}}}, users},
		{every + `:desk[floor eq 2 and room eq "a"]`, f{Op: directory.And, Filters: []f{eq(json.Number("2"), every, "desk", "floor"), exact("a", every, "desk", "room")}}, users},
		{`emails[type eq "work" and not (value co "x")]`, f{Op: directory.Any, Path: directory.Path{"emails"}, Filters: []f{{Op: directory.And, Filters: []f{
			eq("work", "type"), {Op: directory.Not, Filters: []f{{Op: directory.Contains, Path: directory.Path{"value"}, Value: "x"}}},
		}}}}, users},
		{`groups.value eq "g"`, exact("g", "groups", "value"), users},
		{`groups eq "g"`, exact("g", "groups", "value"), users},
		{`groups pr`, f{Op: directory.Present, Path: directory.Path{"groups", "value"}}, users},
		{`members eq "u"`, exact("u", "members", "value"), groups},
		{`members[value eq "u"]`, exact("u", "members", "value"), groups},
		{`members[value eq "u" or value eq "v"]`, f{Op: directory.Or, Filters: []f{exact("u", "members", "value"), exact("v", "members", "value")}}, groups},
		{`members eq null`, f{Op: directory.Not, Filters: []f{{Op: directory.Present, Path: directory.Path{"members", "value"}}}}, groups},
		{`schemas eq "` + schema.UserURN + `"`, always, users},
		{`schemas eq "` + ent + `"`, f{Op: directory.Present, Path: directory.Path{ent}}, users},
		{`schemas eq "` + schema.GroupURN + `"`, f{Op: directory.Not, Filters: []f{always}}, users},
		{`meta.resourceType eq "Group"`, f{Op: directory.Not, Filters: []f{always}}, users},
		{`meta.resourceType ne "Group"`, always, users},
		{`photos.value eq "http://X"`, exact("http://X", "photos", "value"), users},
	} {
		e, err := filter.Parse(c.text, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, err := filter.Compile(e, c.in, nil)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.text, err, diff)
		}
	}
}

// TestCompileTolerates are filters that need a quirk, and what they come to.
func TestCompileTolerates(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	for text, c := range map[string]struct {
		quirk dialect.Quirk
		want  string
	}{
		`department eq "a"`:                         {dialect.Unqualified, schema.EnterpriseURN + `:department eq "a"`},
		`email eq "a"`:                              {dialect.SingularEmail, `emails.value eq "a"`},
		`email.value eq "a"`:                        {dialect.SingularEmail, `emails.value eq "a"`},
		`active eq "True"`:                          {dialect.TextBooleans, `active eq true`},
		`active ne "0"`:                             {dialect.TextBooleans, `active ne false`},
		`title eq 7`:                                {dialect.UnquotedOperand, `title eq "7"`},
		`title eq Lead`:                             {dialect.UnquotedOperand, `title eq "Lead"`},
		`urn:example:every:count eq "7"`:            {dialect.TextNumbers, `urn:example:every:count eq 7`},
		schema.EnterpriseURN + `:manager eq "a"`:    {dialect.ComplexOperand, schema.EnterpriseURN + `:manager.value eq "a"`},
		`urn:scim:schemas:core:1.0:userName eq "a"`: {dialect.AliasedURN, `userName eq "a"`},
		`urn:scim:schemas:extension:enterprise:1.0:department eq "a"`:      {dialect.AliasedURN, schema.EnterpriseURN + `:department eq "a"`},
		`urn:scim:schemas:extension:enterprise:2.0:User:department eq "a"`: {dialect.AliasedURN, schema.EnterpriseURN + `:department eq "a"`},
		`emails[type eq "work"].value eq "a"`:                              {dialect.ValuePathCompare, `emails[type eq "work" and value eq "a"]`},
	} {
		compile := func(text string, r *dialect.Reading) (directory.Filter, error) {
			e, err := filter.Parse(text, r)
			if err != nil {
				return directory.Filter{}, err
			}
			return filter.Compile(e, users, r)
		}
		want, err := compile(c.want, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.want, err)
		}
		r := dialect.Of(c.quirk).Read()
		got, err := compile(text, r)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
		if n := r.Notes(); len(n) != 1 || n[0].Rule != c.quirk.String() {
			t.Errorf("%s: notes %v", text, n)
		}
		others := dialect.All() &^ dialect.Of(c.quirk)
		if f, err := compile(text, others.Read()); err == nil {
			t.Errorf("%s: without the quirk it is %v", text, f)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	for _, text := range []string{
		`nothing eq "a"`, `name eq "a"`, `name.nothing eq "a"`, `userName.value eq "a"`, `active gt true`, `active co "t"`, `active sw true`,
		`active eq "maybe"`, `userName eq true`, `urn:example:every:count eq "seven"`, `urn:example:every:count co 7`,
		`urn:example:every:key gt "AA=="`, `urn:example:every:key eq "#"`, `urn:example:every:since eq "yesterday"`, `meta.created co "2026"`,
		`meta.location eq "x"`, `meta.version eq "1"`, `meta eq "1"`, `schemas co "urn"`, `schemas[value eq "x"]`, `password eq "a"`, `password pr`,
		`emails[nothing eq "a"]`, `emails[type eq "a" and emails[type eq "a"]]`, `userName[value eq "a"]`, `title gt null`, `groups.display eq "g"`,
		`groups[type eq "direct"]`, schema.EnterpriseURN + ` eq "a"`, `urn:nothing:User:userName eq "a"`, `urn:example:every:tags[value eq "x" and value eq "y"]`,
		`emails.value.value eq "a"`, schema.UserURN + ` pr`,
	} {
		refused(t, text, users)
	}
	for _, text := range []string{
		`members[value eq "u" and type eq "User"]`, `members[type eq "User"]`, `members.display eq "x"`, `members[not (value eq "u")]`, `userName eq "a"`,
	} {
		refused(t, text, groups)
	}
}

// refused insists that even the most tolerant reading refuses the filter: what
// is not understood is never left out.
func refused(t *testing.T, text string, rt *schema.ResourceType) {
	t.Helper()
	r := dialect.All().Read()
	e, err := filter.Parse(text, r)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if f, err := filter.Compile(e, rt, r); err == nil {
		t.Errorf("%s compiles to %v", text, f)
	}
}
