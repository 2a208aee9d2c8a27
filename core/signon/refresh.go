package signon

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// An IdP that gave a refresh token can be asked whether a session may go on, without
// the person: it is how those hear of a leaver whose IdP pushes nothing.

// How much is asked at once. What one round does not come to, the next one does; an
// IdP that is slow holds up itself and nobody else.
const (
	roundEvery     = 30 * time.Second
	roundLimit     = 25 * time.Second // no question begins later in a round
	atOnce         = 16               // connections
	atOnceOfOne    = 4                // sessions of one
	dueAtOnce      = 200
	refreshTimeout = 15 * time.Second
)

// Run asks the identity providers about the sessions that are due, until ctx ends.
// What fails is reported, and tried again with the next round.
func (s *SignOn) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.RefreshDue(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

// RefreshDue asks once about all sessions that are due, or as many as it comes to. The
// error says what of the store did not work; an IdP that does not answer is none.
func (s *SignOn) RefreshDue(ctx context.Context) error {
	round, done := context.WithTimeout(ctx, roundLimit)
	defer done()
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, c := range s.Connections() {
		refreshes := map[string]Authenticator{}
		for _, a := range c.Authenticators {
			if a.Refreshes {
				refreshes[a.Instance] = a
			}
		}
		if len(refreshes) > 0 {
			all.Go(func() error { return s.refreshOf(ctx, round, c, refreshes) })
		}
	}
	return all.Wait()
}

// refreshOf asks about the sessions of one connection until the round ends. A question
// that was begun is not broken off with it: its answer may hold the only token.
func (s *SignOn) refreshOf(ctx, round context.Context, c Connection, of map[string]Authenticator) error {
	for round.Err() == nil {
		due, err := s.Sessions.Due(ctx, c.Label, dueAtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		silent := silence{}
		var some errgroup.Group
		some.SetLimit(atOnceOfOne)
		for _, one := range due {
			a, configured := of[one.Instance]
			some.Go(func() error {
				if silent.has() || ended(round) {
					return nil // the next round asks
				}
				mine, err := s.Sessions.Claim(ctx, one)
				if err != nil || !mine || !configured {
					return err
				}
				return s.refresh(ctx, c, a, one.Session, &silent)
			})
		}
		if err := some.Wait(); err != nil || silent.has() || len(due) < dueAtOnce {
			return err
		}
	}
	return nil
}

// silence is told of an IdP that does not answer: it is not asked about all others
// in the same round.
type silence struct {
	mu   sync.Mutex
	seen bool
}

func (n *silence) has() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen
}

// first says that the IdP did not answer, and reports whether nobody has said so.
func (n *silence) first() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.seen
	n.seen = true
	return !before
}

// refresh asks about one session. Where the IdP refuses it, or means somebody else, or
// what it says now lets nobody in, the session ends: a doubt is a refusal. That it
// does not answer is no doubt about the person.
func (s *SignOn) refresh(ctx context.Context, c Connection, a Authenticator, one session.Session, silent *silence) error {
	kept, err := s.Sessions.Kept(ctx, one.ID)
	if err != nil {
		return err
	}
	asking, done := context.WithTimeout(ctx, refreshTimeout)
	identity, err := s.Plugin(a.Instance, c.Organization).Refresh(asking, s.endpoints(c, a), kept)
	done()
	if err != nil && !denies(err) {
		s.Seen(c.Label, "refresh_failed")
		if silent.first() && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "the identity provider cannot be asked about a session, which goes on", "connection", c.Label, "instance", a.Instance, "session", one.ID, "error", err)
		}
		return nil
	}
	if err == nil {
		// It is kept first: a token that was exchanged for another is worth nothing.
		if err = s.Sessions.Renew(ctx, one, identity); err != nil {
			return err
		}
		var user string
		if user, err = s.find(ctx, c, a, identity); err == nil && user != one.User {
			err = authn.Deny("another_subject", "the identity provider says now that session %s is another user's", one.ID)
		}
	}
	var denied *authn.Denied
	switch {
	case errors.As(err, &denied):
		return s.over(ctx, c, a, one, denied)
	case err != nil:
		return err
	}
	s.Seen(c.Label, "refreshed")
	return nil
}

func denies(err error) bool {
	var denied *authn.Denied
	return errors.As(err, &denied)
}

// over ends a session that its IdP does not go on with.
func (s *SignOn) over(ctx context.Context, c Connection, a Authenticator, one session.Session, d *authn.Denied) error {
	s.Logger.InfoContext(ctx, "a session ends that its identity provider does not go on with", "connection", c.Label, "instance", a.Instance,
		"session", one.ID, "user", one.User, "reason", d.Reason, "detail", d.Detail)
	s.Seen(c.Label, "not_refreshed")
	_, err := s.Sessions.End(ctx, session.By{Actor: "connection:" + c.Label, Within: c.Organization}, session.NotRefreshed, one.ID)
	if problem.Is(err, problem.NotFound) {
		return nil // somebody else has ended it
	}
	return err
}

// ended reports whether a round has no time left.
func ended(round context.Context) bool { return round.Err() != nil }
