package patch

import (
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// removeMembers removes those that a filter chooses. value eq "u1", which all
// but a few are, needs nobody's list.
func (c *change) removeMembers(e filter.Expr, a *schema.Attribute) error {
	if id, ok := byValue(e); ok {
		return c.removeNamed([]string{id})
	}
	f, err := filter.CompileElement(e, a, c.reading)
	if err != nil {
		return err
	}
	strict := !c.reading.Allows(dialect.RemoveAbsent)
	if ids, ok := namedMembers(f, nil); ok {
		return c.removeNamed(ids)
	}
	if err := selectable(f); err != nil {
		return err
	}
	s := Selector{matcher: filter.NewMatcher(f), MustMatch: strict}
	for _, id := range c.members.order {
		is := c.members.state[id]
		if c.budget.Left--; !is.added {
			continue
		}
		if wrote := is.wrote; s.matcher.Match(map[string]any{"value": id, "type": kind(wrote), "display": wrote["display"]}, &c.budget) {
			c.members.put(id, memberState{})
			s.MustMatch = false
		}
	}
	if err := c.spent(); err != nil {
		return err
	}
	if !c.members.all {
		c.members.choose = append(c.members.choose, s)
	} else if s.MustMatch {
		return scimerr.New(scimerr.NoTarget, "The path chooses no member of the group.")
	}
	return nil
}

// byValue is the shape that nearly all of them have.
func byValue(e filter.Expr) (string, bool) {
	compare, ok := e.(filter.Compare)
	if !ok || compare.Op != directory.Equal || compare.Attr != "value" {
		return "", false
	}
	id, ok := compare.Value.(string)
	return id, ok
}

func (c *change) removeNamed(ids []string) error {
	strict := !c.reading.Allows(dialect.RemoveAbsent)
	c.members.grow(len(ids))
	for _, id := range ids {
		is, known := c.members.state[id]
		if strict && (c.members.all || known) && !is.added {
			return scimerr.New(scimerr.NoTarget, "The path chooses a member that the group does not have.")
		}
		if strict && !known && !c.members.all {
			c.members.expect = append(c.members.expect, id)
		}
		c.members.put(id, memberState{})
	}
	return nil
}

// kind is the type of a member; one that does not say so is a user.
func kind(wrote map[string]any) any {
	if t, ok := wrote["type"].(string); ok && t != "" {
		return t
	}
	return string(directory.User)
}

// namedMembers are the members that a filter names by their ids, if that is all
// that it does.
func namedMembers(f directory.Filter, ids []string) ([]string, bool) {
	switch {
	case f.Op == directory.Or:
		for _, inner := range f.Filters {
			var ok bool
			if ids, ok = namedMembers(inner, ids); !ok {
				return nil, false
			}
		}
		return ids, true
	case f.Op == directory.Equal && f.Path[0] == "value":
		id, ok := f.Value.(string)
		return append(ids, id), ok
	}
	return nil, false
}

// selectable reports what members cannot be chosen by.
func selectable(f directory.Filter) error {
	if len(f.Path) > 0 && f.Path[0] == "$ref" {
		return scimerr.New(scimerr.InvalidFilter, "Members can be chosen by value, type and display.")
	}
	for _, inner := range f.Filters {
		if err := selectable(inner); err != nil {
			return err
		}
	}
	return nil
}
