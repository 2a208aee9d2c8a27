//go:build unix

package pluginhost

import (
	"sync"
	"time"
)

// A plugin may log this much for long, and this much at once.
const (
	linesPerSecond = 200
	linesAtOnce    = 1000
)

// flood lets a bounded number of log lines pass and counts the others.
type flood struct {
	mu      sync.Mutex
	credit  float64
	last    time.Time
	dropped int
}

func newFlood(now time.Time) *flood { return &flood{credit: linesAtOnce, last: now} }

// pass says whether a line passes now. With the first line that does after
// others were dropped it returns how many those were.
func (f *flood) pass(now time.Time) (ok bool, dropped int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.credit = min(linesAtOnce, f.credit+now.Sub(f.last).Seconds()*linesPerSecond)
	f.last = now
	if f.credit < 1 {
		f.dropped++
		return false, 0
	}
	f.credit--
	dropped, f.dropped = f.dropped, 0
	return true, dropped
}

// take returns how many lines were dropped and not yet told of.
func (f *flood) take() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	dropped := f.dropped
	f.dropped = 0
	return dropped
}
