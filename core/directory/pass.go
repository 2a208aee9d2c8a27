package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Gone is what EndPass has done.
type Gone struct {
	Users  int    // deactivated
	Groups int    // deleted
	Next   string // where to go on; "" is the end
}

// EndPass deactivates the active users of a scope, and deletes its groups, that
// no Apply of By.Pass has created, replaced or given members. It is for a pass
// over an IdP that has seen all of it. What they are is written in one
// transaction, for at most limit resources in the order of their ids, after the
// given one ("" begins). With an error Gone.Next still says where to go on, where
// that is known: who fails does not keep the others.
func (d *Directory) EndPass(ctx context.Context, by By, s Scope, after string, limit int) (gone Gone, err error) {
	if by.Pass == "" {
		return gone, problem.New(problem.Invalid, "it is not said which pass has ended")
	}
	err = d.store.WriteInTurn(ctx, s.line(), func(tx *store.Tx) error {
		gone = Gone{}
		unseen, err := texts(ctx, tx, `SELECT r.id FROM directory_resource r LEFT JOIN directory_seen n ON n.resource = r.id AND n.pass = $1
			WHERE r.organization = $2 AND r.connection = $3 AND r.deleted_at IS NULL AND n.resource IS NULL
				AND (r.type = 'User' AND r.active = 1 OR r.type = 'Group') AND r.id > $4
			ORDER BY r.id LIMIT $5`, by.Pass, s.Organization, s.Connection, after, limit)
		if err != nil {
			return err
		}
		if len(unseen) == limit {
			gone.Next = unseen[limit-1]
		}
		b := d.begin(tx, by, s)
		for _, id := range unseen {
			if err := b.leave(ctx, id, &gone); err != nil {
				return err
			}
		}
		return b.finish(ctx)
	})
	return gone, err
}

// leave deactivates a user, or deletes a group.
func (b *batch) leave(ctx context.Context, id string, gone *Gone) error {
	r, err := loadAny(ctx, b.tx, b.scope, id)
	if err != nil {
		return err
	}
	if r.typ == sdk.Group {
		gone.Groups++
		_, err := remove(sdk.Delete{Type: sdk.Group, ID: id}).apply(ctx, b)
		return err
	}
	gone.Users++
	left := *r
	left.active, left.document, left.version, left.modified = false, withActive(r.document, false), r.version+1, b.now
	if err := left.readValues(); err != nil {
		return err
	}
	return b.replace(ctx, r, &left)
}

// saw notes that a pass has seen a resource.
func (b *batch) saw(id string) {
	if b.by.Pass != "" {
		b.seen = append(b.seen, id)
	}
}

func (b *batch) writeSeen(ctx context.Context) error {
	slices.Sort(b.seen)
	for part := range slices.Chunk(slices.Compact(b.seen), chunk) {
		var q statement
		q.text(`INSERT INTO directory_seen (resource, pass) VALUES `)
		rows := make([]string, len(part))
		for i, id := range part {
			rows[i] = "(" + q.arg(id) + ", " + q.arg(b.by.Pass) + ")"
		}
		q.text(strings.Join(rows, ", ") + ` ON CONFLICT (resource) DO UPDATE SET pass = excluded.pass`)
		if _, err := b.tx.Exec(ctx, q.String(), q.args...); err != nil {
			return err
		}
	}
	return nil
}
