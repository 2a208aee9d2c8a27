package directory

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Entry is a resource as an operator sees it: with whose it is.
type Entry struct {
	sdk.Resource
	Scope   Scope
	Display string // what people call it
	Active  bool   // of users
	// Deleted is when the user was deleted; zero while they are there. Until they
	// are purged they can be restored.
	Deleted time.Time
}

// List answers resources of a type for an operator, by organization, connection
// and the time they were made, after the one with the given id ("" begins); at
// most limit. An empty field of within is all.
func (d *Directory) List(ctx context.Context, within Scope, t sdk.Type, after string, limit int) (list []Entry, more bool, err error) {
	if limit < 1 || limit > sdk.PageLimit {
		return nil, false, problem.New(problem.Invalid, "a page has 1 to %d entries", sdk.PageLimit)
	}
	err = d.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		var from Entry
		if after != "" {
			if from, err = place(ctx, tx, within, after); err != nil {
				return err
			}
		}
		scopes, err := scopesOf(ctx, tx, within, t, from.Scope)
		if err != nil {
			return err
		}
		for _, s := range scopes {
			if len(list) > limit {
				break
			}
			var st statement
			st.text(`SELECT ` + columns + `, r.deleted_at FROM directory_resource r WHERE r.organization = ` + st.arg(s.Organization) +
				` AND r.connection = ` + st.arg(s.Connection) + ` AND r.type = ` + st.arg(string(t)) + ` AND r.deleted_at IS NULL`)
			if after != "" && s == from.Scope {
				st.text(` AND (r.created, r.id) > (` + st.arg(from.Created.UnixMicro()) + `, ` + st.arg(from.ID) + `)`)
			}
			st.text(` ORDER BY r.created, r.id LIMIT ` + st.arg(limit+1-len(list)))
			part, err := entries(ctx, tx, &st)
			if err != nil {
				return err
			}
			list = append(list, part...)
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return list[:min(limit, len(list))], len(list) > limit, nil
}

// place is where a listing goes on: a tombstone has its place too.
func place(ctx context.Context, tx *store.Tx, within Scope, id string) (Entry, error) {
	var st statement
	st.text(`SELECT ` + withoutDocument + `, r.deleted_at FROM directory_resource r WHERE r.id = ` + st.arg(id))
	within.write(&st)
	list, err := entries(ctx, tx, &st)
	if err != nil {
		return Entry{}, err
	}
	if len(list) == 0 {
		return Entry{}, problem.New(problem.Invalid, "the list has no place to go on at").WithHint("begin anew")
	}
	return list[0], nil
}

// scopesOf are the scopes that have resources of a type, from one on. The counts
// know them all.
func scopesOf(ctx context.Context, tx *store.Tx, within Scope, t sdk.Type, from Scope) (list []Scope, err error) {
	var st statement
	st.text(`SELECT r.organization, r.connection FROM directory_count r WHERE r.type = ` + st.arg(string(t)) +
		` AND (r.organization, r.connection) >= (` + st.arg(from.Organization) + `, ` + st.arg(from.Connection) + `)`)
	within.write(&st)
	st.text(` GROUP BY r.organization, r.connection HAVING SUM(r.resources) > 0 ORDER BY r.organization, r.connection`)
	rows, err := tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var s Scope
		if err := rows.Scan(&s.Organization, &s.Connection); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// Lookup answers whom an operator means by an id, else by a userName or a
// group's displayName: one, or several where more have the name. An id also finds
// the deleted. An empty field of within is all.
func (d *Directory) Lookup(ctx context.Context, within Scope, t sdk.Type, idOrName string) (list []Entry, err error) {
	err = d.store.Read(ctx, func(tx *store.Tx) error {
		if list, err = identified(ctx, tx, within, t, []string{idOrName}); err != nil || len(list) > 0 || idOrName == "" {
			return err
		}
		var st statement
		// The counts know all connections, so that the name is found by its index.
		st.text(`SELECT ` + columns + `, r.deleted_at FROM (SELECT DISTINCT organization, connection FROM directory_count WHERE type = ` + st.arg(string(t)) + `) c
			CROSS JOIN directory_resource r WHERE r.organization = c.organization AND r.connection = c.connection
			AND r.type = ` + st.arg(string(t)) + ` AND r.name = ` + st.arg(fold(idOrName)) + ` AND r.deleted_at IS NULL`)
		within.write(&st)
		st.text(` ORDER BY r.organization, r.connection, r.created, r.id LIMIT ` + st.arg(sdk.PageLimit))
		list, err = entries(ctx, tx, &st)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Identified answers the resources that have these ids, also the deleted. An empty
// field of within is all.
func (d *Directory) Identified(ctx context.Context, within Scope, t sdk.Type, ids []string) (list []Entry, err error) {
	err = d.store.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = identified(ctx, tx, within, t, ids)
		return err
	})
	return list, err
}

func identified(ctx context.Context, tx *store.Tx, within Scope, t sdk.Type, ids []string) (list []Entry, err error) {
	for part := range slices.Chunk(ids, chunk) {
		var st statement
		st.text(`SELECT ` + columns + `, r.deleted_at FROM directory_resource r WHERE r.type = ` + st.arg(string(t)) + ` AND r.id IN ` + st.list(part))
		if within.Organization != "" {
			st.text(` AND ` + besideIDs + ` = ` + st.arg(within.Organization))
		}
		if within.Connection != "" {
			st.text(` AND r.connection = ` + st.arg(within.Connection))
		}
		found, err := entries(ctx, tx, &st)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// GroupsOf are the groups of a user whom Lookup has answered, by id: with nested,
// also those that are reached through other groups.
func (d *Directory) GroupsOf(ctx context.Context, user string, nested bool) (list []GroupName, err error) {
	err = d.store.Read(ctx, func(tx *store.Tx) error {
		if nested {
			all := map[string]Facts{user: {}}
			err := groupsOfAll(ctx, tx, []string{user}, all)
			list = all[user].Groups
			return err
		}
		rows, err := tx.Query(ctx, `SELECT g.id, g.external_id, g.display FROM directory_member m JOIN directory_resource g ON g.id = m.group_id
			WHERE m.member = $1 AND g.deleted_at IS NULL ORDER BY g.id`, user)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // what went wrong is in Err
		list = nil
		for rows.Next() {
			var g GroupName
			if err := rows.Scan(&g.ID, &g.ExternalID, &g.Display); err != nil {
				return err
			}
			list = append(list, g)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (s Scope) write(st *statement) {
	if s.Organization != "" {
		st.text(` AND r.organization = ` + st.arg(s.Organization))
	}
	if s.Connection != "" {
		st.text(` AND r.connection = ` + st.arg(s.Connection))
	}
}

func entries(ctx context.Context, tx *store.Tx, st *statement) (list []Entry, err error) {
	rows, err := tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		r := &resource{}
		var deleted *int64
		if err := rows.Scan(append(r.into(), &deleted)...); err != nil {
			return nil, err
		}
		e := Entry{Resource: r.shown(len(r.document) > 0), Scope: r.scope, Display: r.display, Active: r.active}
		if deleted != nil {
			e.Deleted = time.UnixMicro(*deleted)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}
