package directory

import (
	"slices"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// SQLite does not know how often a value is there, and would rather read all
// resources of a type in their order than look a few of them up and sort. So a
// condition that an index leads to is written as a table of ids, which comes
// first.

// seeks says that an index leads to what fulfils a condition.
func (n narrower) seeks(c *condition) bool {
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return slices.ContainsFunc(c.parts, n.seeks)
	case sdk.Or:
		return !slices.ContainsFunc(c.parts, func(part *condition) bool { return !n.seeks(part) })
	case sdk.Any:
		return c.relation == "" && n.seeksWithin(c.path, c.parts[0])
	}
	if c.op != sdk.Equal || c.value != text {
		return false
	}
	return c.relation != "" || n.leaf(c, c.path) != loose
}

func (n narrower) seeksWithin(prefix []string, c *condition) bool {
	part := func(c *condition) bool { return n.seeksWithin(prefix, c) }
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return slices.ContainsFunc(c.parts, part)
	case sdk.Or:
		return !slices.ContainsFunc(c.parts, func(c *condition) bool { return !part(c) })
	}
	return c.op == sdk.Equal && n.within(prefix, c) != loose
}

// seek writes the table, with one column id.
func (n narrower) seek(q *statement, c *condition) string {
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return n.seek(q, c.parts[slices.IndexFunc(c.parts, n.seeks)])
	case sdk.Or:
		return union(c.parts, func(part *condition) string { return n.seek(q, part) })
	case sdk.Any:
		return n.seekWithin(q, c.path, c.parts[0])
	}
	return n.seekLeaf(q, c, c.path)
}

func (n narrower) seekWithin(q *statement, prefix []string, c *condition) string {
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		i := slices.IndexFunc(c.parts, func(part *condition) bool { return n.seeksWithin(prefix, part) })
		return n.seekWithin(q, prefix, c.parts[i])
	case sdk.Or:
		return union(c.parts, func(part *condition) string { return n.seekWithin(q, prefix, part) })
	}
	return n.seekLeaf(q, c, slices.Concat(prefix, c.path))
}

func union(parts []*condition, write func(*condition) string) string {
	all := write(parts[0])
	for _, part := range parts[1:] {
		all += " UNION " + write(part)
	}
	return all
}

func (n narrower) seekLeaf(q *statement, c *condition, path []string) string {
	if c.relation != "" {
		return n.with(q, c)
	}
	if attribute := n.indexed(path); attribute != "" {
		return n.withValue(q, attribute, c.text)
	}
	return "SELECT r.id FROM directory_resource r WHERE r.organization = " + q.arg(n.scope.Organization) +
		" AND r.connection = " + q.arg(n.scope.Connection) + " AND r.type = " + q.arg(string(n.typ)) +
		" AND r.deleted_at IS NULL AND " + n.sqlLeaf(q, c, path)
}

// withValue are the resources with an indexed value, or one that begins as it
// does where it was cut.
func (n narrower) withValue(q *statement, attribute, value string) string {
	return "SELECT v.resource AS id FROM directory_value v WHERE v.organization = " + q.arg(n.scope.Organization) +
		" AND v.connection = " + q.arg(n.scope.Connection) + " AND v.attribute = " + q.arg(attribute) +
		" AND v.value = " + q.arg(cut(fold(value), valueLimit))
}

// with are the groups with a member, or the users in a group.
func (n narrower) with(q *statement, c *condition) string {
	if c.relation == members {
		return "SELECT m.group_id AS id FROM directory_member m JOIN directory_resource x ON x.id = m.member" +
			" WHERE x.deleted_at IS NULL AND " + element(q, c, "m.member")
	}
	return "SELECT m.member AS id FROM directory_member m WHERE " + element(q, c, "m.group_id")
}
