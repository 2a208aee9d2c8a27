// Package throttle bounds what strangers and clients may ask for: failed
// attempts by where they come from and whose id they name, and the rate of a
// client that is known.
//
// Only failures are counted. The counters are a sketch of fixed size, see
// sketch: nobody can grow it, and nobody resets a counter by filling others.
package throttle

import (
	"context"
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// By says which counter stopped a request.
type By string

// The counters. An id alone slows and never refuses: anybody could lock out a
// client whose id he knows.
const (
	BySource      By = "source"        // an IPv4 address, or an IPv6 /64
	ByID          By = "id"            // from everywhere
	BySourceAndID By = "source_and_id" // one id from one source
	ByClient      By = "client"        // the rate of a client
)

// Action is what was done.
type Action string

// The actions.
const (
	Slowed  Action = "slowed"
	Refused Action = "refused"
)

// Limits are how many failures fit into a window. Zero does not limit.
type Limits struct {
	PerSource int
	PerID     int
	Window    time.Duration
}

// perPair is how many failures of one id from one source fit into a window: a
// third of the source's, so that one client with a wrong secret is refused
// before it has used up what its neighbours behind the same address share.
func (l Limits) perPair() int { return (l.PerSource + 2) / 3 }

// Observer is told what was slowed and refused. It may not wait.
type Observer func(By, Action)

// Guard counts failed attempts and stops those who make too many.
type Guard struct {
	limits Limits
	*memory
}

// memory is what is remembered of attempts. Guards of two configurations share it.
type memory struct {
	clock    func() time.Time
	start    time.Time // what times in the sketches are counted from, by the monotonic clock
	observe  Observer
	seed     maphash.Seed
	counters *[3]*sketch // by source, by id, by both
	succeeded
	waiting
}

// New returns a Guard that remembers nothing yet.
func New(l Limits, clock func() time.Time, observe Observer) *Guard {
	return &Guard{l, &memory{
		clock: clock, start: clock(), observe: observe, seed: maphash.MakeSeed(), counters: newCounters(),
	}}
}

func newCounters() *[3]*sketch { return &[3]*sketch{newSketch(), newSketch(), newSketch()} }

// With returns a Guard with other limits that remembers the same. Failures are
// forgotten only where the window is another: a counter is a time in it.
func (g *Guard) With(l Limits) *Guard {
	m := g.memory
	if l.Window != g.limits.Window {
		m = &memory{clock: m.clock, start: m.start, observe: m.observe, seed: m.seed, counters: newCounters()}
		m.succeeded.copy(&g.memory.succeeded)
	}
	return &Guard{l, m}
}

// attempt is what the counters of one attempt are found by.
type attempt struct{ source, id, pair uint64 }

func (g *Guard) attempt(source netip.Addr, id string) attempt {
	from := sourceOf(source)
	a := attempt{source: maphash.Bytes(g.seed, from[:])}
	if id == "" {
		return a
	}
	var h maphash.Hash
	h.SetSeed(g.seed)
	_, _ = h.WriteString(id) // never fails
	a.id = h.Sum64()
	_, _ = h.Write(from[:])
	a.pair = h.Sum64()
	return a
}

// sourceOf is who is counted as one: an IPv4 address, or an IPv6 /64, since
// that is what one machine is given (RFC 4291 §2.5.4). All whose address is not
// known are one.
func sourceOf(a netip.Addr) [16]byte {
	b := a.As16() // of the zero Addr, zeros
	if a.Is6() && !a.Is4In6() {
		clear(b[8:])
	}
	return b
}

// Admit lets an attempt pass, holds it for a while, or refuses it with
// Throttled before anything is verified. id is "" where the credential has
// none: such are counted by source alone. What is presented may not be known
// to be right.
//
// Attempts that are under way at once are admitted before the first of them
// has failed.
func (g *Guard) Admit(ctx context.Context, source netip.Addr, id string) error {
	a, now := g.attempt(source, id), g.now()
	window := g.limits.Window
	slow, by := time.Duration(0), By("")
	look := func(counter int, key uint64, limit int, name By) (over time.Duration) {
		if limit == 0 {
			return 0
		}
		level := g.counters[counter].level(key, now)
		if d := delay(level, window); d > slow {
			slow, by = d, name
		}
		return level - (window - window/time.Duration(limit))
	}
	known := id != "" && g.has(a.pair)
	if id != "" {
		if over := look(2, a.pair, g.limits.perPair(), BySourceAndID); over > 0 {
			return g.refuse(BySourceAndID, over)
		}
	}
	if !known {
		if over := look(0, a.source, g.limits.PerSource, BySource); over > 0 {
			return g.refuse(BySource, over)
		}
		if id != "" {
			look(1, a.id, g.limits.PerID, ByID)
		}
	}
	if slow == 0 {
		return nil
	}
	return g.hold(ctx, slow, by)
}

func (g *Guard) refuse(by By, after time.Duration) error {
	g.observe(by, Refused)
	detail := "too many attempts from this address have failed"
	if by == BySourceAndID {
		detail = "too many attempts from this address with this id have failed"
	}
	return problem.New(problem.Throttled, "%s", detail).WithRetryAfter(after).
		WithHint("wait as long as Retry-After says, and check the secret before you try again")
}

// Ended counts how an attempt has ended: with success, or with what was presented
// refused for its own sake (Unauthenticated). Any other error is told to who holds
// the right secret, or is our own failure, and does not count.
func (g *Guard) Ended(source netip.Addr, id string, err error) {
	switch {
	case err == nil:
		g.Succeeded(source, id)
	case problem.Is(err, problem.Unauthenticated):
		g.Failed(source, id)
	}
}

// Failed counts an attempt whose credential was not right.
func (g *Guard) Failed(source netip.Addr, id string) {
	a, now := g.attempt(source, id), g.now()
	g.count(0, a.source, now, g.limits.PerSource)
	if id != "" {
		g.count(1, a.id, now, g.limits.PerID)
		g.count(2, a.pair, now, g.limits.perPair())
	}
}

func (g *Guard) count(counter int, key uint64, now time.Duration, limit int) {
	if limit > 0 {
		g.counters[counter].add(key, now, g.limits.Window/time.Duration(limit), g.limits.Window)
	}
}

// Succeeded remembers that the right secret of an id came from a source. From
// there this id is then stopped by its own failures only: neither by attacks on
// the id from elsewhere, nor by others behind the same address.
func (g *Guard) Succeeded(source netip.Addr, id string) {
	if id != "" {
		g.put(g.attempt(source, id).pair)
	}
}

func (m *memory) now() time.Duration { return m.clock().Sub(m.start) }
