package access

import "time"

// endedKept is how long a credential is kept after its end. Who goes on using
// it is answered from memory for as long.
const endedKept = time.Hour

// Forget drops what is used no more: assertions that are not told again, and
// credentials that ended some time ago. Nothing of it would be an answer; it only
// takes memory until somebody asks, who may never come again. It is to be called
// now and then, by one at a time.
func (s *Service) Forget() {
	now := s.Clock()
	for key, e := range s.credentials.All() {
		e.principal.forget(now)
		if e.expires.over(now.Add(-endedKept)) {
			s.credentials.Invalidate(key)
		}
	}
	for p := range s.principals.Values() { // the credentials of some are not kept any more
		p.forget(now)
	}
}

// forget drops what upstreams were told, unless it is told again.
func (p *Principal) forget(now time.Time) {
	if t := p.told.Load(); t != nil && t.spent(now) {
		p.told.CompareAndSwap(t, nil)
	}
}
