package directory

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Facts are what rules read of a user.
type Facts struct {
	ID           string
	Organization string
	Connection   string
	Active       bool
	ExternalID   string
	Attributes   json.RawMessage // as in sdk/directory.Resource
	Groups       []GroupName     // by id; also those that are reached through nested groups
}

// GroupName is what a group is called.
type GroupName struct {
	ID, ExternalID, Display string
}

// Facts reads many users at once, within a transaction. Who is not there, or
// deleted, is not among the answers.
func (d *Directory) Facts(ctx context.Context, tx *store.Tx, users []string) (map[string]Facts, error) {
	all := make(map[string]Facts, len(users))
	for part := range slices.Chunk(users, chunk) {
		if err := facts(ctx, tx, part, all); err != nil {
			return nil, err
		}
		if err := groupsOfAll(ctx, tx, part, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func facts(ctx context.Context, tx *store.Tx, users []string, into map[string]Facts) error {
	var st statement
	st.text(`SELECT id, organization, connection, active, external_id, document FROM directory_resource
		WHERE type = 'User' AND deleted_at IS NULL AND id IN ` + st.list(users))
	rows, err := tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var f Facts
		var document []byte
		if err := rows.Scan(&f.ID, &f.Organization, &f.Connection, &f.Active, &f.ExternalID, &document); err != nil {
			return err
		}
		f.Attributes = document
		into[f.ID] = f
	}
	return rows.Err()
}

// above are all groups that somebody is in, each once, so that a cycle of groups
// ends. CROSS JOIN keeps SQLite to the order of the tables: without statistics
// it would rather read all memberships.
const above = `WITH RECURSIVE above (member, group_id) AS (
		SELECT member, group_id FROM directory_member WHERE member IN $those
		UNION
		SELECT a.member, m.group_id FROM above a CROSS JOIN directory_member m WHERE m.member = a.group_id)
	SELECT a.member, g.id, g.external_id, g.display FROM above a CROSS JOIN directory_resource g
	WHERE g.id = a.group_id AND g.deleted_at IS NULL ORDER BY a.member, g.id`

func groupsOfAll(ctx context.Context, tx *store.Tx, users []string, into map[string]Facts) error {
	var st statement
	st.text(strings.Replace(above, "$those", st.list(users), 1))
	rows, err := tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var user string
		var g GroupName
		if err := rows.Scan(&user, &g.ID, &g.ExternalID, &g.Display); err != nil {
			return err
		}
		if f, ok := into[user]; ok {
			f.Groups = append(f.Groups, g)
			into[user] = f
		}
	}
	return rows.Err()
}

// below are the users in groups and in the groups within them, each once.
const below = `WITH RECURSIVE below (id) AS (
		SELECT id FROM directory_resource WHERE id IN $those
		UNION
		SELECT m.member FROM below b CROSS JOIN directory_member m WHERE m.group_id = b.id AND m.member_type = 'Group')
	SELECT DISTINCT m.member FROM below b CROSS JOIN directory_member m CROSS JOIN directory_resource r
	WHERE m.group_id = b.id AND m.member_type = 'User' AND r.id = m.member AND r.deleted_at IS NULL ORDER BY m.member`

// UsersIn are all users in groups, by id, also through nested groups: the
// inactive too.
func (d *Directory) UsersIn(ctx context.Context, tx *store.Tx, groups []string) ([]string, error) {
	var all []string
	for part := range slices.Chunk(groups, chunk) {
		var st statement
		st.text(strings.Replace(below, "$those", st.list(part), 1))
		users, err := texts(ctx, tx, st.String(), st.args...)
		if err != nil {
			return nil, err
		}
		all = append(all, users...)
	}
	if len(groups) > chunk { // a user may be in groups of several parts
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all, nil
}

// UsersOf are all users of a scope in the order in which they were made, after
// the given one ("" begins); at most limit: for who goes through all of them.
func (d *Directory) UsersOf(ctx context.Context, tx *store.Tx, s Scope, after string, limit int) ([]string, error) {
	var st statement
	st.text(`SELECT r.id FROM directory_resource r WHERE r.organization = ` + st.arg(s.Organization) + ` AND r.connection = ` + st.arg(s.Connection) +
		` AND r.type = 'User' AND r.deleted_at IS NULL`)
	if after != "" { // a tombstone has its place too
		st.text(` AND (r.created, r.id) > (SELECT created, id FROM directory_resource WHERE id = ` + st.arg(after) + `)`)
	}
	st.text(` ORDER BY r.created, r.id LIMIT ` + st.arg(limit))
	return texts(ctx, tx, st.String(), st.args...)
}

// ActiveUsers counts the active users of a scope.
func (d *Directory) ActiveUsers(ctx context.Context, tx *store.Tx, s Scope) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM directory_resource WHERE organization = $1 AND connection = $2 AND type = 'User'
		AND deleted_at IS NULL AND active = 1`, s.Organization, s.Connection).Scan(&n)
	return n, err
}

// texts are what a statement with one column of text answers.
func texts(ctx context.Context, tx *store.Tx, query string, args ...any) (list []string, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
