package filter_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

func TestParse(t *testing.T) {
	t.Parallel()
	eq := func(attr string, v any) filter.Compare {
		_, text := v.(string)
		return filter.Compare{Attr: attr, Op: directory.Equal, Value: v, Bare: !text}
	}
	a, b, c := eq("a", "1"), eq("b", "2"), eq("c", "3")
	for text, want := range map[string]filter.Expr{
		`userName eq "bjensen"`:                       eq("userName", "bjensen"),
		`userName EQ "bjensen"`:                       eq("userName", "bjensen"),
		`  userName   eq   "x"  `:                     eq("userName", "x"),
		`title pr`:                                    filter.Compare{Attr: "title", Op: directory.Present},
		`active eq true`:                              eq("active", true),
		`active eq false`:                             eq("active", false),
		`manager eq null`:                             eq("manager", nil),
		`n eq -1.5e3`:                                 eq("n", json.Number("-1.5e3")),
		`userName eq "a\"b\u00e9\\"`:                  eq("userName", `a"bé\`),
		`userName eq ""`:                              eq("userName", ""),
		`a eq "1" and b eq "2" and c eq "3"`:          filter.And{a, b, c},
		`a eq "1" or b eq "2" and c eq "3"`:           filter.Or{a, filter.And{b, c}},
		`a eq "1" and b eq "2" or c eq "3"`:           filter.Or{filter.And{a, b}, c},
		`(a eq "1" or b eq "2") and c eq "3"`:         filter.And{filter.Or{a, b}, c},
		`(a eq "1")and(b eq "2")`:                     filter.And{a, b},
		`not (a eq "1")`:                              filter.Not{Of: a},
		`NOT(a eq "1") and b eq "2"`:                  filter.And{filter.Not{Of: a}, b},
		`not eq "1"`:                                  eq("not", "1"),
		`emails[type eq "work" and value co "@x"]`:    filter.ValuePath{Attr: "emails", Filter: filter.And{eq("type", "work"), filter.Compare{Attr: "value", Op: directory.Contains, Value: "@x"}}},
		`emails[a eq "1"] and b eq "2"`:               filter.And{filter.ValuePath{Attr: "emails", Filter: a}, b},
		`urn:x:2.0:User:name.familyName sw "B"`:       filter.Compare{Attr: "urn:x:2.0:User:name.familyName", Op: directory.StartsWith, Value: "B"},
		`members.$ref ew "/Users/1"`:                  filter.Compare{Attr: "members.$ref", Op: directory.EndsWith, Value: "/Users/1"},
		`meta.lastModified gt "2011-05-13T04:42:34Z"`: filter.Compare{Attr: "meta.lastModified", Op: directory.Greater, Value: "2011-05-13T04:42:34Z"},
		`((((a eq "1"))))`:                            a,
		`orders eq "1" or andy eq "2"`:                filter.Or{eq("orders", "1"), eq("andy", "2")},
	} {
		got, err := filter.Parse(text, nil)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `userName`, `userName eq`, `userName eq `, `eq "a"`, `userName is "a"`, `userName eq "a`, `userName eq 'a'`,
		`userName eq "a" b`, `userName eq "a" and`, `userName eq "a" and or b eq "c"`, `(userName eq "a"`, `userName eq "a")`,
		`not userName eq "a"`, `emails[type eq "work"`, `emails[]`, `emails[type eq "work"].value eq "x"`, `emails[type eq "work"]x`,
		`userName eq "a\x"`, `userName eq "\ud800"`, "userName eq \"a\x00\"", "userName eq \"\xff\"", `userName eq tru`, `userName eq TRUE`,
		`userName eq 01`, `userName eq 1.`, `.a eq "1"`, `a. eq "1"`, `a..b eq "1"`, `1a eq "1"`, `userName eq "a"and b eq "1"`, `a pr b pr`,
		strings.Repeat("(", 51) + `a pr` + strings.Repeat(")", 51),
		strings.Repeat("not (", 51) + `a pr` + strings.Repeat(")", 51),
		strings.Repeat("a pr and ", 500) + `a pr`,
		`a eq "` + strings.Repeat("x", filter.LengthLimit) + `"`,
	} {
		e, err := filter.Parse(text, nil)
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.ScimType != scimerr.InvalidFilter || refused.Status != 400 {
			t.Errorf("%.60s: %v, %v", text, e, err)
		}
	}
}

// TestUnquoted are operands that lost their quotation marks (rule N13).
func TestUnquoted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`externalId eq ida`:           "ida",
		`externalId eq ida@corp.test`: "ida@corp.test",
		`externalId eq 8aa1-17f0`:     "8aa1-17f0",
		`primary eq True`:             "True",
		`primary eq true`:             true,
		`employeeNumber eq 4711`:      json.Number("4711"),
		`(externalId eq ida)`:         "ida",
	} {
		r := dialect.All().Read()
		got, err := filter.Parse(text, r)
		if c, ok := got.(filter.Compare); !ok || err != nil || c.Value != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
		_, isText := want.(string)
		if noted := len(r.Notes()) == 1; noted != isText {
			t.Errorf("%s: notes %v", text, r.Notes())
		}
	}
}

