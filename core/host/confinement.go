package host

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
)

// confinement tells what confines each plugin that runs. It looks when it is
// asked. Of two processes of one plugin, the one that is confined less counts.
type confinement struct {
	*prometheus.GaugeVec
	status func() []pluginhost.Status
	mu     sync.Mutex // two who ask at once
}

func newConfinement(status func() []pluginhost.Status) *confinement {
	return &confinement{status: status, GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_plugin_confined", Help: "1 while the plugin's process is confined by this, else 0; absent while none runs.",
	}, []string{"plugin", "by"})}
}

// Collect implements prometheus.Collector.
func (c *confinement) Collect(all chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Reset()
	less := map[string]bool{}
	for _, s := range c.status() {
		if s.PID == 0 {
			continue
		}
		for by, holds := range map[string]bool{"landlock": s.InForce.Landlock > 0, "seccomp": s.InForce.Seccomp, "limits": s.InForce.Limits} {
			series := c.WithLabelValues(s.Plugin, by)
			if less[s.Plugin+" "+by] = less[s.Plugin+" "+by] || !holds; less[s.Plugin+" "+by] {
				series.Set(0)
			} else {
				series.Set(1)
			}
		}
	}
	c.GaugeVec.Collect(all)
}
