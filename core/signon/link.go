package signon

import (
	"context"
	"errors"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// find says who of the directory an identity means: whom its subject was pinned
// to, or with the first sign-on, who has the same name in the connection. An
// e-mail address alone is nobody: it counts where the operator says so, and once.
func (s *SignOn) find(ctx context.Context, c Connection, a Authenticator, identity authn.Identity) (user string, err error) {
	if !identity.Transient {
		user, err = s.pinned(ctx, a, identity)
	}
	if user == "" && err == nil {
		if user, err = s.matching(ctx, c, identity); user != "" && err == nil {
			err = s.Store.Read(ctx, func(tx *store.Tx) error { return s.free(ctx, tx, a, identity, user) })
		}
	}
	switch {
	case err != nil:
		return "", err
	case user != "" && c.OnLogin:
		return user, s.update(ctx, c, a, user, identity)
	case user != "":
		return user, nil
	}
	if c.OnLogin && !identity.Transient {
		return s.create(ctx, c, a, identity)
	}
	return "", authn.Deny("not_provisioned", "connection %s has no user with the %s of this identity", c.Label, c.Match)
}

// pinned is the user whom a subject was pinned to; "" is nobody.
func (s *SignOn) pinned(ctx context.Context, a Authenticator, identity authn.Identity) (user string, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT person FROM sign_on_pin WHERE instance = $1 AND issuer = $2 AND subject = $3`, a.Instance, identity.Issuer, identity.Subject).Scan(&user)
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return user, err
}

// matching is the one user of a connection who has what the identity has.
func (s *SignOn) matching(ctx context.Context, c Connection, identity authn.Identity) (user string, err error) {
	filter := sdk.Filter{Op: sdk.Equal}
	switch c.Match {
	case ByEmail:
		filter.Path, filter.Value = sdk.Path{"emails", "value"}, identity.Email
	case ByExternalID:
		filter.Path, filter.Value, filter.CaseExact = sdk.Path{"externalId"}, identity.Subject, true
	default:
		filter.Path, filter.Value = sdk.Path{"userName"}, userName(identity)
	}
	if filter.Value == "" {
		return "", authn.Deny("no_name", "the identity has no %s to find the user by", c.Match)
	}
	page, err := s.Directory.Find(ctx, scopeOf(c), sdk.Query{Type: sdk.User, Filter: &filter, Limit: 2})
	if err != nil {
		return "", err
	}
	switch len(page.Resources) {
	case 0:
		return "", nil
	case 1:
		return page.Resources[0].ID, nil
	}
	return "", authn.Deny("ambiguous", "connection %s has several users with the %s of this identity", c.Label, c.Match)
}

// userName is the name that an identity gives: its own, else its e-mail address,
// else the subject, where that looks like a name that people type.
func userName(i authn.Identity) string {
	switch {
	case i.UserName != "":
		return i.UserName
	case i.Email != "":
		return i.Email
	case strings.Contains(i.Subject, "@"):
		return i.Subject
	}
	return ""
}

func scopeOf(c Connection) directory.Scope {
	return directory.Scope{Organization: c.Organization, Connection: c.Label}
}

// free says whether a subject may mean a user whom it does not mean yet: not where
// another means them already. What it says of them must not be taken then either.
func (s *SignOn) free(ctx context.Context, tx *store.Tx, a Authenticator, identity authn.Identity, user string) error {
	if identity.Transient {
		return nil
	}
	_, err := s.knows(ctx, tx, a, identity, user)
	return err
}

// knows reports whether a user is pinned to a subject. One who is pinned to another
// is an error.
func (s *SignOn) knows(ctx context.Context, tx *store.Tx, a Authenticator, identity authn.Identity, user string) (bool, error) {
	var issuer, subject string
	err := tx.QueryRow(ctx, `SELECT issuer, subject FROM sign_on_pin WHERE instance = $1 AND person = $2`, a.Instance, user).Scan(&issuer, &subject)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case issuer != identity.Issuer || subject != identity.Subject:
		return false, authn.Deny("another_subject", "user %s is known to %s by another name: an operator can unpin it, if it is the same person", user, a.Instance)
	}
	return true, nil
}

// pin looks whether a user may come in, and pins the subject to them: from then on
// it means them and nobody else, and they have no other.
func (s *SignOn) pin(ctx context.Context, tx *store.Tx, c Connection, a Authenticator, identity authn.Identity, user string) error {
	facts, err := s.Directory.Facts(ctx, tx, []string{user})
	if err != nil {
		return err
	}
	who, there := facts[user]
	switch {
	case !there || who.Organization != c.Organization || who.Connection != c.Label:
		return authn.Deny("not_provisioned", "the user of this identity is not of connection %s any more", c.Label)
	case !who.Active:
		return authn.Deny("deactivated", "user %s is deactivated", user)
	case identity.Transient:
		return nil // a name of one sign-on is no key
	}
	if known, err := s.knows(ctx, tx, a, identity, user); known || err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO sign_on_pin (instance, issuer, subject, organization, person, pinned_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		a.Instance, identity.Issuer, identity.Subject, c.Organization, user, s.Clock().UnixMicro())
	if err == nil && n != 1 {
		err = authn.Deny("another_subject", "the name of this identity was pinned to another user meanwhile")
	}
	if err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, audit.Record{
		Actor: "connection:" + c.Label, Action: audit.UserPinned, Organization: c.Organization, Subject: user,
		After: map[string]any{"instance": a.Instance, "issuer": identity.Issuer},
	})
}
