package credential

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Issuer asks an authenticator's plugin for a new secret.
type Issuer interface {
	Issue(ctx context.Context, instance, organization string, r authn.IssueRequest) (authn.IssueResponse, error)
}

// Importer asks an authenticator's plugin for verifiers of hashes that another
// system made.
type Importer interface {
	Import(ctx context.Context, instance string, hashes []string) ([]authn.Imported, error)
}

// Records reads and writes the records.
type Records struct {
	store    *store.Store
	feed     *change.Feed
	audit    *audit.Log
	issuer   Issuer
	importer Importer
	clock    func() time.Time
	random   io.Reader
}

// Options are what Records are made from.
type Options struct {
	Store    *store.Store
	Feed     *change.Feed
	Audit    *audit.Log
	Issuer   Issuer
	Importer Importer
	Clock    func() time.Time
	Random   io.Reader
}

// New returns the room.
func New(o Options) *Records {
	return &Records{store: o.Store, feed: o.Feed, audit: o.Audit, issuer: o.Issuer, importer: o.Importer, clock: o.Clock, random: o.Random}
}

const (
	clientColumns = `c.id, c.organization, c.source, c.instance, c.name, c.owner, c.state, c.scopes, c.networks, c.rate, c.expires_at, c.version, c.created_at, c.updated_at`
	keyColumns    = `k.id, k.client_id, k.instance, k.state, k.verifier, k.hint, k.expires_at, k.created_at, k.revoked_at, k.revoked_reason, k.last_used_at, k.last_used_from, k.imported, k.foreign_hash, k.stopped_at`
)

// Find returns the record that an id belongs to: a client's id, or that of one
// of its keys (they never look alike: a key's begins with a capital). Keys that
// are past their end are among them, so that whoever holds the secret can be
// told so. ok is false where there is no such record.
func (r *Records) Find(ctx context.Context, id string) (record Record, ok bool, err error) {
	const byClient = `SELECT ` + clientColumns + `, ` + keyColumns + `
		FROM client c LEFT JOIN client_key k ON k.client_id = c.id AND k.state = 'live'
		WHERE c.id = $1 ORDER BY k.created_at DESC, k.id`
	const byKey = `SELECT ` + clientColumns + `, ` + keyColumns + `
		FROM client c LEFT JOIN client_key k ON k.client_id = c.id AND k.state = 'live'
		WHERE c.id = (SELECT client_id FROM client_key WHERE id = $1) ORDER BY k.created_at DESC, k.id`
	query := byClient
	if !clientID.MatchString(id) {
		query = byKey
	}
	err = r.store.Select(ctx, func(rows *sql.Rows) error {
		key, err := scanRecord(rows, &record.Client)
		if err != nil {
			return err
		}
		ok = true
		if key != nil {
			record.Keys = append(record.Keys, *key)
		}
		return nil
	}, query, id)
	if err != nil {
		return Record{}, false, err
	}
	return record, ok, nil
}

// Client returns one client. To somebody who is confined within an organization
// ("" is nobody) that of another is a Problem (NotFound), as if it were not there.
func (r *Records) Client(ctx context.Context, within, id string) (c Client, err error) {
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		c, err = r.client(ctx, tx, within, id)
		return err
	})
	return c, err
}

func (r *Records) client(ctx context.Context, tx *store.Tx, within, id string) (c Client, err error) {
	row := tx.QueryRow(ctx, `SELECT `+clientColumns+` FROM client c WHERE c.id = $1 AND ($2 = '' OR c.organization = $2)`, id, within)
	var scan clientScan
	if err := row.Scan(scan.into(&c)...); err != nil {
		if errors.Is(err, sql.ErrNoRows) || errors.Is(err, store.ErrNotFound) {
			return c, problem.New(problem.NotFound, "there is no client %q", id).WithHint("gatehouse keys list shows the clients")
		}
		return c, err
	}
	return c, scan.finish(&c)
}

