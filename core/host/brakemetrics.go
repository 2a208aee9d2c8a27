package host

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
)

// brakeMetrics tells how many people wait for an operator's word. It looks when it
// is asked. Labels are connections, which the configuration bounds.
type brakeMetrics struct {
	*prometheus.GaugeVec
	list        func(ctx context.Context, organization string) ([]brake.Window, error)
	connections func() []string
	mu          sync.Mutex // two who ask at once
}

func newBrakeMetrics(list func(context.Context, string) ([]brake.Window, error), connections func() []string) *brakeMetrics {
	return &brakeMetrics{list: list, connections: connections, GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_brake_waiting", Help: "Who has left the connection, was kept from leaving or could not be restored, and waits for an operator's decision.",
	}, []string{"connection"})}
}

// brakeLook bounds the look into the store.
const brakeLook = 2 * time.Second

// Collect implements prometheus.Collector, which has no context to pass on. While
// the store cannot be read it is what it was.
func (m *brakeMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), brakeLook)
	defer cancel()
	if windows, err := m.list(ctx, ""); err == nil {
		m.look(windows)
	}
	m.GaugeVec.Collect(to)
}

func (m *brakeMetrics) look(windows []brake.Window) {
	m.Reset()
	for _, c := range m.connections() {
		m.WithLabelValues(c) // 0, from the start
	}
	for _, w := range windows {
		switch w.State {
		case brake.Tripped:
			m.WithLabelValues(w.Connection).Add(float64(w.Gone() + w.Held))
		case brake.Restoring:
			m.WithLabelValues(w.Connection).Add(float64(w.Stuck))
		case brake.Open, brake.Finishing: // nobody waits for an operator
		}
	}
}
