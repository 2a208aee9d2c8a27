package provisioning

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// TokenPrefix is how a provisioning token begins.
const TokenPrefix = "ghscim"

// Lifetimes of a token.
const (
	DefaultTokenLifetime = 365 * 24 * time.Hour
	maxTokenLifetime     = 10 * 365 * 24 * time.Hour
)

// maxLive is how many tokens of a connection can be used at once: the one in use
// and the next.
const maxLive = 2

// Token is the record of a token by which an identity provider comes in. It
// names the connection: no address and no parameter does.
type Token struct {
	ID           string
	Connection   string // label
	Organization string // label, that of the connection when the token was made
	Name         string // for people, such as "okta 2026"; may be empty

	// Domains are the e-mail domains, in lower case, of the users that may be made
	// or changed with it; none does not restrict.
	Domains []string

	CreatedAt    time.Time
	ExpiresAt    time.Time
	RevokedAt    time.Time // zero while live
	LastUsedAt   time.Time // up to a minute late; zero is never
	LastUsedFrom string
}

// NewToken asks for a token.
type NewToken struct {
	Connection   string
	Organization string
	Name         string
	Domains      []string
	Lifetime     time.Duration // 0 is DefaultTokenLifetime
}

// MAC is the keyed hash that the records of tokens are verified with.
type MAC interface {
	MAC(p keyring.Purpose, data []byte) ([]byte, error)
	CheckMAC(p keyring.Purpose, data, mac []byte) bool
	IsOutdated(p keyring.Purpose, mac []byte) bool // made with a key that another has replaced
}

// TokenOptions are what Tokens are made from.
type TokenOptions struct {
	Store  *store.Store
	Feed   *change.Feed
	Audit  *audit.Log
	MAC    MAC
	Clock  func() time.Time
	Random io.Reader
}

// Tokens issues, verifies and revokes provisioning tokens.
type Tokens struct {
	TokenOptions
	known sync.Map // id to *known
	uses  struct {
		sync.Mutex
		at map[string]use
	}
}

// NewTokens returns the tokens of a store. Run writes when they were used.
func NewTokens(o TokenOptions) *Tokens {
	t := &Tokens{TokenOptions: o}
	t.uses.at = map[string]use{}
	return t
}

type use struct {
	at   time.Time
	from netip.Addr
}

// Create makes a token. The secret is returned once. The error is a Problem:
// Conflict where the connection has two live ones, Forbidden where by is confined
// to another organization.
func (t *Tokens) Create(ctx context.Context, by credential.By, n NewToken) (Token, secret.Text, error) {
	if by.Within != "" && n.Organization != by.Within {
		return Token{}, "", problem.New(problem.Forbidden, "who is confined to an organization makes tokens of that one only")
	}
	if n.Lifetime == 0 {
		n.Lifetime = DefaultTokenLifetime
	}
	if n.Lifetime < 0 || n.Lifetime > maxTokenLifetime {
		return Token{}, "", problem.New(problem.Invalid, "a lifetime of %s is out of bounds", n.Lifetime).WithHint("at most ten years")
	}
	domains, err := checkDomains(n.Domains)
	if err != nil {
		return Token{}, "", err
	}
	id, err := secret.NewID(t.Random, "P", 15)
	if err != nil {
		return Token{}, "", err
	}
	text, err := secret.New(t.Random, TokenPrefix, id)
	if err != nil {
		return Token{}, "", err
	}
	verifier, err := t.MAC.MAC(keyring.ProvisioningToken, []byte(text.Reveal()))
	if err != nil {
		return Token{}, "", err
	}
	now := t.Clock().Truncate(time.Microsecond)
	made := Token{
		ID: id, Connection: n.Connection, Organization: n.Organization, Name: n.Name, Domains: domains,
		CreatedAt: now, ExpiresAt: now.Add(n.Lifetime),
	}
	err = t.Store.Write(ctx, func(tx *store.Tx) error {
		live := 0
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM provisioning_token WHERE connection = $1 AND revoked_at IS NULL AND expires_at > $2`,
			made.Connection, now.UnixMicro()).Scan(&live); err != nil {
			return err
		}
		if live >= maxLive {
			return problem.New(problem.Conflict, "connection %q has two live provisioning tokens already", made.Connection).
				WithHint("see which is still used with gatehouse scim-token list, and revoke the other")
		}
		if _, err := tx.Exec(ctx, `INSERT INTO provisioning_token (id, connection, organization, name, domains, verifier, created_at, expires_at, last_used_from)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')`, made.ID, made.Connection, made.Organization, made.Name,
			strings.Join(made.Domains, "\n"), verifier, made.CreatedAt.UnixMicro(), made.ExpiresAt.UnixMicro()); err != nil {
			return err
		}
		return t.record(ctx, tx, by, audit.ProvisioningTokenCreated, made)
	})
	if err != nil {
		return Token{}, "", err
	}
	return made, text, nil
}

