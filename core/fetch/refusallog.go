package fetch

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// refusalsLogged is how many refused addresses are logged in a second. A plugin
// can ask for many more.
const refusalsLogged = 10

// refusalLog tells the operator who wanted to go where. It knows hosts and
// addresses; paths and queries may hold secrets.
type refusalLog struct {
	logger  *slog.Logger
	mu      sync.Mutex
	since   time.Time
	lines   int
	omitted int
}

func (l *refusalLog) refused(ctx context.Context, now time.Time, s Scope, host string, a netip.Addr) {
	omitted, ok := l.admit(now)
	if !ok {
		return
	}
	l.logger.WarnContext(ctx, "a plugin asked for an address that it may not reach", "plugin", s.Plugin, "instance", s.Instance,
		"organization", s.Organization, "host", host, "address", a.String(), "omitted", omitted)
}

func (l *refusalLog) admit(now time.Time) (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if passed := now.Sub(l.since); passed >= time.Second || passed < 0 {
		l.since, l.lines = now, 0
	}
	if l.lines == refusalsLogged {
		l.omitted++
		return 0, false
	}
	l.lines++
	omitted, l.omitted = l.omitted, 0
	return omitted, true
}
