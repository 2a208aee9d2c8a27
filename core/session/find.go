package session

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const columns = `id, organization, person, connection, instance, issuer, subject, session_index, host,
	started_at, signed_on_at, seen_at, ends_at, context, methods, multi_factor, agent, address, parent`

// IDOf reads the id of a session from its token, "" where it is no token of a
// session. It says nothing about whether there is such a session: it is what an
// answer about it depends on (change.Session).
func IDOf(token secret.Text) string {
	prefix, id, err := secret.Parse(token)
	if err != nil || prefix != TokenPrefix {
		return ""
	}
	return id
}

// Find returns the session of a token, and until when it holds if it is not used.
// The error is a Problem with the code Unauthenticated where there is none, or it
// is over, which are alike to whoever asks; any other means that nobody knows.
func (s *Sessions) Find(ctx context.Context, token secret.Text) (found Session, until time.Time, err error) {
	id := IDOf(token)
	if id == "" {
		return Session{}, time.Time{}, errNone()
	}
	right := false
	err = s.Store.Select(ctx, func(rows *sql.Rows) (err error) {
		var kept []byte
		if found, err = scan(rows.Scan, &kept); err == nil {
			right = subtle.ConstantTimeCompare(kept, hash(token)) == 1
		}
		return err
	}, `SELECT `+columns+`, token FROM session WHERE id = $1`, id)
	if err != nil {
		return Session{}, time.Time{}, err
	}
	found.SeenAt = later(found.SeenAt, s.marked(id))
	until = s.until(found)
	if !right || !s.Clock().Before(until) {
		return Session{}, time.Time{}, errNone()
	}
	return found, until, nil
}

func errNone() error {
	return problem.New(problem.Unauthenticated, "the session has ended, or there is none").WithHint("sign on again")
}

// until is when a session is over if it is not used any more.
func (s *Sessions) until(n Session) time.Time {
	idle := n.SeenAt.Add(s.settings.Load().Idle)
	if idle.Before(n.EndsAt) {
		return idle
	}
	return n.EndsAt
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Kept returns what the plugin keeps with a session, for Refresh and Logout.
func (s *Sessions) Kept(ctx context.Context, id string) (authn.Session, error) {
	var kept authn.Session
	var sealed []byte
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT issuer, subject, keep FROM session WHERE id = $1`, id).Scan(&kept.Issuer, &kept.Subject, &sealed)
	})
	if err != nil || len(sealed) == 0 {
		return kept, err
	}
	kept.Keep, err = s.Sealer.Unseal(keyring.SignOn, place(id), sealed)
	if err != nil {
		return authn.Session{}, problem.Wrap(err, problem.Internal, "what is kept of session %s does not open: its row was altered, or its key is gone", id).
			WithHint("the person can sign on again")
	}
	return kept, nil
}

// rows reads the sessions that fulfil a condition.
func (s *Sessions) rows(ctx context.Context, tx *store.Tx, condition string, args ...any) (list []Session, err error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM session `+condition, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		one.SeenAt = later(one.SeenAt, s.marked(one.ID))
		list = append(list, one)
	}
	return list, rows.Err()
}

// scan reads the columns of a row, and what follows them.
func scan(from func(...any) error, more ...any) (Session, error) {
	var n Session
	var started, signedOn, seen, ends int64
	var methods string
	into := append([]any{
		&n.ID, &n.Organization, &n.User, &n.Connection, &n.Instance, &n.Issuer, &n.Subject, &n.SessionIndex, &n.Host,
		&started, &signedOn, &seen, &ends, &n.Authentication.Context, &methods, &n.Authentication.MultiFactor, &n.Agent, &n.Address, &n.Parent,
	}, more...)
	if err := from(into...); err != nil {
		return Session{}, err
	}
	n.StartedAt, n.SeenAt, n.EndsAt = time.UnixMicro(started), time.UnixMicro(seen), time.UnixMicro(ends)
	n.Authentication.Time = time.UnixMicro(signedOn)
	if methods != "" {
		n.Authentication.Methods = strings.Split(methods, "\n")
	}
	return n, nil
}
