package session

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Share asks for a session at another host.
type Share struct {
	Of     string // id of the session that it belongs to
	Host   string // that the cookie is for
	Before string // id of the session that the browser had there; it ends. "" is none
}

// Share starts a session at another host for whoever has one: a cookie is for one
// host. It is the same sign-on, so the two end together, whichever is ended, and
// count as one. It is over no later than the other, and sooner where it is not used.
// The error is a Problem (Unauthenticated) where the other is over.
func (s *Sessions) Share(ctx context.Context, by By, n Share) (made Session, token secret.Text, err error) {
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		of, err := s.rows(ctx, tx, `WHERE id = $1 AND parent = ''`, n.Of)
		if err != nil {
			return err
		}
		if len(of) == 0 || !s.Clock().Before(s.until(of[0])) {
			return errNone()
		}
		if err := s.drop(ctx, tx, n.Before, n.Of); err != nil {
			return err
		}
		made, token, err = s.share(ctx, tx, by, of[0], n.Host)
		return err
	})
	if err == nil {
		s.Mark(made, made.SeenAt)
	}
	return made, token, err
}

func (s *Sessions) share(ctx context.Context, tx *store.Tx, by By, of Session, host string) (made Session, token secret.Text, err error) {
	made = of // it has begun when they signed on
	made.Parent, made.Host, made.SeenAt = of.ID, host, s.now()
	if made.ID, token, err = s.named(); err != nil {
		return Session{}, "", err
	}
	if err := s.insert(ctx, tx, made, token, authn.Identity{}); err != nil { // what the plugin keeps stays with the other
		return Session{}, "", err
	}
	record := describe(made)
	record["of"] = of.ID
	err = s.Audit.Append(ctx, tx, audit.Record{
		Actor: by.Actor, Action: audit.SessionStarted, Organization: made.Organization, Subject: made.User, TraceID: by.TraceID, After: record,
	})
	if err != nil {
		return Session{}, "", err
	}
	return made, token, s.Feed.Append(ctx, tx, change.Session(made.ID))
}

// drop ends what a browser had at a host before. It may be of the same sign-on, which
// goes on, so that its row alone goes; another's ends as a whole.
func (s *Sessions) drop(ctx context.Context, tx *store.Tx, id, of string) error {
	if id == "" {
		return nil
	}
	before, err := s.rows(ctx, tx, `WHERE id = $1`, id)
	if err != nil || len(before) == 0 {
		return err
	}
	if before[0].Parent != of {
		return s.end(ctx, tx, By{Actor: "user:" + before[0].User}, OtherSignOn, before)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM session WHERE id = $1`, id); err != nil {
		return err
	}
	return s.Feed.Append(ctx, tx, change.Session(id))
}

// family adds to sessions those of the same sign-ons at other hosts.
func (s *Sessions) family(ctx context.Context, tx *store.Tx, list []Session) ([]Session, error) {
	asked, had := map[string]bool{}, map[string]bool{}
	var all []Session
	for _, one := range list {
		root := one.Root()
		if asked[root] {
			continue
		}
		asked[root] = true
		found, err := s.rows(ctx, tx, `WHERE id = $1 OR parent = $1`, root)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !had[f.ID] {
				had[f.ID] = true
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// Root is the id of the session that the person signed on with.
func (s Session) Root() string {
	if s.Parent != "" {
		return s.Parent
	}
	return s.ID
}
