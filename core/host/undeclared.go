package host

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// undeclaredLines is how many lines a second are written: who sends credentials
// can bring a plugin to as many answers.
const undeclaredLines = 5

// undeclared tells the operator of plugins that answer for an organization which
// the configuration does not declare: it was forgotten there, or the plugin is
// not to be trusted.
type undeclared struct {
	answers *prometheus.CounterVec
	logger  *slog.Logger
	clock   func() time.Time

	mu      sync.Mutex
	second  int64
	written int
	left    int
}

func newUndeclared(r prometheus.Registerer, logger *slog.Logger, clock func() time.Time) *undeclared {
	u := &undeclared{logger: logger, clock: clock, answers: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_plugin_undeclared_organizations_total", Help: "Answers of the authenticator's plugin for an organization that is not declared.",
	}, []string{"authenticator"})}
	r.MustRegister(u.answers)
	return u
}

// seen counts every answer and writes of a few. The plugin host has checked that
// the organization is a label.
func (u *undeclared) seen(ctx context.Context, instance, organization string) {
	u.answers.WithLabelValues(instance).Inc()
	left, ok := u.admit()
	if !ok {
		return
	}
	u.logger.WarnContext(ctx, "a plugin answered for an organization that is not declared", "authenticator", instance, "organization", organization,
		"hint", "declare it with an organization block, if the authenticator may speak for it", "left_out_before", left)
}

func (u *undeclared) admit() (left int, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := u.clock().Unix(); now != u.second {
		u.second, u.written = now, 0
	}
	if u.written == undeclaredLines {
		u.left++
		return 0, false
	}
	u.written++
	left, u.left = u.left, 0
	return left, true
}
