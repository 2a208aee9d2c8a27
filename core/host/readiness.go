package host

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/server"
)

// readiness tells what /readyz tells. It looks when it is asked. The names of
// conditions are the store, the configuration, and what the configuration names.
type readiness struct {
	*prometheus.GaugeVec
	conditions func(context.Context) []server.Condition
	mu         sync.Mutex // two who ask at once
}

func newReadiness(conditions func(context.Context) []server.Condition) *readiness {
	return &readiness{conditions: conditions, GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_ready", Help: "1 while a condition of readiness holds, else 0.",
	}, []string{"condition"})}
}

// Collect implements prometheus.Collector, which has no context to pass on; the
// conditions have limits of their own.
func (r *readiness) Collect(all chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Reset()
	for _, c := range r.conditions(context.Background()) {
		holds := r.WithLabelValues(c.Name)
		if c.OK {
			holds.Set(1)
		}
	}
	r.GaugeVec.Collect(all)
}
