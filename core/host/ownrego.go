package host

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// ownRego tells the operator of connections whose own Rego gives no answer. Labels are
// those of connections, which the configuration bounds.
type ownRego struct {
	*prometheus.CounterVec
	logger *slog.Logger
	lines  *throttle.Lines
}

// ownRegoLines is how many lines a second the log gets: a policy may fail for each user.
const ownRegoLines = 1

func newOwnRego(r prometheus.Registerer, logger *slog.Logger, clock func() time.Time) *ownRego {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_own_rego_failures_total",
		Help: "Evaluations of the own Rego of a connection that gave no answer; its users kept what it gave them.",
	}, []string{"connection"})
	r.MustRegister(vec)
	return &ownRego{vec, logger, throttle.NewLines(ownRegoLines, clock)}
}

// know makes the series of connections, which are there before they fail.
func (o *ownRego) know(connections []config.Connection) {
	for _, c := range connections {
		if c.Rego.Source != "" {
			o.WithLabelValues(c.Label)
		}
	}
}

func (o *ownRego) failed(connection string, err error) {
	o.WithLabelValues(connection).Inc()
	if left, ok := o.lines.Admit(); ok {
		o.logger.Error("the own rego of a connection gives no answer, and its users keep what it gave them",
			"connection", connection, "error", err, "left_out_before", left)
	}
}

// unanswered says which connections' own Rego gives no answer.
func unanswered(failing []grant.OwnFailure) (list []admin.Wrong) {
	for _, f := range failing {
		list = append(list, admin.Wrong{
			Problem: fmt.Sprintf("the rego of connection %s gives no answer since %s: %s", f.Connection, f.Since.UTC().Format(time.RFC3339), f.Problem),
			Affects: "its users keep what it gave them; what it would give or take now is not in force",
			Next:    "put the rego of its block right, then gatehouse apply",
		})
	}
	return list
}
