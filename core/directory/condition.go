package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	filterDepth = 50
	pathLimit   = 8    // names in one path
	textLimit   = 8192 // bytes of one value that is compared with, and of one name
)

// condition is a filter that was checked, with its value in the form that
// documents' values are compared in.
type condition struct {
	op    sdk.Op
	parts []*condition
	path  []string

	// relation says that it is about memberships, which are no part of documents.
	relation relation

	value kind
	exact bool // the case of letters counts
	text  string
	truth bool
	num   json.Number
	time  time.Time
}

// relation is a kind of membership.
type relation string

const (
	members relation = "members"
	groups  relation = "groups"
)

// relationOf is the memberships that a path leads to, in resources of a type
// that have them.
func relationOf(t sdk.Type, path []string) relation {
	switch {
	case t == sdk.Group && path[0] == string(members):
		return members
	case t == sdk.User && path[0] == string(groups):
		return groups
	}
	return ""
}

// kind is what a value is.
type kind int

const (
	none kind = iota // no value: null
	text
	truth
	number
	instant
)

// compiler checks a filter.
type compiler struct {
	typ         sdk.Type
	comparisons int
}

func compile(t sdk.Type, f *sdk.Filter) (*condition, error) {
	if f == nil {
		return nil, nil
	}
	c := compiler{typ: t}
	return c.filter(f, nil, 1)
}

// filter compiles f, whose paths begin at elements of within; nil is the
// resource.
func (c *compiler) filter(f *sdk.Filter, within []string, depth int) (*condition, error) {
	if depth > filterDepth {
		return nil, problem.New(problem.TooLarge, "the filter is nested more than %d deep", filterDepth)
	}
	switch f.Op {
	case sdk.And, sdk.Or:
		if len(f.Filters) == 0 {
			return nil, problem.New(problem.Invalid, "the filter has an %s of nothing", f.Op)
		}
	case sdk.Not, sdk.Any:
		if len(f.Filters) != 1 {
			return nil, problem.New(problem.Invalid, "the filter has a %s of %d filters", f.Op, len(f.Filters))
		}
	default:
		if len(f.Filters) != 0 {
			return nil, problem.New(problem.Invalid, "the filter has a comparison with filters in it")
		}
		return c.comparison(f, within)
	}
	made := &condition{op: f.Op}
	if f.Op == sdk.Any {
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
		made.path = f.Path
		within = slices.Concat(within, f.Path)
		if made.relation = relationOf(c.typ, within); made.relation != "" && len(within) > 1 {
			return nil, noSuchPart(within)
		}
	}
	for i := range f.Filters {
		part, err := c.filter(&f.Filters[i], within, depth+1)
		if err != nil {
			return nil, err
		}
		made.parts = append(made.parts, part)
	}
	return made, nil
}

func (c *compiler) comparison(f *sdk.Filter, within []string) (*condition, error) {
	if c.comparisons++; c.comparisons > sdk.FilterLimit {
		return nil, problem.New(problem.TooLarge, "the filter has more than %d comparisons", sdk.FilterLimit)
	}
	if err := checkPath(f.Path); err != nil {
		return nil, err
	}
	made := &condition{op: f.Op, path: f.Path, exact: f.CaseExact}
	full := slices.Concat(within, f.Path)
	if made.relation = relationOf(c.typ, full); made.relation != "" {
		whole := len(full) == 1 && f.Op == sdk.Present
		if !whole && (len(full) != 2 || full[1] != "value") {
			return nil, noSuchPart(full)
		}
	}
	if f.Op == sdk.Present {
		return made, nil
	}
	if err := made.read(f); err != nil {
		return nil, err
	}
	return made, made.checkOp()
}

// read takes the value over.
func (c *condition) read(f *sdk.Filter) error {
	switch v := f.Value.(type) {
	case nil:
	case string:
		if len(v) > textLimit || !cleanText(v) {
			return problem.New(problem.Invalid, "the filter compares with a text that is over %d bytes, not valid UTF-8, or has a NUL in it", textLimit)
		}
		c.value, c.text = text, v
		if !f.CaseExact {
			c.text = fold(v)
		}
		if f.Time && !c.partial() {
			at, ok := parseTime(v)
			if !ok {
				return problem.New(problem.Invalid, "the filter compares a time with a text that is none").
					WithHint("write it as 2026-03-01T12:00:00Z")
			}
			c.value, c.time = instant, at
		}
	case bool:
		c.value, c.truth = truth, v
	case json.Number:
		if _, err := v.Float64(); err != nil || len(v) > 64 {
			return problem.New(problem.Invalid, "the filter compares with a number that is none, or too large")
		}
		c.value, c.num = number, v
	default:
		return problem.New(problem.Invalid, "the filter compares with a value of no known kind")
	}
	return nil
}

// partial says that a part of a text is looked for.
func (c *condition) partial() bool {
	return c.op == sdk.Contains || c.op == sdk.StartsWith || c.op == sdk.EndsWith
}

// checkOp refuses operators that the value has no meaning with (RFC 7644
// §3.4.2.2: there is no order of booleans).
func (c *condition) checkOp() error {
	fits := false
	switch c.op { //nolint:exhaustive // others do not fit
	case sdk.Equal, sdk.NotEqual:
		fits = true
	case sdk.Contains, sdk.StartsWith, sdk.EndsWith:
		fits = c.value == text
	case sdk.Greater, sdk.GreaterOrEqual, sdk.Less, sdk.LessOrEqual:
		fits = c.value == text || c.value == number || c.value == instant
	}
	if !fits {
		return problem.New(problem.Invalid, "the filter has an operator that its value cannot be compared by, or one that is not known")
	}
	return nil
}

func checkPath(path sdk.Path) error {
	if len(path) == 0 || len(path) > pathLimit {
		return problem.New(problem.Invalid, "a path has no name in it, or more than %d", pathLimit)
	}
	for _, name := range path {
		if name == "" || len(name) > textLimit || !cleanText(name) {
			return problem.New(problem.Invalid, "a path has a name in it that is none")
		}
	}
	return nil
}

func noSuchPart(path []string) error {
	return problem.New(problem.Invalid, "%s cannot be filtered or sorted by", cut(strings.Join(path, "."), 128)).
		WithHint("of members and groups only value can be filtered by")
}

// parseTime reads a dateTime (RFC 7643 §2.3.5); one without a zone is in UTC.
func parseTime(s string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(form, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
