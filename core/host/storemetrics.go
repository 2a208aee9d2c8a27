package host

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// newStoreMetrics measures the store.
func newStoreMetrics(r prometheus.Registerer) store.Observer {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_store_seconds", Help: "How long reading and writing transactions of the store took, those that failed too.",
		Buckets: []float64{.0001, .001, .01, .1, 1, 5},
	}, []string{"operation"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_store_errors_total", Help: "Transactions that the store could not do.",
	}, []string{"operation"})
	r.MustRegister(seconds, failures)
	type series struct {
		seconds  prometheus.Observer
		failures prometheus.Counter
	}
	all := map[store.Operation]series{}
	for _, o := range []store.Operation{store.Reading, store.Writing} {
		all[o] = series{seconds.WithLabelValues(string(o)), failures.WithLabelValues(string(o))}
	}
	return func(o store.Operation, took time.Duration, failed bool) {
		all[o].seconds.Observe(took.Seconds())
		if failed {
			all[o].failures.Inc()
		}
	}
}
