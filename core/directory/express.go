package directory

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// sql writes what the grip of a condition has promised.
func (n narrower) sql(q *statement, c *condition) string {
	if c.relation != "" {
		return n.related(q, c)
	}
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return join(" AND ", c.parts, n.grip, func(c *condition) string { return n.sql(q, c) })
	case sdk.Or:
		return join(" OR ", c.parts, n.grip, func(c *condition) string { return n.sql(q, c) })
	case sdk.Not:
		return "NOT " + n.sql(q, c.parts[0])
	case sdk.Any:
		return n.sqlWithin(q, c.path, c.parts[0])
	}
	return n.sqlLeaf(q, c, c.path)
}

func (n narrower) sqlWithin(q *statement, prefix []string, c *condition) string {
	of := func(c *condition) grip { return n.within(prefix, c) }
	write := func(c *condition) string { return n.sqlWithin(q, prefix, c) }
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return join(" AND ", c.parts, of, write)
	case sdk.Or:
		return join(" OR ", c.parts, of, write)
	}
	return n.sqlLeaf(q, c, slices.Concat(prefix, c.path))
}

// join writes those of the parts that SQL has a grip on; of an Or, that is all.
func join(operator string, parts []*condition, of func(*condition) grip, write func(*condition) string) string {
	var texts []string
	for _, part := range parts {
		if of(part) != loose {
			texts = append(texts, write(part))
		}
	}
	return "(" + strings.Join(texts, operator) + ")"
}

const (
	always = "1 = 1"
	never  = "1 = 0"
)

// apart keeps a subquery from being planned as a join: with hundreds of them
// PostgreSQL would look for the best order for longer than a statement may take.
func apart(subquery string) string { return "((" + subquery + ") IS TRUE)" }

func (n narrower) sqlLeaf(q *statement, c *condition, path []string) string {
	if attribute := n.indexed(path); attribute != "" {
		return apart("r.id IN (" + n.withValue(q, attribute, c.text) + ")")
	}
	column := timeColumn(path)
	switch {
	case c.op == sdk.Present && path[0] == "externalId":
		return "r.external_id <> ''"
	case c.op == sdk.Present:
		return always
	case column != "":
		return column + " " + sqlOps[c.op] + " " + q.arg(c.time.UnixMicro())
	case n.named(path):
		if c.op == sdk.StartsWith {
			return prefixed(q, "r.name", c.text)
		}
		return "r.name " + sqlOps[c.op] + " " + q.arg(fold(c.text))
	case path[0] == "externalId" && c.op == sdk.Equal:
		return "(r.external_id = " + q.arg(c.text) + " AND r.external_id <> '')" // the second is what the index asks for
	case path[0] == "externalId":
		return "r.external_id <> " + q.arg(c.text)
	case path[0] == "active":
		return "r.active " + sqlOps[c.op] + " " + q.arg(integer(c.truth))
	}
	return "r.id " + sqlOps[c.op] + " " + q.arg(c.text)
}

var sqlOps = map[sdk.Op]string{
	sdk.Equal: "=", sdk.NotEqual: "<>", sdk.Greater: ">", sdk.GreaterOrEqual: ">=", sdk.Less: "<", sdk.LessOrEqual: "<=",
}

// prefixed is a range of texts, which an index serves.
func prefixed(q *statement, column, prefix string) string {
	from := column + " >= " + q.arg(prefix)
	for end := prefix; end != ""; {
		last, size := utf8.DecodeLastRuneInString(end)
		end = end[:len(end)-size]
		if last++; last == 0xD800 { // surrogates are no characters
			last = 0xE000
		}
		if last <= utf8.MaxRune {
			return "(" + from + " AND " + column + " < " + q.arg(end+string(last)) + ")"
		}
	}
	return from
}

// related is a condition about memberships: those of the deleted are not there.
func (n narrower) related(q *statement, c *condition) string {
	of := func(condition string) string {
		if c.relation == members {
			return apart("EXISTS (SELECT 1 FROM directory_member m JOIN directory_resource x ON x.id = m.member" +
				" WHERE m.group_id = r.id AND x.deleted_at IS NULL AND " + condition + ")")
		}
		return apart("EXISTS (SELECT 1 FROM directory_member m WHERE m.member = r.id AND " + condition + ")")
	}
	column := "m.member"
	if c.relation == groups {
		column = "m.group_id"
	}
	switch {
	case c.op == sdk.Any:
		return of(element(q, c.parts[0], column))
	case c.op == sdk.Present || c.op == sdk.NotEqual && c.value == none:
		return of(always)
	case c.op == sdk.Equal && c.value == none:
		return "(NOT " + of(always) + ")"
	case c.op == sdk.NotEqual:
		return "(" + of(element(q, c, column)) + " OR NOT " + of(always) + ")"
	case c.op == sdk.Equal && c.value == text:
		return apart("r.id IN (" + n.with(q, c) + ")")
	}
	return of(element(q, c, column))
}

// partForm is that of a part of an id.
var partForm = regexp.MustCompile(`^[a-z0-9-]*$`)

// element is a condition on the id of one member or group. Ids have lower case
// letters, digits and dashes only, so that LIKE means the same everywhere.
func element(q *statement, c *condition, column string) string {
	write := func(c *condition) string { return element(q, c, column) }
	of := func(*condition) grip { return exact }
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.And:
		return join(" AND ", c.parts, of, write)
	case sdk.Or:
		return join(" OR ", c.parts, of, write)
	case sdk.Not:
		return "NOT " + write(c.parts[0])
	case sdk.Present:
		return always
	}
	if c.value != text {
		if c.op == sdk.NotEqual {
			return always
		}
		return never
	}
	if !c.partial() {
		return column + " " + sqlOps[c.op] + " " + q.arg(c.text)
	}
	if !partForm.MatchString(c.text) {
		return never
	}
	switch c.op { //nolint:exhaustive // the others are below
	case sdk.StartsWith:
		return column + " LIKE " + q.arg(c.text+"%")
	case sdk.EndsWith:
		return column + " LIKE " + q.arg("%"+c.text)
	}
	return column + " LIKE " + q.arg("%"+c.text+"%")
}