// Revoke ends a token with the next request. One that is revoked already stays
// as it was.
func (t *Tokens) Revoke(ctx context.Context, by credential.By, id string) (revoked Token, err error) {
	err = t.Store.Write(ctx, func(tx *store.Tx) error {
		if revoked, _, err = get(ctx, tx, by.Within, id); err != nil || !revoked.RevokedAt.IsZero() {
			return err
		}
		revoked.RevokedAt = t.Clock().Truncate(time.Microsecond)
		if _, err := tx.Exec(ctx, `UPDATE provisioning_token SET revoked_at = $1 WHERE id = $2`, revoked.RevokedAt.UnixMicro(), id); err != nil {
			return err
		}
		return t.record(ctx, tx, by, audit.ProvisioningTokenRevoked, revoked)
	})
	return revoked, err
}

// List returns tokens, newest first, after the one with the given id ("" is from
// the first on); at most limit. Empty organization and connection are all. The
// error is a Problem (Invalid) if no token among them has that id.
func (t *Tokens) List(ctx context.Context, organization, connection, after string, limit int) (list []Token, err error) {
	err = t.Store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		begin := int64(math.MaxInt64)
		if after != "" {
			from, _, err := get(ctx, tx, organization, after)
			if problem.Is(err, problem.NotFound) || err == nil && connection != "" && from.Connection != connection {
				return problem.New(problem.Invalid, "no page begins after %q", after).WithHint("after is the next of the page before")
			}
			if err != nil {
				return err
			}
			begin = from.CreatedAt.UnixMicro()
		}
		rows, err := tx.Query(ctx, `SELECT `+columns+` FROM provisioning_token
			WHERE (created_at < $1 OR (created_at = $1 AND id > $2)) AND ($3 = '' OR organization = $3) AND ($4 = '' OR connection = $4)
			ORDER BY created_at DESC, id LIMIT $5`, begin, after, organization, connection, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			one, _, err := scan(rows.Scan)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return rows.Err()
	})
	return list, err
}

const columns = `id, connection, organization, name, domains, created_at, expires_at, revoked_at, last_used_at, last_used_from, verifier`

// get finds a token, among those of an organization or ("") all.
func get(ctx context.Context, tx *store.Tx, within, id string) (t Token, verifier []byte, err error) {
	row := tx.QueryRow(ctx, `SELECT `+columns+` FROM provisioning_token WHERE id = $1 AND ($2 = '' OR organization = $2)`, id, within)
	t, verifier, err = scan(row.Scan)
	if errors.Is(err, store.ErrNotFound) {
		return Token{}, nil, problem.New(problem.NotFound, "there is no provisioning token %q", id).WithHint("gatehouse scim-token list")
	}
	return t, verifier, err
}

func scan(from func(...any) error) (t Token, verifier []byte, err error) {
	var domains string
	var created, expires int64
	var revoked, used sql.NullInt64
	if err = from(&t.ID, &t.Connection, &t.Organization, &t.Name, &domains, &created, &expires, &revoked, &used, &t.LastUsedFrom, &verifier); err != nil {
		return Token{}, nil, err
	}
	if domains != "" {
		t.Domains = strings.Split(domains, "\n")
	}
	t.CreatedAt, t.ExpiresAt = time.UnixMicro(created), time.UnixMicro(expires)
	t.RevokedAt, t.LastUsedAt = timeOf(revoked), timeOf(used)
	return t, verifier, nil
}

func timeOf(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.Int64)
}

func (t *Tokens) record(ctx context.Context, tx *store.Tx, by credential.By, action audit.Action, of Token) error {
	if err := t.Feed.Append(ctx, tx, change.ProvisioningToken(of.ID)); err != nil {
		return err
	}
	return t.Audit.Append(ctx, tx, audit.Record{
		Action: action, Actor: by.Actor, TraceID: by.TraceID, Organization: of.Organization, Subject: of.ID, After: of,
	})
}
