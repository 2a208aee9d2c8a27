package directory

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/audit"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

type remove sdk.Delete

func (c remove) apply(ctx context.Context, b *batch) (sdk.Outcome, error) {
	r, err := load(ctx, b.tx, b.scope, c.Type, b.id(c.ID))
	if err != nil {
		return sdk.Outcome{}, err
	}
	if err := b.check(r, c.Version); err != nil {
		return sdk.Outcome{}, err
	}
	switch r.typ {
	case sdk.User:
		err = b.deleteUser(ctx, r)
	case sdk.Group:
		err = b.deleteGroup(ctx, r)
	default:
		b.record(audit.ResourceDeleted, r.id, describe(r), nil)
		_, err = b.tx.Exec(ctx, `DELETE FROM directory_resource WHERE id = $1`, r.id)
	}
	if err != nil {
		return sdk.Outcome{}, err
	}
	if _, err := b.tx.Exec(ctx, `DELETE FROM directory_seen WHERE resource = $1`, r.id); err != nil {
		return sdk.Outcome{}, err
	}
	b.count(r.scope, r.typ, r.id, -1)
	r.version, r.modified = r.version+1, b.now
	return r.outcome(true), nil
}

// deleteUser leaves a tombstone, which Restore can bring back and Purge erases.
// Its memberships stay where nobody sees them.
func (b *batch) deleteUser(ctx context.Context, r *resource) error {
	if _, err := b.tx.Exec(ctx, `UPDATE directory_resource SET deleted_at = $1, version = $2, modified = $3 WHERE id = $4`,
		b.now, r.version+1, b.now, r.id); err != nil {
		return err
	}
	if _, err := b.tx.Exec(ctx, `DELETE FROM directory_value WHERE resource = $1`, r.id); err != nil {
		return err
	}
	if err := b.touchGroupsOf(ctx, r.id); err != nil {
		return err
	}
	b.user(Event{Kind: UserDeleted, User: r.id, Active: r.active})
	b.record(audit.UserDeleted, r.id, describe(r), nil)
	return nil
}

// deleteGroup takes its memberships away, those in other groups as well.
func (b *batch) deleteGroup(ctx context.Context, r *resource) error {
	members, err := texts(ctx, b.tx, `SELECT member FROM directory_member WHERE group_id = $1`, r.id)
	if err != nil {
		return err
	}
	if err := b.touchGroupsOf(ctx, r.id); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM directory_member WHERE group_id = $1`,
		`DELETE FROM directory_member WHERE member = $1`,
		`DELETE FROM directory_resource WHERE id = $1`,
	} {
		if _, err := b.tx.Exec(ctx, statement, r.id); err != nil {
			return err
		}
	}
	b.events = append(b.events, Event{Kind: GroupDeleted, Group: r.id, Removed: members})
	b.record(audit.GroupDeleted, r.id, describe(r), map[string]any{"members": len(members)})
	return nil
}

// touchGroupsOf gives the groups that somebody is a member of a new version,
// since who is in them changes.
func (b *batch) touchGroupsOf(ctx context.Context, member string) error {
	_, err := b.tx.Exec(ctx, `UPDATE directory_resource SET version = version + 1, modified = $1
		WHERE id IN (SELECT group_id FROM directory_member WHERE member = $2)`, b.now, member)
	return err
}
