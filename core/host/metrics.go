package host

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
)

// pluginMetrics counts what the plugin host tells. Labels are the plugins'
// names, which the configuration bounds.
type pluginMetrics struct {
	up       *prometheus.GaugeVec
	restarts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

var _ pluginhost.Observer = (*pluginMetrics)(nil)

func newPluginMetrics(r prometheus.Registerer) *pluginMetrics {
	m := &pluginMetrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_plugin_up", Help: "1 while the plugin's process answers, else 0.",
		}, []string{"plugin"}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_plugin_restarts_total", Help: "How often the plugin's process was started again.",
		}, []string{"plugin"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_plugin_rpc_seconds", Help: "How long calls to the plugin took.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1, 2.5},
		}, []string{"plugin", "method"}),
	}
	r.MustRegister(m.up, m.restarts, m.seconds)
	return m
}

// StateChanged implements pluginhost.Observer.
func (m *pluginMetrics) StateChanged(plugin, _ string, s pluginhost.State, generation uint64) {
	up := 0.0
	if s == pluginhost.Ready {
		up = 1
		if generation > 1 {
			m.restarts.WithLabelValues(plugin).Inc()
		}
	}
	m.up.WithLabelValues(plugin).Set(up)
}

// CallEnded implements pluginhost.Observer.
func (m *pluginMetrics) CallEnded(plugin, method string, took time.Duration, _ error) {
	m.seconds.WithLabelValues(plugin, method).Observe(took.Seconds())
}
