package directory

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type create struct {
	r     *resource
	adopt bool
}

func (c *create) apply(ctx context.Context, b *batch) (sdk.Outcome, error) {
	if c.adopt && c.r.typ == sdk.User {
		outcome, ok, err := c.adopted(ctx, b)
		if ok || err != nil {
			return outcome, err
		}
	}
	r := *c.r
	r.version, r.created, r.modified = 1, b.now, b.now
	if _, err := b.tx.Exec(ctx, `INSERT INTO directory_resource (id, organization, connection, type, external_id, name, namesake,
			display, active, document, version, created, modified)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.id, r.scope.Organization, r.scope.Connection, string(r.typ), r.externalID, r.name, r.namesake(),
		r.display, integer(r.active), string(r.document), r.version, r.created, r.modified); err != nil {
		return sdk.Outcome{}, err
	}
	if err := writeValues(ctx, b.tx, &r); err != nil {
		return sdk.Outcome{}, err
	}
	b.before[r.id] = r.version
	b.count(r.scope, r.typ, r.id, 1)
	switch r.typ {
	case sdk.User:
		b.user(Event{Kind: UserCreated, User: r.id})
		b.record(audit.UserCreated, r.id, nil, describe(&r))
	case sdk.Group:
		b.events = append(b.events, Event{Kind: GroupCreated, Group: r.id})
		b.record(audit.GroupCreated, r.id, nil, describe(&r))
	default:
		b.record(audit.ResourceCreated, r.id, nil, describe(&r))
	}
	return r.outcome(true), nil
}

// adopted gives the connection a user of this name that nobody provisions. ok is
// false where there is none.
func (c *create) adopted(ctx context.Context, b *batch) (outcome sdk.Outcome, ok bool, err error) {
	unmanaged := Scope{Organization: b.scope.Organization}
	if b.scope == unmanaged {
		return sdk.Outcome{}, false, nil
	}
	var id string
	err = b.tx.QueryRow(ctx, `SELECT id FROM directory_resource
		WHERE organization = $1 AND connection = '' AND type = $2 AND name = $3 AND deleted_at IS NULL`,
		unmanaged.Organization, string(sdk.User), c.r.name).Scan(&id)
	if errors.Is(err, store.ErrNotFound) {
		return sdk.Outcome{}, false, nil
	}
	if err != nil {
		return sdk.Outcome{}, false, err
	}
	was, err := load(ctx, b.tx, unmanaged, sdk.User, id)
	if err != nil {
		return sdk.Outcome{}, false, err
	}
	r := *c.r
	r.id, r.version, r.created, r.modified = was.id, was.version+1, was.created, b.now
	// Memberships of groups that the connection does not know are not its own.
	if _, err := b.tx.Exec(ctx, `DELETE FROM directory_member WHERE member = $1`, r.id); err != nil {
		return sdk.Outcome{}, false, err
	}
	if err := update(ctx, b.tx, &r); err != nil {
		return sdk.Outcome{}, false, err
	}
	if err := rewriteValues(ctx, b.tx, &r); err != nil {
		return sdk.Outcome{}, false, err
	}
	b.instead[c.r.id] = r.id
	b.before[r.id] = r.version
	b.count(unmanaged, sdk.User, r.id, -1)
	b.count(r.scope, sdk.User, r.id, 1)
	b.record(audit.UserAdopted, r.id, describe(was), describe(&r))
	b.user(Event{Kind: UserChanged, User: r.id, Attributes: true})
	b.transition(was, &r)
	outcome = r.outcome(true)
	outcome.Adopted = true
	return outcome, true, nil
}

// taken says in whose way a resource is: who it is by then.
func (d *Directory) taken(ctx context.Context, s step, conflict error) error {
	var r *resource
	switch s := s.(type) {
	case *create:
		r = s.r
	case *replace:
		r = s.r
	default:
		return conflict
	}
	var name, external int
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN name = $1 AND namesake = $2 THEN 1 ELSE 0 END), 0),
				COALESCE(SUM(CASE WHEN external_id <> '' AND external_id = $3 THEN 1 ELSE 0 END), 0)
			FROM directory_resource WHERE organization = $4 AND connection = $5 AND type = $6 AND deleted_at IS NULL
				AND (name = $7 OR external_id <> '' AND external_id = $8) AND id <> $9`,
			r.name, r.namesake(), r.externalID, r.scope.Organization, r.scope.Connection, string(r.typ), r.name, r.externalID, r.id).Scan(&name, &external)
	})
	switch {
	case err != nil:
		return err
	case name > 0:
		return problem.Wrap(conflict, problem.Conflict, "the userName %s is taken", strconv.Quote(r.display))
	case external > 0 && r.typ != sdk.User:
		return problem.Wrap(conflict, problem.Conflict, "the externalId %s is taken", strconv.Quote(r.externalID))
	}
	return problem.Wrap(conflict, problem.Conflict, "the %s %s, its name or its externalId exists already", r.typ, r.id)
}

func (r *resource) outcome(changed bool) sdk.Outcome {
	return sdk.Outcome{ID: r.id, Version: r.version, Created: time.UnixMicro(r.created), Modified: time.UnixMicro(r.modified), Changed: changed}
}

// describe is what the audit log keeps of a resource: what it is called, and no
// attribute more.
func describe(r *resource) any {
	d := map[string]any{"type": r.typ, "name": r.display, "connection": r.scope.Connection}
	if r.externalID != "" {
		d["external_id"] = r.externalID
	}
	if r.typ == sdk.User {
		d["active"] = r.active
	}
	return d
}

// integer is a bool as it is stored.
func integer(b bool) int {
	if b {
		return 1
	}
	return 0
}

// writeValues writes the rows of a resource's indexed values.
func writeValues(ctx context.Context, tx *store.Tx, r *resource) error {
	const rows = 100 // of one statement
	for values := r.values; len(values) > 0; {
		chunk := values[:min(rows, len(values))]
		values = values[len(chunk):]
		var q statement
		q.text("INSERT INTO directory_value (organization, connection, attribute, value, resource) VALUES ")
		for i, v := range chunk {
			if i > 0 {
				q.text(", ")
			}
			q.text("(" + strings.Join([]string{q.arg(r.scope.Organization), q.arg(r.scope.Connection), q.arg(v.attribute), q.arg(v.folded), q.arg(r.id)}, ", ") + ")")
		}
		if _, err := tx.Exec(ctx, q.String(), q.args...); err != nil {
			return fmt.Errorf("indexing %s %s: %w", r.typ, r.id, err)
		}
	}
	return nil
}

func rewriteValues(ctx context.Context, tx *store.Tx, r *resource) error {
	if _, err := tx.Exec(ctx, `DELETE FROM directory_value WHERE resource = $1`, r.id); err != nil {
		return err
	}
	return writeValues(ctx, tx, r)
}
