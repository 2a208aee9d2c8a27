package access

import "github.com/gatehouse-id/gatehouse/core/grant"

// knows reports whether a principal's roles are those of this configuration,
// and nothing has changed or ended that they rest on.
func (s *Service) knows(p *Principal) bool {
	return p.ground.generation == s.generation && p.fresh() && !s.outlived(p)
}

// firstEnd is when the first of some grants ends. What a principal may do is not
// remembered beyond it.
func firstEnd(list []grant.Grant) instant {
	first := never
	for _, g := range list {
		if !g.Kept() {
			first = min(first, ending(g.EndsAt))
		}
	}
	return first
}

// outlived reports whether something that a principal was granted has ended since.
// Few are granted anything with an end, and only for them the clock is asked.
func (s *Service) outlived(p *Principal) bool {
	return p.until != never && p.until.over(s.Clock())
}
