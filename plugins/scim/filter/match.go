package filter

import (
	"encoding/json"
	"math/big"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Budget bounds the work of matching, in comparisons and texts' lengths: what
// one request may ask for is not what one machine has. It belongs to one request.
type Budget struct{ Left int }

// Spent reports whether it is used up. What a match said since then is void.
func (b *Budget) Spent() bool { return b.Left < 0 }

// Matcher holds values against a compiled filter, in memory: those of one
// attribute, or whole documents. Resources are the directory's to find.
type Matcher struct {
	op    directory.Op
	parts []*Matcher
	path  directory.Path
	text  string // folded, unless exact
	value any
	exact bool
	time  bool
}

// NewMatcher prepares a filter.
func NewMatcher(f directory.Filter) *Matcher {
	m := &Matcher{op: f.Op, path: f.Path, value: f.Value, exact: f.CaseExact, time: f.Time}
	if s, ok := f.Value.(string); ok {
		m.text = s
		if !m.exact {
			m.text = Fold(s)
		}
	}
	for _, inner := range f.Filters {
		m.parts = append(m.parts, NewMatcher(inner))
	}
	return m
}

// Match reports whether the filter holds for a value: an object, or a simple
// value, whose path is {"value"}.
func (m *Matcher) Match(v any, b *Budget) bool {
	if b.Left--; b.Left < 0 {
		return false
	}
	switch m.op {
	case directory.And:
		for _, p := range m.parts {
			if !p.Match(v, b) {
				return false
			}
		}
		return true
	case directory.Or:
		for _, p := range m.parts {
			if p.Match(v, b) {
				return true
			}
		}
		return false
	case directory.Not:
		return !m.parts[0].Match(v, b)
	case directory.Any:
		for _, inner := range valuesAt(v, m.path, nil) {
			if m.parts[0].Match(inner, b) {
				return true
			}
		}
		return false
	case directory.Present:
		return len(valuesAt(v, m.path, nil)) > 0
	case directory.NotEqual:
		return !m.any(valuesAt(v, m.path, nil), directory.Equal, b)
	default:
		return m.any(valuesAt(v, m.path, nil), m.op, b)
	}
}

func (m *Matcher) any(values []any, op directory.Op, b *Budget) bool {
	if m.value == nil {
		return len(values) == 0
	}
	for _, v := range values {
		if m.compare(v, op, b) {
			return true
		}
	}
	return false
}

func (m *Matcher) compare(v any, op directory.Op, b *Budget) bool {
	switch want := m.value.(type) {
	case bool:
		got, ok := v.(bool)
		return ok && op == directory.Equal && got == want
	case json.Number:
		got, ok := v.(json.Number)
		if !ok {
			return false
		}
		c, ok := compareNumbers(got, want)
		return ok && ordered(c, op)
	case string:
		got, ok := v.(string)
		if b.Left -= m.cost(got); !ok || b.Left < 0 {
			return false
		}
		if m.time {
			x, okX := schema.ParseTime(got)
			y, okY := schema.ParseTime(want)
			return okX && okY && ordered(x.Compare(y), op)
		}
		if !m.exact {
			got = Fold(got)
		}
		switch op {
		case directory.Contains:
			return strings.Contains(got, m.text)
		case directory.StartsWith:
			return strings.HasPrefix(got, m.text)
		case directory.EndsWith:
			return strings.HasSuffix(got, m.text)
		default:
			return ordered(strings.Compare(got, m.text), op)
		}
	}
	return false
}

// cost is what it takes to compare a text: folding looks at each letter.
func (m *Matcher) cost(text string) int {
	if m.exact {
		return len(text) / 64
	}
	return len(text)
}

func ordered(c int, op directory.Op) bool {
	switch op {
	case directory.Equal:
		return c == 0
	case directory.Greater:
		return c > 0
	case directory.GreaterOrEqual:
		return c >= 0
	case directory.Less:
		return c < 0
	case directory.LessOrEqual:
		return c <= 0
	default: // which has no order
		return false
	}
}

// compareNumbers compares numbers that are short enough to be meant: others are
// equal to nothing.
func compareNumbers(a, b json.Number) (int, bool) {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return 0, false
	}
	if x, err := a.Int64(); err == nil {
		if y, err := b.Int64(); err == nil {
			switch {
			case x < y:
				return -1, true
			case x > y:
				return 1, true
			}
			return 0, true
		}
	}
	x, _, errX := big.ParseFloat(a.String(), 10, 256, big.ToNearestEven)
	y, _, errY := big.ParseFloat(b.String(), 10, 256, big.ToNearestEven)
	if errX != nil || errY != nil {
		return 0, false
	}
	return x.Cmp(y), true
}

// valuesAt are the values that stand at a path, in the elements of lists too. A
// simple value has itself at {"value"}.
func valuesAt(v any, path directory.Path, out []any) []any {
	switch v := v.(type) {
	case nil:
		return out
	case []any:
		for _, element := range v {
			out = valuesAt(element, path, out)
		}
		return out
	case map[string]any:
		if len(path) == 0 {
			return append(out, v)
		}
		return valuesAt(v[path[0]], path[1:], out)
	}
	if len(path) == 0 || len(path) == 1 && path[0] == "value" {
		return append(out, v)
	}
	return out
}
