package patch_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

const core = `"schemas":["` + schema.UserURN + `"]`

// TestNormalizeTolerates are bodies that need one quirk, and what they come to.
func TestNormalizeTolerates(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	for body, c := range map[string]struct {
		quirk dialect.Quirk
		want  string
	}{
		`{"userName":"ida"}`:                                                                                   {dialect.MissingSchemas, `{}`},
		`{"schemas":[],"userName":"ida"}`:                                                                      {dialect.MissingSchemas, `{}`},
		`{"schemas":"x","userName":"ida"}`:                                                                     {dialect.MissingSchemas, `{}`},
		`{"schemas":["` + every + `"],"userName":"ida"}`:                                                       {dialect.MissingSchemas, `{}`},
		`{"schemas":["` + schema.UserURN + `","urn:x"],"userName":"ida"}`:                                      {dialect.UnknownSchemas, `{}`},
		`{"schemas":["urn:scim:schemas:core:1.0"],"userName":"ida"}`:                                           {dialect.AliasedURN, `{}`},
		`{` + core + `,"userName":"ida","urn:scim:schemas:extension:enterprise:1.0":{"department":"HR"}}`:      {dialect.AliasedURN, `{"` + schema.EnterpriseURN + `":{"department":"HR"}}`},
		`{` + core + `,"userName":"ida","name.givenName":"Ida"}`:                                               {dialect.FlatKeys, `{"name":{"givenName":"Ida"}}`},
		`{` + core + `,"userName":"ida","` + every + `":{"desk.floor":1}}`:                                     {dialect.UnknownAttributes, `{}`},
		`{` + core + `,"userName":"ida","colour":"red"}`:                                                       {dialect.UnknownAttributes, `{}`},
		`{` + core + `,"userName":"ida","name":{"colour":"red","givenName":"Ida"}}`:                            {dialect.UnknownAttributes, `{"name":{"givenName":"Ida"}}`},
		`{` + core + `,"userName":"ida","9":"red"}`:                                                            {dialect.UnknownAttributes, `{}`},
		`{` + core + `,"userName":"ida","active":"FALSE"}`:                                                     {dialect.TextBooleans, `{"active":false}`},
		`{` + core + `,"userName":"ida","` + every + `":{"count":"7"}}`:                                        {dialect.TextNumbers, `{"` + every + `":{"count":7}}`},
		`{` + core + `,"userName":"ida","title":[{"value":"Lead"}]}`:                                           {dialect.WrappedScalars, `{"title":"Lead"}`},
		`{` + core + `,"userName":"ida","title":["Lead"]}`:                                                     {dialect.WrappedScalars, `{"title":"Lead"}`},
		`{` + core + `,"userName":"ida","title":[]}`:                                                           {dialect.WrappedScalars, `{}`},
		`{` + core + `,"userName":"ida","title":""}`:                                                           {dialect.EmptyStrings, `{}`},
		`{` + core + `,"userName":"ida","` + schema.EnterpriseURN + `":{"manager":"u1"}}`:                      {dialect.BareManager, `{"` + schema.EnterpriseURN + `":{"manager":{"value":"u1"}}}`},
		`{` + core + `,"userName":"ida","` + schema.EnterpriseURN + `":{"manager":[{"value":"u1"}]}}`:          {dialect.BareManager, `{"` + schema.EnterpriseURN + `":{"manager":{"value":"u1"}}}`},
		`{` + core + `,"userName":"ida","emails":{"value":"a"}}`:                                               {dialect.SingleForMany, `{"emails":[{"value":"a"}]}`},
		`{` + core + `,"userName":"ida","` + every + `":{"tags":"red"}}`:                                       {dialect.SingleForMany, `{"` + every + `":{"tags":["red"]}}`},
		`{` + core + `,"userName":"ida","roles":["a","b"]}`:                                                    {dialect.BareElements, `{"roles":[{"value":"a"},{"value":"b"}]}`},
		`{` + core + `,"userName":"ida","profileUrl":"%zz"}`:                                                   {dialect.LooseValues, `{"profileUrl":"%zz"}`},
		`{` + core + `,"userName":"ida","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`: {dialect.ManyPrimaries, `{"emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`},
		`{` + core + `,"userName":"ida","emails":[{"value":"a"},{"value":"A","display":"x"}]}`:                 {dialect.RepeatedElements, `{"emails":[{"value":"a"}]}`},
		`{` + core + `,"userName":"ida","department":"HR"}`:                                                    {dialect.Unqualified, `{"` + schema.EnterpriseURN + `":{"department":"HR"}}`},
	} {
		want := decode(t, c.want)
		want["userName"] = "ida"
		if _, ok := want["active"]; !ok {
			want["active"] = true
		}
		r := dialect.Of(c.quirk).Read()
		got, err := patch.Normalize(users, decode(t, body), nil, r)
		if diff := cmp.Diff(want, got.Doc); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", body, err, diff)
		}
		if n := r.Notes(); len(n) != 1 || n[0].Rule != c.quirk.String() {
			t.Errorf("%s: notes %v", body, n)
		}
		// An empty text is one; and a wrong URN is an unknown one, which is left out.
		others := (dialect.All() &^ dialect.Of(c.quirk)).Read()
		if got, err := patch.Normalize(users, decode(t, body), nil, others); err == nil && c.quirk != dialect.EmptyStrings && c.quirk != dialect.AliasedURN {
			t.Errorf("%s: without the quirk it is %v", body, got.Doc)
		}
	}
}

