package body_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`null`:                   nil,
		"\ttrue\n":               true,
		"\r\n\tfalse":            false,
		`-0.5e+7`:                json.Number("-0.5e+7"),
		`0`:                      json.Number("0"),
		`"a\"\\\/\b\f\n\r\tü"`:   "a\"\\/\b\f\n\r\tü",
		`"\u00e9\u20AC"`:         "é€",
		`"\ud83d\ude00"`:         "😀",
		`"\uFFFD"`:               "\uFFFD",
		`""`:                     "",
		`[]`:                     []any{},
		`{}`:                     map[string]any{},
		`[1,[2],{"a":[]}]`:       []any{json.Number("1"), []any{json.Number("2")}, map[string]any{"a": []any{}}},
		`{"a":1,"A":{"b":null}}`: map[string]any{"a": json.Number("1"), "A": map[string]any{"b": nil}},
	} {
		got, err := body.Decode([]byte(text), 1000)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `x`, `nul`, `truex`, `"`, `"a`, `"\`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, `"\ude00\ud83d"`, `"\x"`, "\"a\nb\"", `"a\` + "\n\"",
		`01`, `-`, `1.`, `.5`, `1e`, `+1`, `0x1`, `NaN`, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{a:1}`, `{"a" 1}`,
		`{"a":1 "b":2}`, `[1 2]`, `]`, `{} {}`, `{}x`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"a":1}}`, "\"\xff\"", "\xef\xbb\xbf{}", "{}\x00",
		strings.Repeat("[", body.Depth+2) + strings.Repeat("]", body.Depth+2), strings.Repeat(`{"a":`, body.Depth+1) + "1" + strings.Repeat("}", body.Depth+1),
		strings.Repeat("[", 900),
	} {
		v, err := body.Decode([]byte(text), 1000)
		var refused *scimerr.Error
		if !errors.As(err, &refused) || refused.Status != 400 || refused.ScimType != scimerr.InvalidSyntax {
			t.Errorf("%.40q: %v, %v", text, v, err)
		}
	}
	_, err := body.Decode([]byte(`"`+strings.Repeat("a", 1000)+`"`), 1000)
	var refused *scimerr.Error
	if !errors.As(err, &refused) || refused.Status != 413 {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := body.DecodeObject([]byte(`[]`), 1000); err == nil {
		t.Error("a list is an object")
	}
}

// TestRoundTrip: whatever encoding/json writes is read as it was.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var value *rapid.Generator[any]
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(i int64) any { return json.Number(fmt.Sprint(i)) }),
	)
	value = rapid.OneOf(leaf, rapid.Map(rapid.SliceOfN(leaf, 0, 4), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.String(), leaf, 0, 4), func(m map[string]any) any { return m }))
	rapid.Check(t, func(t *rapid.T) {
		want := value.Draw(t, "value")
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := body.Decode(data, 1<<20)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%s: %v\n%s", data, err, diff)
		}
	})
}

// FuzzDecode holds the reader against encoding/json: it takes nothing that this
// refuses, reads it alike, and refuses only what is named.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"x\u00e9",null,true]}`, `{"a":1,"a":2}`, `"\ud83d\ude00"`, `"\ud800"`, `[[[]]]`, `{} x`, "\"\xff\"", `-0`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := body.Decode(data, 1<<20)
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		theirs := d.Decode(&want)
		if theirs == nil {
			if _, more := d.Token(); !errors.Is(more, io.EOF) {
				theirs = errors.New("more follows")
			}
		}
		switch {
		case err == nil && theirs != nil:
			t.Errorf("%q is read, encoding/json says %v", data, theirs)
		case err == nil:
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q is read otherwise:\n%s", data, diff)
			}
		case theirs == nil && !stricter(data, err):
			t.Errorf("%q is refused: %v", data, err)
		}
	})
}

// stricter reports whether this is what we refuse and encoding/json does not.
func stricter(data []byte, err error) bool {
	for _, why := range []string{"twice", "half a character", "too deep"} {
		if strings.Contains(err.Error(), why) {
			return true
		}
	}
	return !utf8.Valid(data)
}
