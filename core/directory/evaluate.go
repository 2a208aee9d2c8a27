package directory

import (
	"cmp"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// subject is what a condition is evaluated on: a resource, and which of the
// conditions about memberships hold for it.
type subject struct {
	*resource
	related func(*condition) bool
}

// holds evaluates a condition. It is the authority: what SQL leaves out, it
// would have left out.
func (s subject) holds(c *condition) bool {
	if c.relation != "" {
		return s.related(c)
	}
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And, sdk.Or, sdk.Not:
		return c.combine(s.holds)
	case sdk.Any:
		return c.any(s.document)
	}
	return c.matches(s.values(c.path))
}

// timeForm sorts as the times do.
const timeForm = "2006-01-02T15:04:05.000000Z"

// values are the values of an attribute, as JSON.
func (s subject) values(path []string) iter.Seq[[]byte] {
	switch {
	case len(path) == 1 && path[0] == "id":
		return quoted(s.id)
	case len(path) == 1 && path[0] == "externalId" && s.externalID != "":
		return quoted(s.externalID)
	case len(path) == 1 && path[0] == "active" && s.typ == sdk.User: // who has none is active
		if s.active {
			return one([]byte("true"))
		}
		return one([]byte("false"))
	case len(path) == 2 && path[0] == "meta" && path[1] == "created":
		return quoted(time.UnixMicro(s.created).UTC().Format(timeForm))
	case len(path) == 2 && path[0] == "meta" && path[1] == "lastModified":
		return quoted(time.UnixMicro(s.modified).UTC().Format(timeForm))
	}
	return at(s.document, path)
}

func quoted(s string) iter.Seq[[]byte] {
	raw, _ := json.Marshal(s) // a string always encodes
	return one(raw)
}

func one(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { yield(raw) }
}

// combine evaluates And, Or and Not.
func (c *condition) combine(holds func(*condition) bool) bool {
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		for _, part := range c.parts {
			if !holds(part) {
				return false
			}
		}
		return true
	case sdk.Or:
		return slices.ContainsFunc(c.parts, holds)
	}
	return !holds(c.parts[0])
}

// any reports whether one element of an attribute fulfils the filter within.
func (c *condition) any(raw []byte) bool {
	for element := range at(raw, c.path) {
		if c.parts[0].within(element) {
			return true
		}
	}
	return false
}

// within evaluates a condition on an element.
func (c *condition) within(element []byte) bool {
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And, sdk.Or, sdk.Not:
		return c.combine(func(part *condition) bool { return part.within(element) })
	case sdk.Any:
		return c.any(element)
	}
	return c.matches(at(element, c.path))
}

// matches compares with the values of one attribute. One that fits is enough
// (RFC 7644 §3.4.2.2); an attribute without values is not equal to anything but
// to null.
func (c *condition) matches(values iter.Seq[[]byte]) bool {
	some := false
	for raw := range values {
		some = true
		if c.fits(raw) {
			return true
		}
	}
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.Equal:
		return !some && c.value == none
	case sdk.NotEqual:
		return !some && c.value != none
	}
	return false
}

func (c *condition) fits(raw []byte) bool {
	if c.op == sdk.Present {
		return present(raw)
	}
	if c.value == none {
		return c.op == sdk.NotEqual
	}
	order, ok := c.compare(raw)
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.Equal:
		return ok && order == 0
	case sdk.NotEqual:
		return !ok || order != 0
	case sdk.Greater:
		return ok && order > 0
	case sdk.GreaterOrEqual:
		return ok && order >= 0
	case sdk.Less:
		return ok && order < 0
	case sdk.LessOrEqual:
		return ok && order <= 0
	}
	return c.part(raw)
}

// compare puts a document's value before (-1), at (0) or behind (1) the
// condition's; ok is false where the two are of different kinds.
func (c *condition) compare(raw []byte) (order int, ok bool) {
	switch c.value { //nolint:exhaustive // the others are below
	case truth:
		return cmp.Compare(integer(raw[0] == 't'), integer(c.truth)), raw[0] == 't' || raw[0] == 'f'
	case number:
		if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
			return 0, false
		}
		return compareNumbers(json.Number(raw), c.num), true
	}
	s, ok := textOf(raw)
	if !ok {
		return 0, false
	}
	if c.value == instant {
		at, ok := parseTime(s)
		return at.Compare(c.time), ok
	}
	return strings.Compare(c.folded(s), c.text), true
}

// part looks for a part of a text.
func (c *condition) part(raw []byte) bool {
	s, ok := textOf(raw)
	if !ok {
		return false
	}
	switch s = c.folded(s); c.op { //nolint:exhaustive // the others are below
	case sdk.Contains:
		return strings.Contains(s, c.text)
	case sdk.StartsWith:
		return strings.HasPrefix(s, c.text)
	case sdk.EndsWith:
		return strings.HasSuffix(s, c.text)
	}
	return false
}

func (c *condition) folded(s string) string {
	if c.exact {
		return s
	}
	return fold(s)
}

// present reports whether a value is more than empty (RFC 7644 §3.4.2.2, pr).
func present(raw []byte) bool {
	switch raw[0] {
	case '"':
		return len(raw) > 2
	case '{', '[', 'n':
		for _, value := range pairs(raw) {
			if present(value) {
				return true
			}
		}
		for element := range elements(raw) {
			if present(element) {
				return true
			}
		}
		return false
	}
	return true
}

// compareNumbers compares whole numbers as such and others as float64.
func compareNumbers(a, b json.Number) int {
	x, err := a.Int64()
	y, err2 := b.Int64()
	if err == nil && err2 == nil {
		return cmp.Compare(x, y)
	}
	f, _ := a.Float64() // out of range is infinite, which compares as it should
	g, _ := b.Float64()
	return cmp.Compare(f, g)
}
