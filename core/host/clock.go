package host

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The clock of the machine is looked at this often, and by as much it may be set
// without a word: time services move it in small steps.
const (
	clockEvery = time.Second
	clockLeast = 5 * time.Second
)

func newClockJumps(r prometheus.Registerer) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_clock_jumps_total", Help: "How often the clock of the machine was set ahead or back by five seconds or more while the host ran.",
	}, []string{"direction"})
	r.MustRegister(vec)
	vec.WithLabelValues("ahead")
	vec.WithLabelValues("back")
	return vec
}

// watchClock tells when the clock of the machine is set, until ctx ends: what
// expires, and what the applications make of our assertions, goes by it.
func (h *house) watchClock(ctx context.Context) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	last := h.clock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := h.clock()
		by := jumped(last.Round(0), now.Round(0), now.Sub(last))
		last = now
		if by.Abs() < clockLeast {
			continue
		}
		direction := "ahead"
		if by < 0 {
			direction = "back"
		}
		h.jumps.WithLabelValues(direction).Inc()
		h.Logger.WarnContext(ctx, "the clock of this machine was set: credentials and assertions expire by it", "direction", direction, "by", by.Round(time.Second).String(),
			"hint", "see that the machine's time is right, and kept so by a time service")
	}
}

// jumped is by how much the clock moved beyond the time that has passed. A
// machine that slept looks the same as one whose clock was set ahead.
func jumped(last, now time.Time, passed time.Duration) time.Duration {
	return now.Sub(last) - passed
}
