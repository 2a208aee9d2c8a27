package plugintest

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// compares reports whether a value stands to that of the filter as its operator
// says; for NotEqual, whether they are equal.
func compares(f directory.Filter, v any) bool {
	key, want := asKey(v, f.CaseExact, f.Time), asKey(f.Value, f.CaseExact, f.Time)
	text, isText := key.(string)
	part, wantsText := want.(string)
	switch f.Op {
	case directory.Contains:
		return isText && wantsText && strings.Contains(text, part)
	case directory.StartsWith:
		return isText && wantsText && strings.HasPrefix(text, part)
	case directory.EndsWith:
		return isText && wantsText && strings.HasSuffix(text, part)
	default: // an order, or whether they are equal
	}
	if kind(key) != kind(want) || key == nil {
		return false
	}
	c := compareKeys(key, want)
	switch f.Op {
	case directory.Greater:
		return c > 0
	case directory.GreaterOrEqual:
		return c >= 0
	case directory.Less:
		return c < 0
	case directory.LessOrEqual:
		return c <= 0
	default:
		return c == 0
	}
}

// asKey makes a value comparable: a time.Time, a string, a float64 or a bool;
// nil for what cannot be compared.
func asKey(v any, exact, isTime bool) any {
	switch v := v.(type) {
	case string:
		if isTime {
			t, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				return nil
			}
			return t
		}
		if exact {
			return v
		}
		return fold(v)
	case json.Number:
		n, err := v.Float64()
		if err != nil {
			return nil
		}
		return n
	case bool:
		return v
	}
	return nil
}

// kind numbers the kinds of keys, in the order in which they are sorted.
func kind(key any) int {
	switch key.(type) {
	case bool:
		return 1
	case float64:
		return 2
	case string:
		return 3
	case time.Time:
		return 4
	}
	return 5
}

// compareKeys orders keys: nothing comes last.
func compareKeys(a, b any) int {
	if c := cmp.Compare(kind(a), kind(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case bool:
		return cmp.Compare(number(a), number(b.(bool)))
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		return cmp.Compare(a, b.(string))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	return 0
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sortKey is what an entry is sorted by: of a multi-valued attribute the primary
// element's value, else the first (RFC 7644 §3.4.2.3).
func (d *Directory) sortKey(e *entry, q directory.Query) any {
	values := leaves(primaries(e.document), q.Sort)
	if len(values) == 0 {
		values = d.values(e, q.Sort)
	}
	if len(values) == 0 {
		return nil
	}
	return asKey(values[0], q.SortExact, len(q.Sort) == 2 && q.Sort[0] == "meta")
}

// primaries is a document with only the primary elements of its multi-valued
// attributes.
func primaries(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			out[name] = primaries(inner)
		}
		return out
	case []any:
		for _, element := range v {
			if object, ok := element.(map[string]any); ok && object["primary"] == true {
				return element
			}
		}
		return nil
	}
	return v
}

// fold makes texts equal that differ only in the case of letters: Unicode simple
// case folding of the NFC form.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return unicode.ToLower(least)
	}, norm.NFC.String(s))
}
