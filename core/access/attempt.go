package access

import (
	"context"
	"net/netip"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// attempt verifies what is not known, unless too many attempts have failed. A
// credential that was right before is no guess, so it is not held up; if it is
// right no more it is forgotten, and is a guess from then on.
func (s *Service) attempt(ctx context.Context, key digest, from netip.Addr, found []presented, before *entry) (*entry, error) {
	if before == nil {
		for _, p := range found {
			if err := s.Attempts.Admit(ctx, from, p.countedAs()); err != nil {
				return nil, err
			}
		}
	}
	e, err := s.learn(ctx, key, found, before)
	if problem.Is(err, problem.Unauthenticated) {
		s.credentials.Invalidate(key)
	}
	for _, p := range found {
		s.Attempts.Ended(from, p.countedAs(), err)
	}
	return e, err
}

// countedAs is the id that attempts are counted by, apart for each instance;
// "" where the credential has none.
func (p presented) countedAs() string {
	if id := p.recordID(); id != "" {
		return p.by.instance + "/" + id
	}
	return ""
}
