package host

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/proxy"
)

// upstreamFailures counts the requests that applications failed. Labels are
// those of the upstream blocks.
type upstreamFailures struct {
	*prometheus.CounterVec
	logger *slog.Logger
}

func newUpstreamFailures(r prometheus.Registerer, logger *slog.Logger) *upstreamFailures {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_upstream_failures_total", Help: "Requests that were allowed and that the application did not answer, or not to the end.",
	}, []string{"upstream", "how"})
	r.MustRegister(vec)
	return &upstreamFailures{vec, logger}
}

// know makes the series of applications, which are there before they fail.
func (u *upstreamFailures) know(labels []string) {
	for _, label := range labels {
		for _, how := range []proxy.Failure{proxy.Unreachable, proxy.TimedOut, proxy.BrokeOff} {
			u.WithLabelValues(label, string(how))
		}
	}
}

// failed counts. A request without an answer has a line in the log already, that
// of its problem; one whose answer broke off has none, as its status was out.
func (u *upstreamFailures) failed(upstream string, how proxy.Failure, err error) {
	u.WithLabelValues(upstream, string(how)).Inc()
	if how == proxy.BrokeOff {
		u.logger.Warn("an application broke off in the middle of its answer, and the client's connection was ended", "upstream", upstream, "error", err)
	}
}
