package credential

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// AdminTokenPrefix is how an admin token begins.
const AdminTokenPrefix = "gha"

// DefaultAdminTokenLifetime is the life of an admin token that asks for none.
const DefaultAdminTokenLifetime = 90 * 24 * time.Hour

// AdminToken is the record of a token for the admin API.
type AdminToken struct {
	ID           string
	Name         string
	Organization string   // label of the one that it is confined to; "" is the whole installation
	Scopes       []string // permissions of the admin API; empty is every one
	CreatedAt    time.Time
	ExpiresAt    time.Time
	RevokedAt    time.Time // zero while live
}

// MAC is the keyed hash that the records of admin tokens are verified with.
type MAC interface {
	MAC(p keyring.Purpose, data []byte) ([]byte, error)
	CheckMAC(p keyring.Purpose, data, mac []byte) bool
	IsOutdated(p keyring.Purpose, mac []byte) bool // made with a key that another has replaced
}

// AdminTokens issues, verifies and revokes admin tokens.
type AdminTokens struct {
	store  *store.Store
	feed   *change.Feed
	audit  *audit.Log
	mac    MAC
	clock  func() time.Time
	random io.Reader
}

// NewAdminTokens returns the room's part for admin tokens; o.Issuer is not
// used.
func NewAdminTokens(o Options, mac MAC) *AdminTokens {
	return &AdminTokens{store: o.Store, feed: o.Feed, audit: o.Audit, mac: mac, clock: o.Clock, random: o.Random}
}

// Create makes a token, confined to an organization unless that is "". The
// secret is returned once.
func (a *AdminTokens) Create(ctx context.Context, by By, name, organization string, scopes []string, lifetime time.Duration) (AdminToken, secret.Text, error) {
	if by.Within != "" && organization != by.Within {
		return AdminToken{}, "", problem.New(problem.Forbidden, "who is confined to an organization makes tokens of that one only")
	}
	if lifetime == 0 {
		lifetime = DefaultAdminTokenLifetime
	}
	if lifetime < 0 || lifetime > maxLifetime {
		return AdminToken{}, "", problem.New(problem.Invalid, "a lifetime of %s is out of bounds", lifetime).WithHint("at most ten years")
	}
	id, err := secret.NewID(a.random, "T", 15)
	if err != nil {
		return AdminToken{}, "", err
	}
	text, err := secret.New(a.random, AdminTokenPrefix, id)
	if err != nil {
		return AdminToken{}, "", err
	}
	verifier, err := a.mac.MAC(keyring.AdminToken, []byte(text.Reveal()))
	if err != nil {
		return AdminToken{}, "", err
	}
	now := a.clock().Truncate(time.Microsecond)
	t := AdminToken{ID: id, Name: name, Organization: organization, Scopes: scopes, CreatedAt: now, ExpiresAt: now.Add(lifetime)}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO admin_token (id, name, scopes, organization, verifier, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, t.ID, t.Name, strings.Join(t.Scopes, "\n"), t.Organization, verifier,
			t.CreatedAt.UnixMicro(), t.ExpiresAt.UnixMicro()); err != nil {
			return err
		}
		return a.record(ctx, tx, by, audit.AdminTokenCreated, t)
	})
	return t, text, err
}

// Verify finds the token that a text is. Whatever is wrong with it, the answer
// is the same.
func (a *AdminTokens) Verify(ctx context.Context, text secret.Text) (AdminToken, error) {
	refused := problem.New(problem.Unauthenticated, "this admin token is not valid").
		WithHint("make one on the host: gatehouse admin token create")
	prefix, id, err := secret.Parse(text)
	if err != nil || prefix != AdminTokenPrefix {
		return AdminToken{}, refused
	}
	t, verifier, err := a.get(ctx, "", id)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return AdminToken{}, err
	}
	match := a.mac.CheckMAC(keyring.AdminToken, []byte(text.Reveal()), verifier)
	if !match || !t.RevokedAt.IsZero() || !t.ExpiresAt.After(a.clock()) {
		return AdminToken{}, refused
	}
	if a.mac.IsOutdated(keyring.AdminToken, verifier) {
		_ = a.rehash(ctx, id, text, verifier) // the old one holds, and its next use tries again
	}
	return t, nil
}