func TestParsePath(t *testing.T) {
	t.Parallel()
	work := filter.Compare{Attr: "type", Op: directory.Equal, Value: "work"}
	for text, want := range map[string]filter.Path{
		`members`:                            {Attr: "members"},
		`name.familyName`:                    {Attr: "name.familyName"},
		`emails[type eq "work"]`:             {Attr: "emails", Filter: work},
		`emails[type eq "work"].value`:       {Attr: "emails", Filter: work, Sub: "value"},
		`urn:x:2.0:User`:                     {Attr: "urn:x:2.0:User"},
		`urn:x:2.0:User:a[type eq "work"].b`: {Attr: "urn:x:2.0:User:a", Filter: work, Sub: "b"},
	} {
		got, err := filter.ParsePath(text, nil)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for text, kind := range map[string]scimerr.Type{
		``: scimerr.InvalidPath, ` members`: scimerr.InvalidPath, `members `: scimerr.InvalidPath, `a b`: scimerr.InvalidPath,
		`a.`: scimerr.InvalidPath, `[type eq "work"]`: scimerr.InvalidPath, `emails[type eq "work"]value`: scimerr.InvalidPath,
		`emails[type eq "work"].`: scimerr.InvalidPath, `emails[type eq "work"].a b`: scimerr.InvalidPath, "a\xff": scimerr.InvalidPath,
		`emails[]`: scimerr.InvalidFilter, `emails[type]`: scimerr.InvalidFilter, `emails[type eq "work"`: scimerr.InvalidFilter,
		`emails[type eq work]`: scimerr.InvalidFilter,
	} {
		_, err := filter.ParsePath(text, nil)
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.ScimType != kind {
			t.Errorf("%s: %v, want %s", text, err, kind)
		}
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`userName eq "a%40b"`:                  `a@b`,
		`not (userName eq "a%40b")`:            `a@b`,
		`emails[value eq "a%40b"]`:             `a@b`,
		`userName eq "100%"`:                   ``,
		`userName eq "a%ff"`:                   ``, // no UTF-8
		`userName eq "a+b"`:                    ``,
		`title pr or userName eq "a%20%3Cb"`:   `a <b`,
		`active eq true and userName eq "%41"`: `A`,
	} {
		e, err := filter.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := flat(e)
		plain, found := filter.Unescape(e)
		if found != (want != "") || found && !strings.Contains(flat(plain), want) {
			t.Errorf("%s: %v %s", text, found, flat(plain))
		}
		if flat(e) != before {
			t.Errorf("%s was changed", text)
		}
	}
}
