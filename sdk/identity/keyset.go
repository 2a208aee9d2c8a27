package identity

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	// pause is the least time between two fetches that succeed. It is what an
	// attacker with made-up kids can cause.
	pause = 10 * time.Second

	firstRetry = time.Second // after a failed fetch, doubled with each further one
	lastRetry  = 30 * time.Second
)

// snapshot is one JWKS document. Until refresh it just counts; until expires
// it counts while a new one is fetched in the background; until ends it counts
// only while fetching fails.
type snapshot struct {
	keys                   keysByID
	refresh, expires, ends time.Time
	given                  bool // by Options.Keys: expired from the start, and without end
}

func (s *snapshot) key(id string) (key ed25519.PublicKey, known bool) {
	if s == nil {
		return nil, false
	}
	key, known = s.keys[id]
	return key, known
}

func (s *snapshot) usable(now time.Time) bool {
	return s != nil && (s.given || now.Before(s.ends))
}

// keySet keeps the keys. Reading fresh keys takes no lock.
type keySet struct {
	fetch    func(context.Context) (keysByID, time.Duration, error)
	clock    func() time.Time
	log      *slog.Logger
	maxStale time.Duration

	current atomic.Pointer[snapshot]

	mu       sync.Mutex
	running  chan struct{} // closed when the fetch in flight ends; nil without one
	earliest time.Time     // of the next fetch
	failures int           // since the last success
}

// find returns the key with this kid. It waits for a fetch when it has to:
// without keys, with an unknown kid, or past the keys' lifetime.
func (s *keySet) find(ctx context.Context, id string) (ed25519.PublicKey, error) {
	now := s.clock()
	snap := s.current.Load()
	key, known := snap.key(id)
	if known && now.Before(snap.refresh) {
		return key, nil
	}
	running, failing := s.start(ctx, now)
	if known && (now.Before(snap.expires) || failing && snap.usable(now)) {
		return key, nil
	}
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return nil, problem.Wrap(ctx.Err(), problem.Unavailable, "the request ended while the keys of Gatehouse were fetched").
				WithRetryAfter(firstRetry)
		}
	}
	return s.settle(id)
}

// settle answers with what there is after the attempt to get more.
func (s *keySet) settle(id string) (ed25519.PublicKey, error) {
	now := s.clock()
	snap := s.current.Load()
	s.mu.Lock()
	failing, wait := s.failures > 0, max(s.earliest.Sub(now), firstRetry)
	s.mu.Unlock()
	if snap.usable(now) {
		if key, known := snap.keys[id]; known {
			return key, nil
		}
		if !failing {
			return nil, problem.New(problem.Unauthenticated, "the assertion is signed with a key that Gatehouse does not publish").
				WithHint("check that Issuer and JWKSURL are those of the Gatehouse that is before this application")
		}
	}
	return nil, problem.New(problem.Unavailable, "the application cannot get the keys of Gatehouse to check who is asking").
		WithHint("try again; if it stays, the application's log says why the JWKS cannot be fetched").
		WithRetryAfter(wait)
}

// start begins a fetch if there is none and the last one was long enough ago.
// It returns the one in flight, if any, and whether the last one failed.
func (s *keySet) start(ctx context.Context, now time.Time) (running <-chan struct{}, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil && !now.Before(s.earliest) {
		s.running = make(chan struct{})
		// Others wait for it too: it goes on when this request ends.
		go s.update(context.WithoutCancel(ctx), now)
	}
	return s.running, s.failures > 0
}

func (s *keySet) update(ctx context.Context, began time.Time) {
	keys, life, err := s.fetch(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		retry := min(firstRetry<<min(s.failures, 10), lastRetry)
		s.failures++
		s.earliest = s.clock().Add(retry)
		s.log.WarnContext(ctx, "keys of Gatehouse not fetched", "error", err, "failures", s.failures, "retry_after", retry)
	} else {
		if s.failures > 0 {
			s.log.InfoContext(ctx, "keys of Gatehouse fetched again", "failures", s.failures)
		}
		s.failures = 0
		s.earliest = s.clock().Add(pause)
		expires := began.Add(life)
		s.current.Store(&snapshot{
			keys: keys, refresh: began.Add(life * 3 / 4), expires: expires, ends: expires.Add(s.maxStale),
		})
	}
	close(s.running)
	s.running = nil
}