// rehash puts a hash with the key in use in the place of an old one.
func (a *AdminTokens) rehash(ctx context.Context, id string, text secret.Text, old []byte) error {
	verifier, err := a.mac.MAC(keyring.AdminToken, []byte(text.Reveal()))
	if err != nil {
		return err
	}
	return a.store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE admin_token SET verifier = $1 WHERE id = $2 AND verifier = $3`, verifier, id, old)
		return err
	})
}

// List returns the tokens of an organization ("" is all), newest first, after
// the one with the given id ("" is from the first on); at most limit. The error
// is a Problem (Invalid) if no token among them has that id: an empty list would
// say that there are no more.
func (a *AdminTokens) List(ctx context.Context, organization, after string, limit int) (list []AdminToken, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		begin := int64(math.MaxInt64)
		if after != "" {
			err := tx.QueryRow(ctx, `SELECT created_at FROM admin_token WHERE id = $1 AND ($2 = '' OR organization = $2)`, after, organization).Scan(&begin)
			if errors.Is(err, store.ErrNotFound) {
				return problem.New(problem.Invalid, "no page begins after %q", after).WithHint("after is the next of the page before")
			}
			if err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `SELECT `+tokenColumns+` FROM admin_token
			WHERE (created_at < $1 OR (created_at = $1 AND id > $2)) AND ($3 = '' OR organization = $3)
			ORDER BY created_at DESC, id LIMIT $4`, begin, after, organization, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			t, _, err := scanAdminToken(rows.Scan)
			if err != nil {
				return err
			}
			list = append(list, t)
		}
		return rows.Err()
	})
	return list, err
}

// Revoke ends a token at once.
func (a *AdminTokens) Revoke(ctx context.Context, by By, id string) (t AdminToken, err error) {
	if t, _, err = a.get(ctx, by.Within, id); err != nil || !t.RevokedAt.IsZero() {
		return t, err
	}
	t.RevokedAt = a.clock().Truncate(time.Microsecond)
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE admin_token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, t.RevokedAt.UnixMicro(), id); err != nil {
			return err
		}
		return a.record(ctx, tx, by, audit.AdminTokenRevoked, t)
	})
	return t, err
}

const tokenColumns = `id, name, organization, scopes, created_at, expires_at, revoked_at, verifier`

// get finds a token, among those of an organization or ("") all.
func (a *AdminTokens) get(ctx context.Context, within, id string) (t AdminToken, verifier []byte, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		row := tx.QueryRow(ctx, `SELECT `+tokenColumns+` FROM admin_token WHERE id = $1 AND ($2 = '' OR organization = $2)`, id, within)
		t, verifier, err = scanAdminToken(row.Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, store.ErrNotFound) {
		return t, nil, problem.New(problem.NotFound, "there is no admin token %q", id).WithHint("gatehouse admin token list")
	}
	return t, verifier, err
}

func scanAdminToken(scan func(...any) error) (t AdminToken, verifier []byte, err error) {
	var scopes string
	var created int64
	var expires, revoked sql.NullInt64
	err = scan(&t.ID, &t.Name, &t.Organization, &scopes, &created, &expires, &revoked, &verifier)
	t.Scopes, t.CreatedAt, t.ExpiresAt, t.RevokedAt = splitLines(scopes), time.UnixMicro(created), fromMicros(expires), fromMicros(revoked)
	return t, verifier, err
}

func (a *AdminTokens) record(ctx context.Context, tx *store.Tx, by By, action audit.Action, t AdminToken) error {
	if err := a.feed.Append(ctx, tx, change.AdminToken(t.ID)); err != nil {
		return err
	}
	return a.audit.Append(ctx, tx, audit.Record{
		Action: action, Actor: by.Actor, TraceID: by.TraceID, Organization: t.Organization, Subject: t.ID, After: t,
	})
}
