package fetch

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/core/throttle"
)

// refusalsLogged is how many refused addresses are logged in a second. A plugin
// can ask for many more.
const refusalsLogged = 10

// refusalLog tells the operator who wanted to go where. It knows hosts and
// addresses; paths and queries may hold secrets.
type refusalLog struct {
	logger *slog.Logger
	lines  *throttle.Lines
}

func newRefusalLog(logger *slog.Logger, clock func() time.Time) refusalLog {
	return refusalLog{logger: logger, lines: throttle.NewLines(refusalsLogged, clock)}
}

func (l *refusalLog) refused(ctx context.Context, s Scope, host string, a netip.Addr) {
	left, ok := l.lines.Admit()
	if !ok {
		return
	}
	l.logger.WarnContext(ctx, "a plugin asked for an address that it may not reach", "plugin", s.Plugin, "instance", s.Instance,
		"organization", s.Organization, "host", host, "address", a.String(), "left_out_before", left)
}
