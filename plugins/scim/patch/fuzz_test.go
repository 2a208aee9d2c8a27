package patch_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/plugins/scim/wiretest"
)

const person = `{"userName":"ida","active":true,"title":"Lead","name":{"familyName":"Berg"},"emails":[{"type":"work","value":"a","primary":true},{"type":"home","value":"b"}],
"addresses":[{"type":"work","locality":"Bern"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"u1"}},"urn:example:every":{"tags":["a"],"badge":"7"}}`

// FuzzApply: no PATCH hurts, whatever it says. It is taken or refused with the
// sender's error, it changes nothing that it was given, it means the same each
// time, and what it leaves is a document.
func FuzzApply(f *testing.F) {
	for _, s := range corpus(f, "PATCH") {
		f.Add(s)
	}
	users, groups := types(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := body.DecodeObject(data, 1<<20)
		if err != nil {
			return
		}
		for _, set := range []dialect.Set{dialect.All(), dialect.Strict} {
			for _, rt := range []*schema.ResourceType{users, groups} {
				run := func() (patch.Result, error) {
					doc := decode(t, person)
					if rt == groups {
						doc = map[string]any{"displayName": "g"}
					}
					given := decode(t, string(mustJSON(t, doc)))
					r := set.Read()
					ops, err := patch.ParseOps(message, r)
					if err != nil {
						return patch.Result{}, err
					}
					result, err := patch.Apply(rt, doc, ops, r)
					if diff := cmp.Diff(given, doc); diff != "" {
						t.Fatalf("the document given is changed:\n%s", diff)
					}
					return result, err
				}
				first, err := run()
				second, again := run()
				if (err == nil) != (again == nil) || !cmp.Equal(first.Doc, second.Doc) || !slices.Equal(first.Members.Add, second.Members.Add) {
					t.Fatalf("read twice, it means two things: %v %v, %v %v", first, err, second, again)
				}
				check(t, rt, first, err)
			}
		}
	})
}

// FuzzNormalize: no body hurts, and what comes of one is a document that sent
// again changes nothing.
func FuzzNormalize(f *testing.F) {
	for _, s := range append(corpus(f, "POST"), corpus(f, "PUT")...) {
		f.Add(s)
	}
	users, groups := types(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := body.DecodeObject(data, 1<<20)
		if err != nil {
			return
		}
		for _, set := range []dialect.Set{dialect.All(), dialect.Strict} {
			for _, rt := range []*schema.ResourceType{users, groups} {
				result, err := patch.Normalize(rt, message, nil, set.Read())
				check(t, rt, result, err)
				if err == nil {
					stable(t, rt, result.Doc, set)
				}
			}
		}
	})
}

// check insists on an error of the sender's, or on a document of the type.
func check(t *testing.T, rt *schema.ResourceType, result patch.Result, err error) {
	t.Helper()
	if err != nil {
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.Status < 400 || refused.Status > 499 || refused.Detail == "" {
			t.Fatalf("%v is no error of the sender's", err)
		}
		return
	}
	mustJSON(t, result.Doc)
	for name, v := range result.Doc {
		target, ok := rt.Resolve(name)
		if !ok || len(target.Path) != 1 || target.Path[0] != name || v == nil || slices.Contains([]string{"id", "externalId", "meta", "schemas", "password", "members", "groups"}, name) {
			t.Fatalf("the document has %q: %v", name, v)
		}
	}
}

// stable insists that a document that is sent again is what it is.
func stable(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, rt *schema.ResourceType, doc map[string]any, set dialect.Set,
) {
	t.Helper()
	again := maps.Clone(doc)
	again["schemas"] = []any{rt.Schema.ID}
	result, err := patch.Normalize(rt, again, doc, set.Read())
	if err != nil || !cmp.Equal(doc, result.Doc) {
		t.Fatalf("sent again it is another: %v\n%s", err, cmp.Diff(doc, result.Doc))
	}
	if set == dialect.All() && result.Changed {
		t.Fatalf("sent again it changes: %+v", result)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// corpus are the bodies of the wire corpus.
func corpus(f *testing.F, method string) [][]byte {
	f.Helper()
	var out [][]byte
	for _, x := range wiretest.Load(f, "../testdata/wire") {
		if x.Request.Method == method {
			out = append(out, x.Request.Data())
		}
	}
	return out
}

// TestDocuments: every document of users, of values that fit and that nearly do,
// comes through a second time as it was.
func TestDocuments(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	text := rapid.SampledFrom([]any{"", "a", "A", "work", "Home", nil, json.Number("1"), true, "True"})
	email := rapid.Custom(func(t *rapid.T) any {
		object := map[string]any{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"value", "type", "primary", "display", "Value", "x"}), func(s string) string { return s }).Draw(t, "names") {
			object[name] = text.Draw(t, name)
		}
		return object
	})
	rapid.Check(t, func(t *rapid.T) {
		message := map[string]any{"userName": "ida", "emails": rapid.SliceOfN(email, 0, 5).Draw(t, "emails")}
		list := message["emails"].([]any)
		message["emails"] = append([]any{}, list...)
		message["title"] = text.Draw(t, "title")
		message[every] = map[string]any{"tags": rapid.SliceOfN(text, 0, 4).Draw(t, "tags"), "badge": text.Draw(t, "badge")}
		for _, set := range []dialect.Set{dialect.All(), dialect.For("entra"), dialect.Strict} {
			message["schemas"] = []any{schema.UserURN}
			result, err := patch.Normalize(users, message, nil, set.Read())
			if err == nil {
				stable(t, users, result.Doc, set)
			}
		}
	})
}
