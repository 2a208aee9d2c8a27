package directory

import (
	"slices"
	"time"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// grip says how well SQL can express a condition over the row r.
type grip int

const (
	loose grip = iota // not at all
	wide              // it leaves in all that fulfils it, and some more
	exact             // it leaves in just what fulfils it
)

// narrower writes conditions on resources of one type as SQL.
type narrower struct {
	typ   sdk.Type
	scope Scope
}

// grip is that of a condition on the resource.
func (n narrower) grip(c *condition) grip {
	if c.relation != "" {
		return exact
	}
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return conjunction(c.parts, n.grip)
	case sdk.Or:
		return disjunction(c.parts, n.grip)
	case sdk.Not:
		if n.grip(c.parts[0]) == exact {
			return exact
		}
		return loose
	case sdk.Any:
		return n.within(c.path, c.parts[0])
	}
	return n.leaf(c, c.path)
}

// within is the grip of a condition on elements. That one element fulfils two
// conditions is not what SQL is asked, so it is wide at best; and only values
// that are there can be looked for.
func (n narrower) within(prefix []string, c *condition) grip {
	part := func(c *condition) grip { return n.within(prefix, c) }
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return min(wide, conjunction(c.parts, part))
	case sdk.Or:
		return min(wide, disjunction(c.parts, part))
	case sdk.Equal:
		if full := slices.Concat(prefix, c.path); n.indexed(full) != "" {
			return min(wide, n.leaf(c, full))
		}
	}
	return loose
}

func conjunction(parts []*condition, of func(*condition) grip) grip {
	least, most := exact, loose
	for _, part := range parts {
		g := of(part)
		least, most = min(least, g), max(most, g)
	}
	if least == loose {
		return min(most, wide)
	}
	return least
}

func disjunction(parts []*condition, of func(*condition) grip) grip {
	least := exact
	for _, part := range parts {
		least = min(least, of(part))
	}
	return least
}

// indexed is the attribute whose values have rows of their own; "" is none.
func (n narrower) indexed(path []string) string {
	switch {
	case n.typ != sdk.User:
		return ""
	case slices.Equal(path, []string{"emails", "value"}):
		return emailValue
	case slices.Equal(path, []string{"displayName"}):
		return displayName
	}
	return ""
}

// named says that the path is that of the column name.
func (n narrower) named(path []string) bool {
	if n.typ == sdk.User {
		return len(path) == 1 && path[0] == "userName"
	}
	return len(path) == 1 && path[0] == "displayName"
}

// always says that every resource of the type has a name.
func (n narrower) always() bool { return n.typ == sdk.User || n.typ == sdk.Group }

func (n narrower) leaf(c *condition, path []string) grip {
	equality := c.op == sdk.Equal || c.op == sdk.NotEqual
	switch {
	case n.indexed(path) != "":
		if c.op != sdk.Equal || c.value != text {
			return loose
		}
		if c.exact || len(c.text) > valueLimit-4 { // as long as one that was cut
			return wide
		}
		return exact
	case n.named(path):
		return n.name(c)
	case timeColumn(path) != "":
		if c.op == sdk.Present || c.value == instant && c.time.Nanosecond()%1000 == 0 && inMicros(c.time) {
			return exact
		}
	case len(path) != 1:
	case path[0] == "id":
		if c.op == sdk.Present || equality && c.value == text {
			return exact
		}
	case path[0] == "externalId":
		if c.op == sdk.Present || equality && c.value == text && c.exact && c.text != "" {
			return exact
		}
	case path[0] == "active" && n.typ == sdk.User:
		if c.op == sdk.Present || equality && c.value == truth {
			return exact
		}
	}
	return loose
}

func (n narrower) name(c *condition) grip {
	switch {
	case c.op == sdk.Present && n.always():
		return exact
	case c.value != text || c.text == "":
		return loose
	case c.op == sdk.Equal && c.exact:
		return wide
	case c.exact:
		return loose // folding may join what is a prefix with what follows
	case c.op == sdk.Equal, c.op == sdk.StartsWith, c.op == sdk.NotEqual && n.always():
		return exact
	}
	return loose
}

// inMicros says that a time can be written in microseconds.
func inMicros(t time.Time) bool { return t.Year() > 0 && t.Year() < 10000 }

func timeColumn(path []string) string {
	if len(path) == 2 && path[0] == "meta" {
		switch path[1] {
		case "created":
			return "r.created"
		case "lastModified":
			return "r.modified"
		}
	}
	return ""
}
