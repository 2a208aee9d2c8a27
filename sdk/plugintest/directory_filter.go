package plugintest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// filterDepth is how deep filters may be nested, as with the host.
const filterDepth = 50

func checkFilter(f *directory.Filter, comparisons *int) error { return checkNested(f, comparisons, 1) }

func checkNested(f *directory.Filter, comparisons *int, depth int) error {
	if f == nil {
		return nil
	}
	if depth > filterDepth {
		return problem.New(problem.TooLarge, "the filter is nested more than %d deep", filterDepth)
	}
	switch f.Op {
	case directory.And, directory.Or:
		if len(f.Filters) == 0 {
			return problem.New(problem.Invalid, "%q has no filters in it", string(f.Op))
		}
	case directory.Not, directory.Any:
		if len(f.Filters) != 1 {
			return problem.New(problem.Invalid, "%q has one filter in it", string(f.Op))
		}
	default:
		if *comparisons++; *comparisons > directory.FilterLimit {
			return problem.New(problem.TooLarge, "the filter has more than %d comparisons", directory.FilterLimit)
		}
		if err := checkComparison(*f); err != nil {
			return err
		}
	}
	for i := range f.Filters {
		if err := checkNested(&f.Filters[i], comparisons, depth+1); err != nil {
			return err
		}
	}
	if f.Op == directory.Any && len(f.Path) == 0 {
		return problem.New(problem.Invalid, "any has no path")
	}
	return nil
}

func checkComparison(f directory.Filter) error {
	if len(f.Path) == 0 || len(f.Filters) > 0 {
		return problem.New(problem.Invalid, "a comparison has a path, and no filters in it")
	}
	text, isText := f.Value.(string)
	number, isNumber := f.Value.(json.Number)
	_, isBool := f.Value.(bool)
	switch f.Op {
	case directory.Present:
		return nil
	case directory.Equal, directory.NotEqual:
		if f.Value != nil && !isText && !isNumber && !isBool {
			return problem.New(problem.Invalid, "a value is a text, a number, a truth, or none")
		}
	case directory.Contains, directory.StartsWith, directory.EndsWith:
		if !isText {
			return problem.New(problem.Invalid, "%q compares texts", string(f.Op))
		}
	case directory.Greater, directory.GreaterOrEqual, directory.Less, directory.LessOrEqual:
		if !isText && !isNumber {
			return problem.New(problem.Invalid, "%q compares texts, numbers and times", string(f.Op))
		}
	default:
		return problem.New(problem.Invalid, "%q is no operator", string(f.Op))
	}
	if _, err := strconv.ParseFloat(string(number), 64); isNumber && err != nil {
		return problem.New(problem.Invalid, "a number of the filter is none")
	}
	if _, err := time.Parse(time.RFC3339Nano, text); f.Time && f.Value != nil && err != nil {
		return problem.New(problem.Invalid, "a time of the filter is none (RFC 3339)")
	}
	return nil
}

// holds reports whether a filter that was checked holds for an entry.
func (d *Directory) holds(e *entry, f *directory.Filter) (bool, error) {
	if f == nil {
		return true, nil
	}
	return matches(*f, func(p directory.Path) []any { return d.values(e, p) }), nil
}

// values are those that a path leads to, of all elements of multi-valued
// attributes on its way.
func (d *Directory) values(e *entry, p directory.Path) []any {
	switch path := strings.Join(p, "\x00"); path {
	case "id":
		return []any{e.resource.ID}
	case "externalId":
		return leaves(e.resource.ExternalID, nil)
	case "meta\x00created":
		return []any{e.resource.Created.Format(time.RFC3339Nano)}
	case "meta\x00lastModified":
		return []any{e.resource.Modified.Format(time.RFC3339Nano)}
	case "members\x00value":
		return asValues(e.members)
	case "groups\x00value":
		var ids []string
		for _, m := range d.groupsOf(e) {
			ids = append(ids, m.ID)
		}
		return asValues(ids)
	}
	return leaves(e.document, p)
}

func asValues(ids []string) []any {
	var out []any
	for _, id := range ids {
		out = append(out, id)
	}
	return out
}

// leaves are the values at the end of a path; what is null or empty is none.
func leaves(v any, p directory.Path) []any {
	switch v := v.(type) {
	case []any:
		var out []any
		for _, element := range v {
			out = append(out, leaves(element, p)...)
		}
		return out
	case map[string]any:
		if len(p) > 0 {
			return leaves(v[p[0]], p[1:])
		}
		if len(v) == 0 {
			return nil
		}
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
	}
	if len(p) > 0 {
		return nil
	}
	return []any{v}
}

// matches evaluates a filter over what its paths lead to.
func matches(f directory.Filter, values func(directory.Path) []any) bool {
	inner := func(f directory.Filter) bool { return matches(f, values) }
	switch f.Op {
	case directory.And:
		return !slices.ContainsFunc(f.Filters, func(f directory.Filter) bool { return !inner(f) })
	case directory.Or:
		return slices.ContainsFunc(f.Filters, inner)
	case directory.Not:
		return !inner(f.Filters[0])
	case directory.Any:
		return slices.ContainsFunc(values(f.Path), func(element any) bool {
			return matches(f.Filters[0], func(p directory.Path) []any { return ofElement(element, p) })
		})
	case directory.Present:
		return len(values(f.Path)) > 0
	case directory.Equal:
		found := values(f.Path)
		return f.Value == nil && len(found) == 0 || slices.ContainsFunc(found, func(v any) bool { return compares(f, v) })
	case directory.NotEqual:
		found := values(f.Path)
		return f.Value != nil && len(found) == 0 || slices.ContainsFunc(found, func(v any) bool { return !compares(f, v) })
	default:
		return slices.ContainsFunc(values(f.Path), func(v any) bool { return compares(f, v) })
	}
}

// ofElement are the values in one element; a simple one is its own value.
func ofElement(element any, p directory.Path) []any {
	if _, object := element.(map[string]any); !object && len(p) == 1 && p[0] == "value" {
		return leaves(element, nil)
	}
	return leaves(element, p)
}
