package access

import "github.com/gatehouse-id/gatehouse/core/policy"

// Counter is one of the numbers that checks add to. Many add at once, so it is
// to be no more than an atomic addition.
type Counter interface{ Inc() }

// Counted is where checks are counted; what is nil is not. Known, Stale and
// Unknown count how credentials were found in memory: as they are used, changed
// since, or not at all. Uses counts the requests that were let through with a
// credential of an instance; it is asked once for each entry in memory. Evaluated
// is told of each principal whose roles are evaluated anew, on the way of their
// request: it waits for nothing.
type Counted struct {
	Known, Stale, Unknown Counter
	Uses                  func(instance string) Counter
	Evaluated             func(who policy.Principal)
}

// uncounted counts nothing.
type uncounted struct{}

// Inc implements Counter.
func (uncounted) Inc() {}

// whole has a Counter in every place.
func (c Counted) whole() Counted {
	for _, one := range []*Counter{&c.Known, &c.Stale, &c.Unknown} {
		if *one == nil {
			*one = uncounted{}
		}
	}
	if c.Uses == nil {
		c.Uses = func(string) Counter { return uncounted{} }
	}
	if c.Evaluated == nil {
		c.Evaluated = func(policy.Principal) {}
	}
	return c
}
