package throttle

import "sync/atomic"

// successes is how many pairs of source and id are remembered to have had
// success: 512 KiB.
const successes = 1 << 16

// succeeded is a table of hashes of pairs, each with one place, from which the
// next pair of that place displaces it. Only who has a right secret writes, so
// an attacker without one displaces nothing. Who is displaced loses a
// privilege until the next success.
type succeeded struct{ places [successes]atomic.Uint64 }

func (s *succeeded) has(pair uint64) bool { return s.places[pair%successes].Load() == pair }

func (s *succeeded) put(pair uint64) {
	if place := &s.places[pair%successes]; place.Load() != pair {
		place.Store(pair)
	}
}

func (s *succeeded) copy(from *succeeded) {
	for i := range from.places {
		s.places[i].Store(from.places[i].Load())
	}
}
