package session

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// TokenPrefix is how the token of a session begins.
const TokenPrefix = "ghses"

// Start asks for a session.
type Start struct {
	Organization string
	User         string
	Connection   string
	Instance     string
	Identity     authn.Identity
	Host         string // that the cookie is for
	Agent        string
	Address      string
	Before       string // id of the session that the browser had; it ends. "" is none
}

// Start starts a session, within the transaction that has found who it is. The
// token is for the browser's cookie alone: it is another one with every sign-on,
// so that a token that was planted in a browser is never one that somebody signs
// on with.
func (s *Sessions) Start(ctx context.Context, tx *store.Tx, by By, n Start) (Session, secret.Text, error) {
	id, token, err := s.named()
	if err != nil {
		return Session{}, "", err
	}
	limits, now := *s.settings.Load(), s.now()
	made := Session{
		ID: id, Organization: n.Organization, User: n.User, Connection: n.Connection, Instance: n.Instance,
		Issuer: n.Identity.Issuer, Subject: n.Identity.Subject, SessionIndex: n.Identity.SessionIndex,
		Host: n.Host, StartedAt: now, SeenAt: now, EndsAt: now.Add(limits.Life), Authentication: n.Identity.Authentication,
		Agent: line(n.Agent, 200), Address: n.Address,
	}
	if ends := n.Identity.SessionEnds; !ends.IsZero() && ends.Before(made.EndsAt) {
		made.EndsAt = ends // SAML Core §2.7.2: SessionNotOnOrAfter
	}
	switch at := made.Authentication.Time; {
	case at.IsZero():
		made.Authentication.Time = now
	case !at.Before(now): // the IdP's clock is ahead
		made.Authentication.Time = now.Add(-time.Microsecond)
	}
	if n.Before != "" {
		before, err := s.rows(ctx, tx, `WHERE id = $1`, n.Before)
		if err == nil {
			err = s.end(ctx, tx, by, OtherSignOn, before)
		}
		if err != nil {
			return Session{}, "", err
		}
	}
	if err := s.makeRoom(ctx, tx, by, n.User, limits.PerUser); err != nil {
		return Session{}, "", err
	}
	if err := s.insert(ctx, tx, made, token, n.Identity); err != nil {
		return Session{}, "", err
	}
	err = s.Audit.Append(ctx, tx, audit.Record{
		Actor: by.Actor, Action: audit.SessionStarted, Organization: made.Organization, Subject: made.User, TraceID: by.TraceID,
		After: describe(made),
	})
	if err != nil {
		return Session{}, "", err
	}
	return made, token, s.Feed.Append(ctx, tx, change.Session(made.ID))
}

// named makes the name of a session, and the token for its cookie.
func (s *Sessions) named() (id string, token secret.Text, err error) {
	if id, err = secret.NewID(s.Random, "S", 21); err != nil {
		return "", "", err
	}
	token, err = secret.New(s.Random, TokenPrefix, id)
	return id, token, err
}

// now is the time as a row has it.
func (s *Sessions) now() time.Time { return s.Clock().Truncate(time.Microsecond) }

// makeRoom ends those sessions of a user that were used least lately, so that one
// more has room.
func (s *Sessions) makeRoom(ctx context.Context, tx *store.Tx, by By, user string, most int) error {
	most = max(most, 1)
	list, err := s.rows(ctx, tx, `WHERE person = $1 AND parent = '' ORDER BY id`, user)
	if err != nil || len(list) < most {
		return err
	}
	slices.SortStableFunc(list, func(a, b Session) int { return b.SeenAt.Compare(a.SeenAt) })
	return s.end(ctx, tx, by, Replaced, list[most-1:])
}

func (s *Sessions) insert(ctx context.Context, tx *store.Tx, n Session, token secret.Text, i authn.Identity) error {
	keep, err := s.sealed(n.ID, i.Keep)
	if err != nil {
		return err
	}
	var refreshed int64
	if i.Refreshable {
		refreshed = n.StartedAt.UnixMicro()
	}
	_, err = tx.Exec(ctx, `INSERT INTO session (`+columns+`, token, keep, refreshed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
		n.ID, n.Organization, n.User, n.Connection, n.Instance, n.Issuer, n.Subject, n.SessionIndex, n.Host,
		n.StartedAt.UnixMicro(), n.Authentication.Time.UnixMicro(), n.SeenAt.UnixMicro(), n.EndsAt.UnixMicro(),
		n.Authentication.Context, strings.Join(n.Authentication.Methods, "\n"), int(n.Authentication.MultiFactor), n.Agent, n.Address, n.Parent,
		hash(token), keep, refreshed)
	return err
}

// sealed encrypts what a plugin keeps with a session, which may be nothing.
func (s *Sessions) sealed(id string, keep []byte) ([]byte, error) {
	if len(keep) == 0 {
		return []byte{}, nil
	}
	return s.Sealer.Seal(keyring.SignOn, place(id), keep)
}

// hash is what is kept of a token. It holds 256 random bits, so nobody finds it by
// trying, and its hash needs no key.
func hash(token secret.Text) []byte {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return sum[:]
}

// place is what is kept for a plugin is bound to: it opens in its own row only.
func place(id string) []byte { return []byte("session\x00" + id) }

// line makes one line of what a browser says of itself.
func line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	for len(text) > most {
		text = text[:most]
		text = strings.ToValidUTF8(text, "")
	}
	return text
}

func describe(n Session) map[string]any {
	d := map[string]any{
		"session": n.ID, "connection": n.Connection, "instance": n.Instance, "host": n.Host, "ends_at": n.EndsAt.UTC().Format(time.RFC3339),
		"multi_factor": n.Authentication.MultiFactor == authn.MultiFactorYes, "address": n.Address,
	}
	if n.Authentication.Context != "" {
		d["context"] = n.Authentication.Context
	}
	if len(n.Authentication.Methods) > 0 {
		d["methods"] = n.Authentication.Methods
	}
	return d
}
