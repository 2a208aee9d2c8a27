package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
)

// Of two processes of one plugin the one that is confined less counts, and one
// that does not run is not told of.
func TestConfinementMetric(t *testing.T) {
	t.Parallel()
	whole := pluginhost.InForce{Landlock: 7, Seccomp: true, Limits: true}
	c := newConfinement(func() []pluginhost.Status {
		return []pluginhost.Status{
			{Plugin: "a", PID: 1, InForce: whole},
			{Plugin: "b", PID: 2, InForce: pluginhost.InForce{Landlock: 7, Limits: true}},
			{Plugin: "b", PID: 3, InForce: whole, DedicatedTo: "x"},
			{Plugin: "c"},
		}
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	want := map[string]float64{"a landlock": 1, "a limits": 1, "a seccomp": 1, "b landlock": 1, "b limits": 1, "b seccomp": 0}
	for range 2 { // it is asked again and again
		families, err := registry.Gather()
		if err != nil || len(families) != 1 {
			t.Fatalf("%v, %v", families, err)
		}
		got := map[string]float64{}
		for _, m := range families[0].GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			got[labels["plugin"]+" "+labels["by"]] = m.GetGauge().GetValue()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}
