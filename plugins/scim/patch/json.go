package patch

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// names lists the names of an object in their order, so that a request is read
// the same whenever it comes. Names that differ by case only are one attribute's
// (RFC 7643 §2.1), which cannot be there twice.
func names(object map[string]any) ([]string, error) {
	if err := bounded(object); err != nil {
		return nil, err
	}
	list := slices.AppendSeq(make([]string, 0, len(object)), maps.Keys(object))
	slices.Sort(list)
	if len(list) <= fewNames {
		for i, name := range list {
			if slices.ContainsFunc(list[:i], func(other string) bool { return schema.Same(other, name) }) {
				return nil, twice(name)
			}
		}
		return list, nil
	}
	seen := make(map[string]bool, len(list))
	for _, name := range list {
		key := strings.ToLower(name)
		if seen[key] {
			return nil, twice(name)
		}
		seen[key] = true
	}
	return list, nil
}

// namesLimit is how many attributes one object may have. No schema has as many;
// and each that is unknown costs the look for it, and a note.
const namesLimit = 1000

func bounded(object map[string]any) error {
	if len(object) > namesLimit {
		return scimerr.New(scimerr.InvalidValue, "An object has more than %d attributes.", namesLimit)
	}
	return nil
}

// fewNames are compared one by one, more by a table.
const fewNames = 32

func twice(name string) error {
	return scimerr.New(scimerr.InvalidSyntax, "An object has %s twice.", scimerr.Quote(name))
}

// clone copies a JSON value.
func clone[T any](v T) T {
	c, _ := cloneValue(v).(T)
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[k] = cloneValue(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = cloneValue(inner)
		}
		return out
	}
	return v
}

// equal reports whether two JSON values are the same. Numbers are as they are
// written.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for k, v := range a {
			if w, ok := other[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for i := range a {
			if !equal(a[i], other[i]) {
				return false
			}
		}
		return true
	case json.Number:
		other, ok := b.(json.Number)
		return ok && a == other
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}
