package directory

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Crowd goes through all users of a scope with what rules read of them, in the
// order in which they were made. It is for who looks at very many: the groups and
// which of them are within others are read once, with the first users, so that a
// user costs their own row and a row for each group that they are a member of.
type Crowd struct {
	scope   Scope
	created int64 // of the last who was read
	last    string
	groups  map[string]*circle // by id; nil: not read yet
}

// circle is a group, and the groups that it is a member of.
type circle struct {
	GroupName
	within []string
	all    []GroupName // itself and all that it is within, by id; nil: not found out yet
}

// Crowd begins before the first user of the scope.
func (*Directory) Crowd(s Scope) *Crowd { return &Crowd{scope: s} }

// Next reads the next users, at most limit, within a transaction, which may be
// another for each call; none are left where it reads fewer. Each has the facts
// that Directory.Facts answers.
func (c *Crowd) Next(ctx context.Context, tx *store.Tx, limit int) ([]Facts, error) {
	if c.groups == nil {
		if err := c.readGroups(ctx, tx); err != nil {
			return nil, err
		}
	}
	from := *c
	list, places, err := c.readUsers(ctx, tx, limit)
	if err != nil || len(list) == 0 || len(c.groups) == 0 {
		return list, err
	}
	return list, from.readMemberships(ctx, tx, c, list, places)
}

func (c *Crowd) readGroups(ctx context.Context, tx *store.Tx) error {
	groups := map[string]*circle{}
	const ofScope = ` g.organization = $1 AND g.connection = $2 AND g.type = 'Group' AND g.deleted_at IS NULL`
	err := eachRow(ctx, tx, func(rows *sql.Rows) error {
		var g circle
		err := rows.Scan(&g.ID, &g.ExternalID, &g.Display)
		groups[g.ID] = &g
		return err
	}, `SELECT g.id, g.external_id, g.display FROM directory_resource g WHERE`+ofScope, c.scope.Organization, c.scope.Connection)
	if err != nil {
		return err
	}
	err = eachRow(ctx, tx, func(rows *sql.Rows) error {
		var member, group string
		err := rows.Scan(&member, &group)
		if g := groups[member]; g != nil {
			g.within = append(g.within, group)
		}
		return err
	}, `SELECT m.member, m.group_id FROM directory_resource g CROSS JOIN directory_member m WHERE`+ofScope+` AND m.member = g.id`,
		c.scope.Organization, c.scope.Connection)
	c.groups = groups
	return err
}

// users writes which users are read: those after from, and to the last where
// there is one.
func (c *Crowd) users(st *statement) {
	st.text(` r.organization = ` + st.arg(c.scope.Organization) + ` AND r.connection = ` + st.arg(c.scope.Connection) + ` AND r.type = 'User' AND r.deleted_at IS NULL`)
	if c.last != "" {
		st.text(` AND (r.created, r.id) > (` + st.arg(c.created) + `, ` + st.arg(c.last) + `)`)
	}
}

func (c *Crowd) readUsers(ctx context.Context, tx *store.Tx, limit int) (list []Facts, places map[string]int, err error) {
	var st statement
	st.text(`SELECT r.id, r.active, r.external_id, r.document, r.created FROM directory_resource r WHERE`)
	c.users(&st)
	st.text(` ORDER BY r.created, r.id LIMIT ` + st.arg(limit))
	places = map[string]int{}
	err = eachRow(ctx, tx, func(rows *sql.Rows) error {
		f := Facts{Organization: c.scope.Organization, Connection: c.scope.Connection}
		var document []byte
		if err := rows.Scan(&f.ID, &f.Active, &f.ExternalID, &document, &c.created); err != nil {
			return err
		}
		f.Attributes, c.last = document, f.ID
		places[f.ID] = len(list)
		list = append(list, f)
		return nil
	}, st.String(), st.args...)
	return list, places, err
}

// readMemberships gives the users after c and up to another place their groups.
func (c *Crowd) readMemberships(ctx context.Context, tx *store.Tx, to *Crowd, list []Facts, places map[string]int) error {
	var st statement
	st.text(`SELECT r.id, m.group_id FROM directory_resource r CROSS JOIN directory_member m WHERE`)
	c.users(&st)
	st.text(` AND (r.created, r.id) <= (` + st.arg(to.created) + `, ` + st.arg(to.last) + `) AND m.member = r.id`)
	var user, group sql.RawBytes // there are many
	err := eachRow(ctx, tx, func(rows *sql.Rows) error {
		if err := rows.Scan(&user, &group); err != nil {
			return err
		}
		at, there := places[string(user)]
		if g := to.groups[string(group)]; there && g != nil {
			list[at].Groups = append(list[at].Groups, to.above(g)...)
		}
		return nil
	}, st.String(), st.args...)
	for i := range list {
		slices.SortFunc(list[i].Groups, func(a, b GroupName) int { return strings.Compare(a.ID, b.ID) })
		list[i].Groups = slices.Compact(list[i].Groups)
	}
	return err
}

// above is a group and all that it is within, each once, so that a cycle ends.
func (c *Crowd) above(g *circle) []GroupName {
	if g.all != nil {
		return g.all
	}
	seen, todo := map[string]bool{g.ID: true}, []*circle{g}
	var all []GroupName
	for len(todo) > 0 {
		next := todo[0]
		todo, all = todo[1:], append(all, next.GroupName)
		for _, id := range next.within {
			if more := c.groups[id]; more != nil && !seen[id] {
				seen[id], todo = true, append(todo, more)
			}
		}
	}
	g.all = all
	return all
}

// eachRow calls f for each row of a statement.
func eachRow(ctx context.Context, tx *store.Tx, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Users counts the users of a scope that are there, also the inactive.
func (*Directory) Users(ctx context.Context, tx *store.Tx, s Scope) (int, error) {
	sum, err := readCount(ctx, tx, s, sdk.User)
	return int(sum.resources), err
}