// Clients lists clients by id, after the given one; at most limit.
func (r *Records) Clients(ctx context.Context, organization, after string, limit int) (list []Client, err error) {
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		rows, err := tx.Query(ctx, `SELECT `+clientColumns+` FROM client c
			WHERE c.id > $1 AND ($2 = '' OR c.organization = $2) ORDER BY c.id LIMIT $3`, after, organization, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c Client
			var scan clientScan
			if err := rows.Scan(scan.into(&c)...); err != nil {
				return err
			}
			if err := scan.finish(&c); err != nil {
				return err
			}
			list = append(list, c)
		}
		return rows.Err()
	})
	return list, err
}

// Keys lists the keys of a client, newest first, the revoked ones too.
func (r *Records) Keys(ctx context.Context, client string) (list []Key, err error) {
	err = r.store.Read(ctx, func(tx *store.Tx) error {
		list, err = keys(ctx, tx, client)
		return err
	})
	return list, err
}

func keys(ctx context.Context, tx *store.Tx, client string) (list []Key, err error) {
	rows, err := tx.Query(ctx, `SELECT `+keyColumns+` FROM client_key k WHERE k.client_id = $1 ORDER BY k.created_at DESC, k.id`, client)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var scan keyScan
		if err := rows.Scan(scan.into()...); err != nil {
			return nil, err
		}
		list = append(list, *scan.key())
	}
	return list, rows.Err()
}

func scanRecord(rows *sql.Rows, c *Client) (*Key, error) {
	var cs clientScan
	var ks keyScan
	if err := rows.Scan(append(cs.into(c), ks.into()...)...); err != nil {
		return nil, err
	}
	if err := cs.finish(c); err != nil {
		return nil, err
	}
	return ks.key(), nil
}

// clientScan holds what a row has in another form than the client.
type clientScan struct {
	scopes, networks   string
	rate, expires      sql.NullInt64
	createdAt, updated int64
}

func (s *clientScan) into(c *Client) []any {
	return []any{&c.ID, &c.Organization, &c.Source, &c.Instance, &c.Name, &c.Owner, &c.State,
		&s.scopes, &s.networks, &s.rate, &s.expires, &c.Version, &s.createdAt, &s.updated}
}

func (s *clientScan) finish(c *Client) (err error) {
	c.Scopes, c.Rate, c.ExpiresAt = splitLines(s.scopes), throttle.Rate(s.rate.Int64), fromMicros(s.expires)
	c.CreatedAt, c.UpdatedAt = time.UnixMicro(s.createdAt), time.UnixMicro(s.updated)
	if c.Networks, err = splitPrefixes(s.networks); err != nil {
		return fmt.Errorf("networks of client %q: %w", c.ID, err)
	}
	return nil
}

// keyScan holds a key that may be absent, as the right side of an outer join.
type keyScan struct {
	id, client, instance, state, hint, reason, from   sql.NullString
	verifier                                          []byte
	imported                                          sql.NullString
	expires, created, revoked, used, foreign, stopped sql.NullInt64
}

func (s *keyScan) into() []any {
	return []any{&s.id, &s.client, &s.instance, &s.state, &s.verifier, &s.hint, &s.expires, &s.created, &s.revoked, &s.reason, &s.used, &s.from, &s.imported, &s.foreign, &s.stopped}
}

func (s *keyScan) key() *Key {
	if !s.id.Valid {
		return nil
	}
	return &Key{
		ID: s.id.String, ClientID: s.client.String, Instance: s.instance.String, State: KeyState(s.state.String),
		Verifier: s.verifier, Hint: s.hint.String, ExpiresAt: fromMicros(s.expires), CreatedAt: fromMicros(s.created),
		RevokedAt: fromMicros(s.revoked), RevokedReason: s.reason.String, StoppedAt: fromMicros(s.stopped), LastUsedAt: fromMicros(s.used), LastUsedFrom: s.from.String,
		Imported: s.imported.String, ForeignHash: s.foreign.Int64 != 0,
	}
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64)
}

// perHour is a rate as it is stored: requests in an hour, NULL without one.
func perHour(r throttle.Rate) sql.NullInt64 { return sql.NullInt64{Int64: int64(r), Valid: r != 0} }

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
