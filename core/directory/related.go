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
		return f.addRelated(ctx, page, way{membersOf, membersOfAll}, f.Members, func(r *sdk.Resource) *[]sdk.Member { return &r.Members })
	case f.Type == sdk.User && f.Groups:
		return f.addRelated(ctx, page, way{groupsOf, groupsOfAllUsers}, sdk.PageLimit, func(r *sdk.Resource) *[]sdk.Member { return &r.Groups })
	}
	return nil
}

// mostRelated is how many memberships are read before each resource's are counted:
// 100 users are in a few groups each, and a statement that counts them for each of
// the 100 takes ten times as long to parse as those take to read.
const mostRelated = 2000

// way is how the members of groups, or the groups of users, are read: the first of
// one, and all of several.
type way struct{ one, all string }

const (
	membersOf = `SELECT m.group_id AS owner, r.id, r.type, r.display FROM directory_member m JOIN directory_resource r ON r.id = m.member
		WHERE m.group_id = $owner AND r.deleted_at IS NULL AND m.member > $after ORDER BY m.member LIMIT $limit`
	groupsOf = `SELECT m.member AS owner, r.id, r.type, r.display FROM directory_member m JOIN directory_resource r ON r.id = m.group_id
		WHERE m.member = $owner AND r.deleted_at IS NULL AND m.group_id > $after ORDER BY m.group_id LIMIT $limit`
	membersOfAll = `SELECT m.group_id AS owner, r.id, r.type, r.display FROM directory_member m JOIN directory_resource r ON r.id = m.member
		WHERE m.group_id IN $owners AND r.deleted_at IS NULL`
	groupsOfAllUsers = `SELECT m.member AS owner, r.id, r.type, r.display FROM directory_member m JOIN directory_resource r ON r.id = m.group_id
		WHERE m.member IN $owners AND r.deleted_at IS NULL`
)

// of fills in one of the two.
func (q *statement) of(related, owner, after string, limit int) {
	q.text(strings.NewReplacer("$owner", q.arg(owner), "$after", q.arg(after), "$limit", q.arg(limit)).Replace(related))
}

func (f *finder) addRelated(ctx context.Context, page []sdk.Resource, w way, limit int, list func(*sdk.Resource) *[]sdk.Member) error {
	for part := range slices.Chunk(page, together) {
		of, all, err := f.allRelated(ctx, part, w.all)
		if err == nil && !all {
			of, err = f.firstRelated(ctx, part, w.one, limit+1)
		}
		if err != nil {
			return err
		}
		for i := range part {
			have := of[part[i].ID]
			slices.SortFunc(have, func(a, b sdk.Member) int { return strings.Compare(a.ID, b.ID) })
			part[i].More = part[i].More || len(have) > limit
			*list(&part[i]) = have[:min(len(have), limit)]
		}
	}
	return nil
}

// allRelated reads all memberships of a page's resources by one short statement;
// all is false if there are more than it may read.
func (f *finder) allRelated(ctx context.Context, part []sdk.Resource, related string) (of map[string][]sdk.Member, all bool, err error) {
	ids := make([]string, len(part))
	for i := range part {
		ids[i] = part[i].ID
	}
	var st statement
	st.text(strings.Replace(related, "$owners", st.list(ids), 1) + ` LIMIT ` + st.arg(mostRelated+1))
	of, n, err := f.byOwner(ctx, &st)
	return of, n <= mostRelated, err
}

// firstRelated reads at most limit memberships of each, however many there are.
func (f *finder) firstRelated(ctx context.Context, part []sdk.Resource, related string, limit int) (map[string][]sdk.Member, error) {
	var st statement
	for i := range part {
		if i > 0 {
			st.text(" UNION ALL ")
		}
		st.text("SELECT * FROM (")
		st.of(related, part[i].ID, "", limit)
		st.text(") AS one")
	}
	of, _, err := f.byOwner(ctx, &st)
	return of, err
}

func (f *finder) byOwner(ctx context.Context, st *statement) (of map[string][]sdk.Member, n int, err error) {
	of = map[string][]sdk.Member{}
	err = eachMember(ctx, f.tx, st, func(owner string, m sdk.Member) {
		of[owner] = append(of[owner], m)
		n++
	})
	return of, n, err
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
