package host

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/provisioning"
)

// provisionerFailures counts the requests that provisioners failed. Labels are the
// names of instances, which the configuration bounds.
type provisionerFailures struct{ *prometheus.CounterVec }

func newProvisionerFailures(r prometheus.Registerer) *provisionerFailures {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_provisioner_failures_total",
		Help: "Requests of the identity provider that the provisioner did not answer, or not to the end, or in a way that cannot be handed on.",
	}, []string{"provisioner"})
	r.MustRegister(vec)
	return &provisionerFailures{vec}
}

// know makes the series of instances, which are there before they fail.
func (f *provisionerFailures) know(connections map[string]provisioning.Connection) {
	for label := range connections {
		for _, p := range connections[label].Provisioners {
			f.WithLabelValues(p.Instance)
		}
	}
}

func (f *provisionerFailures) failed(instance string) { f.WithLabelValues(instance).Inc() }
