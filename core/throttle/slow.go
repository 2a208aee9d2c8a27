package throttle

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Bounds of what waits.
const (
	maxDelay   = 2 * time.Second
	maxWaiting = 256
)

// waiting counts the requests that are held, by source or for their id alone.
// They are counted apart: those who attack an id must not take the places.
type waiting struct{ sources, ids atomic.Int64 }

// delay is how long an attempt is held: nothing up to half of the limit, then
// longer with each failure.
func delay(level, window time.Duration) time.Duration {
	half := window / 2
	if level <= half {
		return 0
	}
	return min(maxDelay, time.Duration(float64(maxDelay)*float64(level-half)/float64(half)))
}

// hold lets an attempt wait. With no place left, one that its source's failures
// slow is refused, and one that the failures of others slow passes at once: an
// id alone locks nobody out.
func (g *Guard) hold(ctx context.Context, d time.Duration, by By) error {
	places := &g.waiting.sources
	if by == ByID {
		places = &g.waiting.ids
	}
	defer places.Add(-1)
	if places.Add(1) > maxWaiting {
		if by == ByID {
			return nil
		}
		return g.refuse(by, maxDelay)
	}
	g.observe(by, Slowed)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return problem.Wrap(ctx.Err(), problem.DeadlineExceeded, "the request ended while it was held back")
	}
}
