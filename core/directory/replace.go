package directory

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type replace struct {
	r        *resource
	expected int64
}

func (c *replace) apply(ctx context.Context, b *batch) (sdk.Outcome, error) {
	was, err := load(ctx, b.tx, b.scope, c.r.typ, b.id(c.r.id))
	if err != nil {
		return sdk.Outcome{}, err
	}
	if err := b.check(was, c.expected); err != nil {
		return sdk.Outcome{}, err
	}
	if was.same(c.r) {
		return was.outcome(false), nil
	}
	r := *c.r
	r.id, r.version, r.created, r.modified = was.id, was.version+1, was.created, b.now
	if err := b.replace(ctx, was, &r); err != nil {
		return sdk.Outcome{}, err
	}
	return r.outcome(true), nil
}

// replace writes r over what it was, and notes what that means.
func (b *batch) replace(ctx context.Context, was, r *resource) error {
	if err := update(ctx, b.tx, r); err != nil {
		return err
	}
	if r.typ == sdk.User {
		if err := was.readValues(); err != nil {
			return err
		}
		if !slices.Equal(was.values, r.values) {
			if err := rewriteValues(ctx, b.tx, r); err != nil {
				return err
			}
		}
	}
	changed := differences(was.document, r.document)
	after := map[string]any{"attributes": changed}
	if was.externalID != r.externalID {
		after["external_id"] = r.externalID
	}
	switch r.typ {
	case sdk.User:
		if others := slices.DeleteFunc(slices.Clone(changed), func(name string) bool { return name == "active" }); len(others) > 0 || was.externalID != r.externalID || was.active == r.active {
			b.user(Event{Kind: UserChanged, User: r.id, Attributes: len(others) > 0})
			b.record(audit.UserChanged, r.id, describe(was), after)
		}
		b.transition(was, r)
	case sdk.Group:
		b.events = append(b.events, Event{Kind: GroupChanged, Group: r.id})
		b.record(audit.GroupChanged, r.id, describe(was), after)
	default:
		b.record(audit.ResourceChanged, r.id, describe(was), after)
	}
	return nil
}

// transition notes that a user was deactivated or reactivated.
func (b *batch) transition(was, r *resource) {
	switch {
	case was.active && !r.active:
		b.user(Event{Kind: UserDeactivated, User: r.id})
		b.record(audit.UserDeactivated, r.id, describe(was), describe(r))
	case !was.active && r.active:
		b.user(Event{Kind: UserReactivated, User: r.id})
		b.record(audit.UserReactivated, r.id, describe(was), describe(r))
	}
}

func update(ctx context.Context, tx *store.Tx, r *resource) error {
	_, err := tx.Exec(ctx, `UPDATE directory_resource SET connection = $1, external_id = $2, name = $3, display = $4,
			active = $5, document = $6, version = $7, modified = $8, deleted_at = NULL WHERE id = $9`,
		r.scope.Connection, r.externalID, r.name, r.display, integer(r.active), string(r.document), r.version, r.modified, r.id)
	return err
}

const columns = `r.organization, r.connection, r.type, r.id, r.external_id, r.name, r.display, r.active, r.document, r.version, r.created, r.modified`

// load reads one resource that is not deleted. Its error is a Problem (NotFound)
// where the scope has none.
func load(ctx context.Context, tx *store.Tx, s Scope, t sdk.Type, id string) (*resource, error) {
	if !idForm.MatchString(id) {
		return nil, absent(t, id)
	}
	r := &resource{}
	err := tx.QueryRow(ctx, `SELECT `+columns+` FROM directory_resource r
		WHERE r.id = $1 AND r.organization = $2 AND r.connection = $3 AND r.type = $4 AND r.deleted_at IS NULL`,
		id, s.Organization, s.Connection, string(t)).Scan(r.into()...)
	if errors.Is(err, store.ErrNotFound) {
		return nil, absent(t, id)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// loadAny reads one of whatever type.
func loadAny(ctx context.Context, tx *store.Tx, s Scope, id string) (*resource, error) {
	r := &resource{}
	err := tx.QueryRow(ctx, `SELECT `+columns+` FROM directory_resource r
		WHERE r.id = $1 AND r.organization = $2 AND r.connection = $3 AND r.deleted_at IS NULL`,
		id, s.Organization, s.Connection).Scan(r.into()...)
	return r, err
}

func (r *resource) into() []any {
	return []any{&r.scope.Organization, &r.scope.Connection, &r.typ, &r.id, &r.externalID, &r.name, &r.display, &r.active,
		&r.document, &r.version, &r.created, &r.modified}
}

func absent(t sdk.Type, id string) error {
	return problem.New(problem.NotFound, "there is no %s with the id %s", t, strconv.Quote(cut(id, 64)))
}

// withActive is a user's document with active set.
func withActive(document []byte, active bool) []byte {
	var b bytes.Buffer
	b.WriteString(`{"active":` + strconv.FormatBool(active))
	for name, value := range pairs(document) {
		if decodeText(name) != "active" {
			b.WriteByte(',')
			b.Write(name)
			b.WriteByte(':')
			b.Write(value)
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}
