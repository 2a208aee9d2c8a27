package host

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/throttle"
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
	lines   *throttle.Lines
}

func newUndeclared(r prometheus.Registerer, logger *slog.Logger, clock func() time.Time) *undeclared {
	u := &undeclared{logger: logger, lines: throttle.NewLines(undeclaredLines, clock), answers: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_plugin_undeclared_organizations_total", Help: "Answers of the authenticator's plugin for an organization that is not declared.",
	}, []string{"authenticator"})}
	r.MustRegister(u.answers)
	return u
}

// seen counts every answer and writes of a few. The plugin host has checked that
// the organization is a label.
func (u *undeclared) seen(ctx context.Context, instance, organization string) {
	u.answers.WithLabelValues(instance).Inc()
	left, ok := u.lines.Admit()
	if !ok {
		return
	}
	u.logger.WarnContext(ctx, "a plugin answered for an organization that is not declared", "authenticator", instance, "organization", organization,
		"hint", "declare it with an organization block, if the authenticator may speak for it", "left_out_before", left)
}
