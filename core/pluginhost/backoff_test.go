package pluginhost

import (
	"crypto/rand"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := backoff{random: rand.Reader}
		now, limit := time.Unix(0, 0), backoffFirst
		var window []time.Time
		for range rapid.IntRange(1, 30).Draw(t, "failures") {
			ready := time.Duration(rapid.IntRange(0, 120).Draw(t, "ready")) * time.Second
			now = now.Add(ready)
			if ready >= backoffReset {
				limit = backoffFirst
			}
			recent := window[:0]
			for _, at := range window {
				if now.Sub(at) < failureWindow {
					recent = append(recent, at)
				}
			}
			window = append(recent, now) //nolint:gocritic // recent is what is left of window
			wait, quarantined := b.failed(now, ready)
			if quarantined != (len(window) >= failureLimit) {
				t.Fatalf("quarantined %v with %d failures in the window", quarantined, len(window))
			}
			if quarantined && wait != quarantineWait || !quarantined && (wait < 0 || wait > limit) {
				t.Fatalf("it waits %s, at most %s are allowed", wait, limit)
			}
			now = now.Add(wait)
			limit = min(2*limit, backoffMost)
		}
	})
}
