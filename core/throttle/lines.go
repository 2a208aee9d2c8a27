package throttle

import (
	"sync"
	"time"
)

// Lines lets a few lines a second into a log, and counts those that it left out:
// whoever can cause many must not be able to fill the disk.
type Lines struct {
	most  int
	clock func() time.Time

	mu      sync.Mutex
	since   time.Time
	written int
	left    int
}

// NewLines returns one that lets so many lines through in a second.
func NewLines(most int, clock func() time.Time) *Lines {
	return &Lines{most: most, clock: clock}
}

// Admit reports whether a line may be written now, and how many were left out
// before it.
func (l *Lines) Admit() (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if passed := now.Sub(l.since); passed >= time.Second || passed < 0 { // less than none: the clock was set
		l.since, l.written = now, 0
	}
	if l.written == l.most {
		l.left++
		return 0, false
	}
	l.written++
	left, l.left = l.left, 0
	return left, true
}
