package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// together is how many resources' memberships one statement reads.
const together = 100

// relate adds members of groups, or groups of users, to a page: so many of each,
// whatever the size of the group.
func (f *finder) relate(ctx context.Context, page []sdk.Resource) error {
	switch {
	case f.Type == sdk.Group && f.Members > 0:
		return f.addRelated(ctx, page, membersOf, f.Members, func(r *sdk.Resource) *[]sdk.Member { return &r.Members })
	case f.Type == sdk.User && f.Groups:
		return f.addRelated(ctx, page, groupsOf, sdk.PageLimit, func(r *sdk.Resource) *[]sdk.Member { return &r.Groups })
	}
	return nil
}

const (
	membersOf = `SELECT m.group_id AS owner, r.id, r.type, r.display FROM directory_member m JOIN directory_resource r ON r.id = m.member
		WHERE m.group_id = $owner AND r.deleted_at IS NULL AND m.member > $after ORDER BY m.member LIMIT $limit`
	groupsOf = `SELECT m.member AS owner, r.id, r.type, r.display FROM directory_member m JOIN directory_resource r ON r.id = m.group_id
		WHERE m.member = $owner AND r.deleted_at IS NULL AND m.group_id > $after ORDER BY m.group_id LIMIT $limit`
)

// of fills in one of the two.
func (q *statement) of(related, owner, after string, limit int) {
	q.text(strings.NewReplacer("$owner", q.arg(owner), "$after", q.arg(after), "$limit", q.arg(limit)).Replace(related))
}

func (f *finder) addRelated(ctx context.Context, page []sdk.Resource, related string, limit int, list func(*sdk.Resource) *[]sdk.Member) error {
	for part := range slices.Chunk(page, together) {
		var st statement
		byID := make(map[string]*sdk.Resource, len(part))
		for i := range part {
			byID[part[i].ID] = &part[i]
			if i > 0 {
				st.text(" UNION ALL ")
			}
			st.text("SELECT * FROM (")
			st.of(related, part[i].ID, "", limit+1)
			st.text(") AS one")
		}
		err := eachMember(ctx, f.tx, &st, func(owner string, m sdk.Member) {
			r := byID[owner]
			if have := list(r); len(*have) < limit {
				*have = append(*have, m)
			} else {
				r.More = true
			}
		})
		if err != nil {
			return err
		}
		for i := range part {
			slices.SortFunc(*list(&part[i]), func(a, b sdk.Member) int { return strings.Compare(a.ID, b.ID) })
		}
	}
	return nil
}

func eachMember(ctx context.Context, tx *store.Tx, st *statement, do func(owner string, m sdk.Member)) error {
	rows, err := tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var owner string
		var m sdk.Member
		if err := rows.Scan(&owner, &m.ID, &m.Type, &m.Display); err != nil {
			return err
		}
		do(owner, m)
	}
	return rows.Err()
}

// Members answers the members of a group by their ids, after the given one
// ("" begins), at most limit, and whether there are more. Without such a group
// in the scope it is a Problem (NotFound).
func (d *Directory) Members(ctx context.Context, s Scope, group, after string, limit int) (list []sdk.Member, more bool, err error) {
	if limit < 1 || limit > sdk.PageLimit {
		return nil, false, problem.New(problem.Invalid, "a page has 1 to %d members", sdk.PageLimit)
	}
	if after != "" && !idForm.MatchString(after) {
		return nil, false, wrongCursor()
	}
	err = d.store.Read(ctx, func(tx *store.Tx) error {
		list, more = nil, false
		b := batch{d: d, tx: tx, scope: s}
		if _, err := b.head(ctx, group); err != nil {
			return err
		}
		var st statement
		st.of(membersOf, group, after, limit+1)
		return eachMember(ctx, tx, &st, func(_ string, m sdk.Member) {
			if len(list) < limit {
				list = append(list, m)
			} else {
				more = true
			}
		})
	})
	if err != nil {
		return nil, false, err
	}
	return list, more, nil
}
