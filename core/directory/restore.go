package directory

import (
	"context"
	"errors"
	"strconv"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Restore takes the deletion of a user back, within a transaction: with the
// attributes and the memberships that they had, active or not as they were. Its
// error is a Problem (NotFound) where nobody of the organization with this id was
// deleted, or they were purged; Conflict where somebody has their userName by
// now. After these the transaction can go on.
func (d *Directory) Restore(ctx context.Context, tx *store.Tx, by By, organization, id string) error {
	r, err := tombstone(ctx, tx, organization, id)
	if err != nil {
		return err
	}
	taken, err := texts(ctx, tx, `SELECT id FROM directory_resource WHERE organization = $1 AND connection = $2 AND type = 'User'
			AND deleted_at IS NULL AND name = $3`,
		r.scope.Organization, r.scope.Connection, r.name)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return problem.New(problem.Conflict, "the user %s has the userName of %s, who was deleted", taken[0], id).
			WithHint("delete that user, or leave the other deleted")
	}
	if err := r.readValues(); err != nil {
		return err
	}
	b := d.begin(tx, by, r.scope)
	r.version, r.modified = r.version+1, b.now
	if err := update(ctx, tx, r); err != nil {
		return err
	}
	if err := writeValues(ctx, tx, r); err != nil {
		return err
	}
	if err := b.touchGroupsOf(ctx, r.id); err != nil {
		return err
	}
	b.count(r.scope, sdk.User, r.id, 1)
	b.user(Event{Kind: UserRestored, User: r.id})
	b.record(audit.UserRestored, r.id, nil, describe(r))
	return b.finish(ctx)
}

// Activate makes a deactivated user active again, within a transaction. Who is
// active already stays as they were. Without such a user of the organization it
// is a Problem (NotFound).
func (d *Directory) Activate(ctx context.Context, tx *store.Tx, by By, organization, id string) error {
	var s Scope
	err := tx.QueryRow(ctx, `SELECT organization, connection FROM directory_resource WHERE id = $1 AND organization = $2`,
		id, organization).Scan(&s.Organization, &s.Connection)
	if errors.Is(err, store.ErrNotFound) {
		return absent(sdk.User, id)
	}
	if err != nil {
		return err
	}
	was, err := load(ctx, tx, s, sdk.User, id)
	if err != nil || was.active {
		return err
	}
	b := d.begin(tx, by, s)
	r := *was
	r.active, r.document, r.version, r.modified = true, withActive(was.document, true), was.version+1, b.now
	if err := r.readValues(); err != nil {
		return err
	}
	if err := b.replace(ctx, was, &r); err != nil {
		return err
	}
	return b.finish(ctx)
}

// Purge erases what is known of a deleted user, within a transaction. The id
// stays taken. Its error is a Problem (NotFound) where nobody of the organization
// with this id was deleted, or they were purged before.
func (d *Directory) Purge(ctx context.Context, tx *store.Tx, by By, organization, id string) error {
	r, err := tombstone(ctx, tx, organization, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE directory_resource SET external_id = '', name = '', display = '', document = '', active = 0 WHERE id = $1`, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM directory_member WHERE member = $1`, id); err != nil {
		return err
	}
	b := d.begin(tx, by, r.scope)
	b.record(audit.UserPurged, id, nil, nil)
	return b.finish(ctx)
}

func tombstone(ctx context.Context, tx *store.Tx, organization, id string) (*resource, error) {
	r := &resource{}
	err := tx.QueryRow(ctx, `SELECT `+columns+` FROM directory_resource r
		WHERE r.id = $1 AND r.organization = $2 AND r.type = 'User' AND r.deleted_at IS NOT NULL AND r.document <> ''`,
		id, organization).Scan(r.into()...)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem.New(problem.NotFound, "no user with the id %s was deleted", strconv.Quote(cut(id, 64)))
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}
