package host

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/access"
)

// newAccessMetrics counts what checks find in memory, and the use of keys. The
// counters are looked up once, so that a check adds to a number and no more.
func newAccessMetrics(r prometheus.Registerer) access.Counted {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_credential_lookups_total", Help: "Credentials looked for in memory: hit, stale where something has changed since, or miss.",
	}, []string{"result"})
	uses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_credential_uses_total", Help: "Requests that were let through with a credential, by the authenticator that it is of.",
	}, []string{"authenticator"})
	r.MustRegister(lookups, uses)
	return access.Counted{
		Known: lookups.WithLabelValues("hit"), Stale: lookups.WithLabelValues("stale"), Unknown: lookups.WithLabelValues("miss"),
		Uses: func(instance string) access.Counter { return uses.WithLabelValues(instance) },
	}
}
