package directory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// chunk is how many ids one statement has.
const chunk = 300

type membership sdk.Members

func (c membership) apply(ctx context.Context, b *batch) (sdk.Outcome, error) {
	group := b.id(c.Group)
	r, err := b.head(ctx, group)
	if err != nil {
		return sdk.Outcome{}, err
	}
	if err := b.check(r, c.Version); err != nil {
		return sdk.Outcome{}, err
	}
	add, remove, err := c.deltas(ctx, b, group)
	if err != nil {
		return sdk.Outcome{}, err
	}
	added, unknown, err := b.addMembers(ctx, group, add)
	if err != nil {
		return sdk.Outcome{}, err
	}
	if len(unknown) > 0 && !c.SkipUnknown {
		return sdk.Outcome{}, unknownMembers(unknown)
	}
	removed, err := b.removeMembers(ctx, group, remove)
	if err != nil {
		return sdk.Outcome{}, err
	}
	changed := len(added)+len(removed) > 0
	if changed {
		r.version, r.modified = r.version+1, b.now
		if _, err := b.tx.Exec(ctx, `UPDATE directory_resource SET version = $1, modified = $2 WHERE id = $3`, r.version, r.modified, group); err != nil {
			return sdk.Outcome{}, err
		}
		b.events = append(b.events, Event{Kind: MembersChanged, Group: group, Added: added, Removed: removed})
		b.recordMembers(group, added, removed)
	}
	outcome := r.outcome(changed)
	outcome.Unknown = unknown
	return outcome, nil
}

// head reads a group without its document, which a change of members does not
// need.
func (b *batch) head(ctx context.Context, id string) (*resource, error) {
	r := &resource{scope: b.scope, typ: sdk.Group, id: id}
	if !idForm.MatchString(id) {
		return nil, absent(sdk.Group, id)
	}
	err := b.tx.QueryRow(ctx, `SELECT version, created, modified FROM directory_resource
		WHERE id = $1 AND organization = $2 AND connection = $3 AND type = $4 AND deleted_at IS NULL`,
		id, b.scope.Organization, b.scope.Connection, string(sdk.Group)).Scan(&r.version, &r.created, &r.modified)
	if errors.Is(err, store.ErrNotFound) {
		return nil, absent(sdk.Group, id)
	}
	return r, err
}

// deltas says who is to be added and who removed; nobody is in both. Who is a
// member already may be among those to be added.
func (c membership) deltas(ctx context.Context, b *batch, group string) (add, remove []string, err error) {
	wanted := make(map[string]bool, len(c.Add))
	for _, given := range c.Add {
		if id := b.id(given); !wanted[id] {
			wanted[id] = true
			add = append(add, id)
		}
	}
	if !c.All {
		for _, given := range c.Remove {
			if id := b.id(given); !wanted[id] && idForm.MatchString(id) {
				remove = append(remove, id)
			}
		}
		slices.Sort(remove)
		return add, slices.Compact(remove), nil
	}
	// The memberships of the deleted stay: the IdP does not see them, and they
	// come back with who is restored.
	current, err := texts(ctx, b.tx, `SELECT m.member FROM directory_member m JOIN directory_resource r ON r.id = m.member
		WHERE m.group_id = $1 AND r.deleted_at IS NULL`, group)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range current {
		if wanted[id] {
			delete(wanted, id)
		} else {
			remove = append(remove, id)
		}
	}
	return slices.DeleteFunc(add, func(id string) bool { return !wanted[id] }), remove, nil
}

// addMembers returns who was not a member before, and whom the connection has no
// user or group of.
func (b *batch) addMembers(ctx context.Context, group string, ids []string) (added, unknown []string, err error) {
	known := make([]string, 0, len(ids))
	for _, id := range ids {
		if idForm.MatchString(id) {
			known = append(known, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	for part := range slices.Chunk(known, chunk) {
		var q statement
		q.text(`INSERT INTO directory_member (group_id, member, member_type) SELECT CAST(` + q.arg(group) + ` AS TEXT), id, type`)
		b.those(&q, part)
		q.text(` ON CONFLICT (group_id, member) DO NOTHING RETURNING member`)
		fresh, err := texts(ctx, b.tx, q.String(), q.args...)
		if err != nil {
			return nil, nil, err
		}
		added = append(added, fresh...)
		if len(fresh) == len(part) {
			continue
		}
		q = statement{}
		q.text(`SELECT id`)
		b.those(&q, part)
		found, err := texts(ctx, b.tx, q.String(), q.args...)
		if err != nil {
			return nil, nil, err
		}
		there := make(map[string]bool, len(found))
		for _, id := range found {
			there[id] = true
		}
		for _, id := range part {
			if !there[id] {
				unknown = append(unknown, id)
			}
		}
	}
	return added, unknown, nil
}

// those are the users and groups of the scope with one of these ids.
func (b *batch) those(q *statement, ids []string) {
	q.text(` FROM directory_resource WHERE id IN ` + q.list(ids) + ` AND ` + besideIDs + ` = ` + q.arg(b.scope.Organization) +
		` AND connection = ` + q.arg(b.scope.Connection) + ` AND type IN ('User', 'Group') AND deleted_at IS NULL`)
}

// removeMembers returns who was a member.
func (b *batch) removeMembers(ctx context.Context, group string, ids []string) (removed []string, err error) {
	for part := range slices.Chunk(ids, chunk) {
		var q statement
		q.text(`DELETE FROM directory_member WHERE group_id = ` + q.arg(group) + ` AND member IN ` + q.list(part) + ` RETURNING member`)
		gone, err := texts(ctx, b.tx, q.String(), q.args...)
		if err != nil {
			return nil, err
		}
		removed = append(removed, gone...)
	}
	return removed, nil
}

// recordMembers writes the whole change, in records of a bounded size.
func (b *batch) recordMembers(group string, added, removed []string) {
	const most = 1000 // ids of one record
	for len(added)+len(removed) > 0 {
		n := min(most, len(added))
		m := min(most-n, len(removed))
		after := map[string]any{}
		if n > 0 {
			after["added"] = added[:n]
		}
		if m > 0 {
			after["removed"] = removed[:m]
		}
		b.record(audit.GroupMembersChanged, group, nil, after)
		added, removed = added[n:], removed[m:]
	}
}

func unknownMembers(ids []string) error {
	const most = 10
	shown := make([]string, 0, most+1)
	for _, id := range ids[:min(most, len(ids))] {
		shown = append(shown, cut(id, 64))
	}
	if len(ids) > most {
		shown = append(shown, "…")
	}
	return problem.New(problem.Invalid, "the connection has no user or group with these ids: %s", strings.Join(shown, ", "))
}
