package host

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/throttle"
)

// pluginMetrics counts what the plugin host tells. Labels are the plugins'
// names, which the configuration bounds.
type pluginMetrics struct {
	restarts *prometheus.CounterVec
	refused  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	fetches  *prometheus.CounterVec
}

var _ pluginhost.Observer = (*pluginMetrics)(nil)

func newPluginMetrics(r prometheus.Registerer) *pluginMetrics {
	m := &pluginMetrics{
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_plugin_restarts_total", Help: "How often the plugin's process was started again.",
		}, []string{"plugin"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_plugin_refused_calls_total", Help: "System calls of the plugin's process that its confinement has refused.",
		}, []string{"plugin"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_plugin_rpc_seconds", Help: "How long calls to the plugin took.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1, 2.5},
		}, []string{"plugin", "method"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_fetch_total", Help: "HTTP requests that plugins asked for, by how they ended.",
		}, []string{"plugin", "result"}),
	}
	r.MustRegister(m.restarts, m.refused, m.seconds, m.fetches)
	return m
}

// StateChanged implements pluginhost.Observer. The plugin's counters are there
// from its first state on: of one that appears with its first event, Prometheus
// does not see that it has grown.
func (m *pluginMetrics) StateChanged(plugin, _ string, s pluginhost.State, generation uint64) {
	m.refused.WithLabelValues(plugin)
	m.restarts.WithLabelValues(plugin)
	for _, r := range []fetch.Result{fetch.Answered, fetch.Cached, fetch.Refused, fetch.Limited, fetch.TimedOut, fetch.Failed} {
		m.fetches.WithLabelValues(plugin, string(r))
	}
	if s == pluginhost.Ready && generation > 1 {
		m.restarts.WithLabelValues(plugin).Inc()
	}
}

// CallEnded implements pluginhost.Observer.
func (m *pluginMetrics) CallEnded(plugin, method string, took time.Duration, _ error) {
	m.seconds.WithLabelValues(plugin, method).Observe(took.Seconds())
}

func (m *pluginMetrics) fetched(plugin string, r fetch.Result) {
	m.fetches.WithLabelValues(plugin, string(r)).Inc()
}

// CallRefused implements pluginhost.Observer.
func (m *pluginMetrics) CallRefused(plugin string) { m.refused.WithLabelValues(plugin).Inc() }

// newThrottleMetrics counts what was slowed and refused. There is a series for
// each way that it can happen, from the start.
func newThrottleMetrics(r prometheus.Registerer) throttle.Observer {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_throttled_total", Help: "Requests that were slowed or refused, by what was too much: failed attempts of a source, of an id or of both, or the rate of a client.",
	}, []string{"by", "action"})
	r.MustRegister(vec)
	type series struct {
		by     throttle.By
		action throttle.Action
	}
	all := map[series]prometheus.Counter{}
	for _, s := range []series{
		{throttle.BySource, throttle.Slowed}, {throttle.BySource, throttle.Refused}, {throttle.ByID, throttle.Slowed},
		{throttle.BySourceAndID, throttle.Slowed}, {throttle.BySourceAndID, throttle.Refused}, {throttle.ByClient, throttle.Refused},
	} {
		all[s] = vec.WithLabelValues(string(s.by), string(s.action))
	}
	return func(by throttle.By, action throttle.Action) { all[series{by, action}].Inc() }
}

// pluginsUp tells which plugins answer. It looks when it is asked: of two
// processes of one plugin, one of which takes over, neither may hide the other.
type pluginsUp struct {
	*prometheus.GaugeVec
	status func() []pluginhost.Status
	mu     sync.Mutex // two who ask at once
}

// Collect implements prometheus.Collector.
func (u *pluginsUp) Collect(all chan<- prometheus.Metric) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Reset()
	for _, s := range u.status() {
		if answers := u.WithLabelValues(s.Plugin); s.State == pluginhost.Ready {
			answers.Set(1)
		}
	}
	u.GaugeVec.Collect(all)
}

// measure makes the metrics that look at the house itself.
func (h *house) measure() {
	h.failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatehouse_config_reload_failures_total", Help: "How often a new configuration was refused while the host ran.",
	})
	revision := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_config_revision", Help: "The number of the configuration revision in force.",
	}, func() float64 {
		if now := h.current.Load(); now != nil {
			return float64(now.revision)
		}
		return 0
	})
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_plugin_up", Help: "1 while the plugin's process answers, else 0.",
	}, []string{"plugin"})
	cached := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_cached_credentials", Help: "Verified credentials that are kept in memory, nearly.",
	}, func() float64 {
		if now := h.current.Load(); now != nil {
			return float64(now.access.Cached())
		}
		return 0
	})
	changes := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gatehouse_changes_total", Help: "Changes that made answers in memory stale, since the host started.",
	}, func() float64 { return float64(h.feed.Position()) })
	changed := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_changed_timestamp_seconds", Help: "When the last of these changes was, or the start of the host, in seconds since 1970.",
	}, func() float64 { return float64(h.feed.Last().UnixMilli()) / 1000 })
	h.registry.MustRegister(cached, changes, changed, newConfinement(h.plugins.Status), &pluginsUp{GaugeVec: up, status: h.plugins.Status}, h.failures, revision)
	h.counted = newAccessMetrics(h.registry)
	h.counted.Evaluated = h.shadow.Saw
	h.throttled = newThrottleMetrics(h.registry)
	h.upstreams = newUpstreamFailures(h.registry, h.Logger)
	h.failing = newProvisionerFailures(h.registry)
	h.jumps = newClockJumps(h.registry)
	h.undeclared = newUndeclared(h.registry, h.Logger, h.clock)
	h.registry.MustRegister(newReadiness(h.ready))
	h.rates = throttle.NewRates(h.clock(), h.throttled)
}
