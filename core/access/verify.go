package access

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// recordsSent is how many records a plugin always gets: as many as can be live.
// Decoys fill up, so that neither an unknown id nor a rotation shows in time.
const recordsSent = 2

func (s *Service) verify(ctx context.Context, p presented) (*entry, error) {
	if p.by == bySession {
		return s.verifySession(ctx, secret.Text(p.secret))
	}
	if p.typo() {
		return nil, refused()
	}
	if p.by.records == authn.RecordsNone {
		return s.verifySelfContained(ctx, p)
	}
	return s.verifyRecord(ctx, p)
}

// verifyRecord finds the record and has the secret checked against it. What
// does not need the secret (state, end, networks) is looked at only once the
// secret is known to be right: to anybody else all is alike.
func (s *Service) verifyRecord(ctx context.Context, p presented) (*entry, error) {
	id, err := s.locate(ctx, p)
	if err != nil {
		return nil, err
	}
	record, err := s.record(ctx, p.by.instance, id)
	if err != nil {
		return nil, err
	}
	sent, organization := s.Decoys[p.by.instance], ""
	if record.exists {
		organization = record.Client.Organization
		sent = append(verifiers(record.Keys), sent...)[:recordsSent]
	}
	answer, err := s.Verifier.Verify(ctx, p.by.instance, organization, authn.VerifyRequest{ID: p.id, Secret: secret.Text(p.secret), Records: sent})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(record.Keys, func(k credential.Key) bool { return k.ID == answer.RecordID })
	if answer.Reason != 0 || !record.exists || i < 0 {
		s.even(ctx, id, record)
		return nil, refused()
	}
	key, client := record.Keys[i], record.Client
	if err := usable(client, key, s.Clock()); err != nil {
		return nil, err
	}
	deps := record.deps
	deps.Add(change.ClientKey(key.ID))
	if len(answer.NewVerifier) > 0 {
		s.Used.Rehash(key.ID, answer.NewVerifier) // the record will be another
	} else {
		s.keep(p.by.instance, id, record)
	}
	principal, err := s.principal(ctx, subject{
		id: client.ID, recorded: true, organization: client.Organization, owner: client.Owner, scopes: client.Scopes,
	})
	if err != nil {
		return nil, err
	}
	return &entry{verified: verified{
		principal: principal, expires: ending(earlier(client.ExpiresAt, key.ExpiresAt)),
		limits: limit(client.Networks, s.Rates.Of(client.ID, client.Rate, s.Clock())),
		keyID:  key.ID, uses: s.Counted.Uses(p.by.instance), deps: deps,
	}}, nil
}

func verifiers(keys []credential.Key) []authn.Record {
	list := make([]authn.Record, 0, recordsSent+len(keys))
	for _, k := range keys {
		if len(list) == recordsSent {
			break
		}
		list = append(list, authn.Record{ID: k.ID, Verifier: k.Verifier})
	}
	return list
}

func usable(c credential.Client, k credential.Key, now time.Time) error {
	if c.State != credential.Active {
		return problem.New(problem.Forbidden, "client %q is suspended", c.ID).
			WithHint("its declaration was taken out of the configuration; ask the operator of this service")
	}
	if !k.StoppedAt.IsZero() {
		return problem.New(problem.Forbidden, "this key of client %q is stopped: the user who owns the client left", c.ID).
			WithHint("ask the operator of this service for a new key, or for a client with another owner")
	}
	if end := earlier(c.ExpiresAt, k.ExpiresAt); !end.IsZero() && !end.After(now) {
		return expired(end)
	}
	return nil
}

// earlier returns the earlier of two ends; zero is no end.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// verifySelfContained has a credential checked that carries everything itself.
// Its subject cannot be a client of ours: ids are kept apart by the instance's
// name, so that a plugin cannot speak for clients that it did not issue.
func (s *Service) verifySelfContained(ctx context.Context, p presented) (*entry, error) {
	deps := s.Feed.Observe(change.Instance(p.by.instance))
	answer, err := s.Verifier.Verify(ctx, p.by.instance, "", authn.VerifyRequest{ID: p.id, Secret: secret.Text(p.secret)})
	if err != nil {
		return nil, err
	}
	switch answer.Reason { //nolint:exhaustive // only who holds a genuine credential is told more
	case authn.Expired:
		return nil, problem.New(problem.Expired, "the credential has ended").WithHint("ask whoever issued it for a new one")
	case authn.NotYetValid:
		return nil, problem.New(problem.NotYetValid, "the credential is not valid yet, or for longer than it may be").
			WithHint("check the clock of whoever issued it, and the times that it carries")
	}
	if answer.Reason != 0 || answer.Subject == nil {
		return nil, refused()
	}
	sub := answer.Subject
	if !s.Organizations[sub.Organization] {
		if s.Undeclared != nil {
			s.Undeclared(ctx, p.by.instance, sub.Organization)
		}
		return nil, problem.New(problem.Forbidden, "authenticator %q may not speak for the organization of this credential", p.by.instance).
			WithHint("the operator of this service can declare the organization")
	}
	deps.Add(change.Revocation(p.by.instance, sub.RevocationID))
	revoked, err := s.Records.IsRevoked(ctx, p.by.instance, sub.RevocationID)
	if err != nil {
		return nil, err
	}
	if revoked {
		return nil, refused()
	}
	if !sub.Expires.IsZero() && !sub.Expires.After(s.Clock()) {
		return nil, expired(sub.Expires)
	}
	id := p.by.instance + "/" + sub.ID
	principal, err := s.principal(ctx, subject{
		id: id, organization: sub.Organization, owner: credential.OrganizationOwned, scopes: sub.Scopes,
	})
	if err != nil {
		return nil, err
	}
	return &entry{verified: verified{principal: principal, expires: ending(sub.Expires), uses: s.Counted.Uses(p.by.instance), deps: deps}}, nil
}

// mayBring reports whether a principal that was verified under the configuration
// before would be let in under this one: a credential without a record speaks
// for an organization that may have been taken out.
func (s *Service) mayBring(p *Principal) bool {
	return p.recorded || s.Organizations[p.Organization()]
}

// lastMark spaces out the notes of a key's use.
type lastMark struct{ at atomic.Int64 }

// markEvery is how far apart two notes of one key's use are.
const markEvery = 10 * time.Second

func (m *lastMark) due(now time.Time) bool {
	last := m.at.Load()
	return now.UnixNano()-last >= int64(markEvery) && m.at.CompareAndSwap(last, now.UnixNano())
}
