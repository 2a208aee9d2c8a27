package scim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

// FuzzDecodeMembers: reading members apart comes to what reading them with the
// rest does, in whatever form they are.
func FuzzDecodeMembers(f *testing.F) {
	for _, seed := range []string{
		groupBody("Eng", "a", "b", "a"),
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"x","Members":[{"VALUE":"a","$ref":null}, {"value":"b","type":"User"} ]}`,
		`{"displayName":"x","members":["a",{"value":"b"}]}`, `{"displayName":"x","members":[{"value":""}]}`, `{"displayName":"x","members":[{"value":1}]}`,
		`{"displayName":"x","members":[{"value":"a","value":"b"}]}`, `{"displayName":"x","members":[{"value":"a","Value":"b"}]}`, `{"displayName":"x","members":[{"value":"a"},]}`,
		`{"displayName":"x","members":[],"Members":[{"value":"a"}]}`, `{"displayName":"x","memb\u0065rs":[{"value":"a"}]}`, `{"displayName":"x","members":[{"value":"\ud800"}]}`,
		`{"displayName":"x","members":[null]}`, `{"displayName":"x","members":{"value":"a"}}`, `{"displayName":"x","members":[{"value":"a"}`, `{"displayName":"x","members":[{"value":"a","x":[[{}]]}]}`,
		`{"displayName":"x","members":[{"value":"a","x":1},{"value":"b","x":-0.0e1},{"value":"c","x":01}]}`, `{"displayName":"x","members":[{"value":"a\tb"}]}`, "{\"displayName\":\"x\",\"members\":[{\"value\":\"a\tb\"}]}",
		`{"displayName":"x","members":[{"value":null,"x":true},{"value":true}]}`, `{"displayName":"x","members":[{"x":"a","X":"b","value":"c"}]}`, `{"displayName":"x","members":[{"value":"a" "x":"b"}]}`,
		patchBody(`[{"op":"Remove","path":"members","value":[{"value":"a"}]},{"op":"add","path":"Members","value":[{"value":"b"},{"value":"a"}]}]`),
		patchBody(`[{"value":[{"value":"a"}],"path":"members","op":"replace"},{"op":"remove","path":"members[value eq \"a\"]"}]`),
		patchBody(`[{"op":"add","path":"members","value":[],"Value":[{"value":"a"}]}]`), patchBody(`[{"op":"add","value":{"members":[{"value":"a"}]}}]`),
		`{"operations":[{"op":"add","path":"members","value":[{"value":"a"}]}],"Operations":[]}`,
	} {
		f.Add([]byte(seed))
	}
	rt, err := schema.Groups()
	if err != nil {
		f.Fatal(err)
	}
	come := func(object map[string]any, set dialect.Set) (list []any) {
		r := set.Read()
		made, err := patch.Normalize(rt, object, nil, r)
		list = append(list, made, errorText(err), r.Notes())
		r = set.Read()
		ops, err := patch.ParseOps(object, r)
		list = append(list, errorText(err))
		made, err = patch.Apply(rt, map[string]any{"displayName": "x"}, ops, r)
		return append(list, made, errorText(err), r.Notes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, failed := body.DecodeObject(data, bodyLimit)
		apart, failedToo := decodeMembers(bytes.Clone(data))
		if (failed == nil) != (failedToo == nil) {
			t.Fatalf("%q: %v, and apart %v", data, failed, failedToo)
		}
		if failed != nil {
			return
		}
		for _, set := range []dialect.Set{dialect.Strict, dialect.All()} {
			if diff := cmp.Diff(come(plain, set), come(apart, set), cmp.AllowUnexported(patch.Selector{}), cmp.Comparer(func(a, b patch.Selector) bool { return a.MustMatch == b.MustMatch })); diff != "" {
				t.Errorf("%q (-whole +apart):\n%s", data, diff)
			}
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 3<<20).Draw(t, "size")
		data := bytes.Repeat([]byte("abc"), size/3+1)[:size]
		limit := rapid.IntRange(0, 3<<20).Draw(t, "limit")
		got, err := readBody(iotest.HalfReader(bytes.NewReader(data)), int64(limit))
		var large *http.MaxBytesError
		switch {
		case size > limit && !errors.As(err, &large):
			t.Fatalf("%d bytes over a limit of %d: %v", size, limit, err)
		case size <= limit && (err != nil || !bytes.Equal(got, data)):
			t.Fatalf("%d bytes came as %d: %v", size, len(got), err)
		}
	})
	broken := errors.New("broken")
	if _, err := readBody(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), 10); !errors.Is(err, broken) {
		t.Errorf("a body that breaks off: %v", err)
	}
}

// TestLargeReplace: a group with many members is the same as with few.
func TestLargeReplace(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	group := s.large(t, 2000)
	ids := s.members(group)
	if text := groupBody("Half", ids[:1500]...); len(text) < largeBody {
		t.Fatalf("%d bytes are few", len(text))
	}
	a := s.do("PUT", "/Groups/"+group, groupBody("Half", append([]string{"nobody"}, ids[:1500]...)...)).want(http.StatusOK)
	if got := s.members(group); len(got) != 1500 || a.at("members") != nil || a.at("displayName") != "Half" {
		t.Errorf("%d members, answer %.300s", len(got), a.body)
	}
	var list []string
	for _, id := range ids[500:] {
		list = append(list, `{"value":"`+id+`"}`)
	}
	s.do("PATCH", "/Groups/"+group, patchBody(`[{"op":"Remove","path":"members","value":[`+strings.Join(list, ",")+`]}]`)).want(http.StatusNoContent)
	if got := s.members(group); len(got) != 500 {
		t.Errorf("%d members are left, want 500", len(got))
	}
}