func TestNormalizeRefuses(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	for body, want := range map[string]scimerr.Type{
		`{` + core + `}`:                                                             scimerr.InvalidValue,
		`{` + core + `,"userName":null}`:                                             scimerr.InvalidValue,
		`{` + core + `,"userName":7}`:                                                scimerr.InvalidValue,
		`{` + core + `,"userName":"a","active":"maybe"}`:                             scimerr.InvalidValue,
		`{` + core + `,"userName":"a","active":{}}`:                                  scimerr.InvalidValue,
		`{` + core + `,"userName":"a","name":[{"givenName":"a"},{"givenName":"b"}]}`: scimerr.InvalidValue,
		`{` + core + `,"userName":"a","emails":[[]]}`:                                scimerr.InvalidValue,
		`{` + core + `,"userName":"a","emails":[7]}`:                                 scimerr.InvalidValue,
		`{` + core + `,"userName":"a","` + every + `":"x"}`:                          scimerr.InvalidValue,
		`{` + core + `,"userName":"a","externalId":{"a":1}}`:                         scimerr.InvalidValue,
		`{` + core + `,"userName":"a","password":7}`:                                 scimerr.InvalidValue,
		`{` + core + `,"userName":"a","Emails":[],"emails":[]}`:                      scimerr.InvalidSyntax,
		`{` + core + `,"userName":"a","` + every + `":{"count":1,"Count":2}}`:        scimerr.InvalidSyntax,
		`{` + core + `,"userName":"a","emails":[{"value":"a","VALUE":"b"}]}`:         scimerr.InvalidSyntax,
		`{` + core + `,"userName":"a","members":[{"value":"x"}],"displayName":7}`:    scimerr.InvalidValue,
	} {
		got, err := patch.Normalize(users, decode(t, body), nil, dialect.All().Read())
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.ScimType != want {
			t.Errorf("%s: %v %v", body, got.Doc, err)
		}
	}
	if got, err := patch.Normalize(groups, decode(t, `{"displayName":"g","members":[{"type":"User"}]}`), nil, dialect.All().Read()); err == nil {
		t.Errorf("a member without a value: %+v", got)
	}
}

// TestReplace is what a PUT leaves, clears and refuses.
func TestReplace(t *testing.T) {
	t.Parallel()
	users, groups := types(t)
	const before = `{"userName":"ida","active":false,"title":"Lead","` + every + `":{"badge":"7","count":1}}`
	for _, c := range []struct {
		name, body, want string
		strict           bool
		external         string // "-" is as it was
		changed          bool
	}{
		{"tolerant", `"userName":"ida"`, `{"userName":"ida","active":false,"` + every + `":{"badge":"7"}}`, false, "-", true},
		{"strict", `"userName":"ida"`, `{"userName":"ida","active":true,"` + every + `":{"badge":"7"}}`, true, "", true},
		{"null", `"userName":"ida","active":null,"externalId":null`, `{"userName":"ida","active":false,"` + every + `":{"badge":"7"}}`, false, "", true},
		{"activated", `"userName":"ida","active":true,"externalId":"x"`, `{"userName":"ida","active":true,"` + every + `":{"badge":"7"}}`, false, "x", true},
		{"the same", `"userName":"ida","active":false,"title":"Lead","` + every + `":{"badge":"7","count":1}`, before, false, "-", false},
	} {
		r := dialect.All().Read()
		if c.strict {
			r = dialect.Strict.Read()
		}
		old := decode(t, before)
		got, err := patch.Normalize(users, decode(t, `{`+core+`,`+c.body+`}`), old, r)
		if diff := cmp.Diff(decode(t, c.want), got.Doc); diff != "" || err != nil || got.Changed != c.changed {
			t.Errorf("%s: changed %v, %v\n%s", c.name, got.Changed, err, diff)
		}
		external := "-"
		if got.ExternalID != nil {
			external = *got.ExternalID
		}
		if external != c.external {
			t.Errorf("%s: external id %q", c.name, external)
		}
		if diff := cmp.Diff(decode(t, before), old); diff != "" {
			t.Errorf("%s changed what it was given:\n%s", c.name, diff)
		}
	}
	var refused *scimerr.Error
	_, err := patch.Normalize(users, decode(t, `{`+core+`,"userName":"ida","`+every+`":{"badge":"8"}}`), decode(t, before), dialect.All().Read())
	if !errors.As(err, &refused) || refused.ScimType != scimerr.Mutability {
		t.Errorf("what is immutable is changed: %v", err)
	}
	for body, want := range map[string]patch.Members{
		`{"displayName":"g"}`:                            {SkipUnknown: true},
		`{"displayName":"g","members":null}`:             {All: true, SkipUnknown: true},
		`{"displayName":"g","members":[]}`:               {All: true, SkipUnknown: true},
		`{"displayName":"g","members":[{"value":"u1"}]}`: {All: true, Add: []string{"u1"}, SkipUnknown: true},
	} {
		got, err := patch.Normalize(groups, decode(t, body), map[string]any{"displayName": "g"}, dialect.All().Read())
		if diff := cmp.Diff(want, got.Members, cmp.Comparer(func(a, b patch.Selector) bool { return false })); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", body, err, diff)
		}
	}
}
