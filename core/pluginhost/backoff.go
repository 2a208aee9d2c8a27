//go:build unix

package pluginhost

import (
	"crypto/rand"
	"io"
	"math/big"
	"slices"
	"time"
)

// How a process that ends is launched again.
const (
	backoffFirst   = 250 * time.Millisecond
	backoffMost    = 30 * time.Second
	backoffReset   = 60 * time.Second // ready for as long, it starts from the beginning
	failureWindow  = 5 * time.Minute
	failureLimit   = 5 // within the window: quarantined
	quarantineWait = time.Minute
)

// backoff decides when a process is launched again.
type backoff struct {
	random   io.Reader
	failures []time.Time // within the window, the oldest first
	streak   int         // failures since it was last ready for long
}

// failed takes note of a failure after the process was ready for a time, and
// returns how long to wait. It waits a random part of a limit that doubles
// (full jitter), so that the plugins of many hosts do not come back together.
func (b *backoff) failed(now time.Time, ready time.Duration) (wait time.Duration, quarantined bool) {
	if ready >= backoffReset {
		b.streak = 0
	}
	b.streak++
	b.failures = slices.DeleteFunc(b.failures, func(t time.Time) bool { return now.Sub(t) >= failureWindow })
	b.failures = append(b.failures, now)
	if len(b.failures) >= failureLimit {
		return quarantineWait, true
	}
	limit := min(backoffMost, backoffFirst<<min(b.streak-1, 16))
	part, err := rand.Int(b.random, big.NewInt(int64(limit)+1))
	if err != nil {
		return limit, false
	}
	return time.Duration(part.Int64()), false
}
