package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The two ways in which an application asks.
const (
	proxied     = "proxy"
	forwardAuth = "forward_auth"
)

// counters holds a counter for each outcome, looked up once: the codes are a
// closed list, so nobody outside can make the metric grow.
type counters struct {
	byOutcome map[string]prometheus.Counter
	other     prometheus.Counter
}

var outcomes = []string{
	"allowed", string(problem.Invalid), string(problem.Unauthenticated), string(problem.Expired), string(problem.NotYetValid), string(problem.InsufficientAuthentication),
	string(problem.Network), string(problem.Forbidden), string(problem.NotFound), string(problem.TooLarge),
	string(problem.Throttled), string(problem.Unavailable), string(problem.DeadlineExceeded), string(problem.Internal),
}

func newCounters(registry prometheus.Registerer) map[string]*counters {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_decisions_total",
		Help: "Requests decided on, by the way they came (proxy, forward_auth) and the outcome: allowed, or the code of the refusal.",
	}, []string{"way", "outcome"})
	registry.MustRegister(vec)
	all := map[string]*counters{}
	for _, way := range []string{proxied, forwardAuth} {
		c := &counters{byOutcome: map[string]prometheus.Counter{}, other: vec.WithLabelValues(way, "other")}
		for _, outcome := range outcomes {
			c.byOutcome[outcome] = vec.WithLabelValues(way, outcome)
		}
		all[way] = c
	}
	return all
}

func (s *Server) count(way, outcome string) {
	c := s.decisions[way]
	if counter, ok := c.byOutcome[outcome]; ok {
		counter.Inc()
		return
	}
	c.other.Inc()
}
