package host

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/provisioning/brake"
	"github.com/gatehouse-id/gatehouse/core/provisioning/pull"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// sources are the provisioners of the configuration in force that ask.
func (h *house) sources() (list []pull.Source) {
	for _, in := range h.current.Load().instances {
		if in.kind.Provisioner != nil && in.kind.Provisioner.Pulls {
			list = append(list, pull.Source{Instance: in.Name, Connection: in.of.Label, Organization: in.of.Organization, Every: in.of.PullEvery})
		}
	}
	return list
}

// passes ends those over identity providers.
type passes struct{ h *house }

var _ pull.Directory = passes{}

func (p passes) EndPass(ctx context.Context, by directory.By, s directory.Scope, after string, limit int) (gone directory.Gone, held bool, err error) {
	gone, err = p.h.directory.EndPass(ctx, by, s, after, limit)
	if kept := (*brake.HeldError)(nil); errors.As(err, &kept) {
		_ = p.h.brake.Note(ctx, err) // it says what the error says
		return gone, true, nil
	}
	return gone, false, err
}

// pulled is how the sources of the configuration in force are doing, those that
// were asked before.
func (h *house) pulled(ctx context.Context) ([]pull.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, storeCheckLimit)
	defer cancel()
	sources := map[string]bool{}
	for _, s := range h.sources() {
		sources[s.Instance] = true
	}
	if len(sources) == 0 {
		return nil, nil
	}
	all, err := h.pulls.All(ctx)
	return slices.DeleteFunc(all, func(s pull.Status) bool { return !sources[s.Instance] }), err
}

// pullsShown is how many of them the admin API shows.
const pullsShown = 100

// asked shows them. It is empty while the store cannot be read, which another
// condition tells.
func (h *house) asked(ctx context.Context) (list []admin.Pull) {
	all, err := h.pulled(ctx)
	if err != nil {
		h.Logger.WarnContext(ctx, "how far the passes over identity providers are cannot be read", "error", err)
		return nil
	}
	slices.SortStableFunc(all, func(a, b pull.Status) int { return cmp.Compare(b.Failures, a.Failures) })
	for _, s := range all[:min(len(all), pullsShown)] {
		list = append(list, asPull(s))
	}
	return list
}

func asPull(s pull.Status) admin.Pull {
	return admin.Pull{
		Instance: s.Instance, Connection: s.Connection, Organization: s.Organization, State: admin.PullState(s.State), Parts: s.Parts,
		StartedAt: inUTC(s.StartedAt), CompletedAt: inUTC(s.CompletedAt), RetryAt: inUTC(s.RetryAt), Failures: s.Failures, Problem: s.Problem,
	}
}

// inUTC leaves the time that is none as it is.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// pullMetrics tells how far the passes are. It looks when it is asked. Labels are
// the instances that the configuration has.
type pullMetrics struct {
	completed, failures, parts *prometheus.GaugeVec

	status func(context.Context) ([]pull.Status, error)
	mu     sync.Mutex // two who ask at once
}

func newPullMetrics(status func(context.Context) ([]pull.Status, error)) *pullMetrics {
	return &pullMetrics{
		status: status,
		completed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_pull_completed_timestamp_seconds", Help: "When the last pass over the identity provider was complete, in seconds since 1970; 0 is never.",
		}, []string{"provisioner"}),
		failures: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_pull_failures", Help: "How often in a row the identity provider could not be asked.",
		}, []string{"provisioner"}),
		parts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_pull_parts", Help: "Parts of this pass over the identity provider that are done, or of the last.",
		}, []string{"provisioner"}),
	}
}

func (m *pullMetrics) all() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{m.completed, m.failures, m.parts}
}

// Describe implements prometheus.Collector.
func (m *pullMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, g := range m.all() {
		g.Describe(to)
	}
}

// Collect implements prometheus.Collector, which has no context to pass on; the
// look has a limit of its own. While the store cannot be read there is nothing.
func (m *pullMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list, err := m.status(context.Background())
	if err != nil {
		return
	}
	for _, g := range m.all() {
		g.Reset()
	}
	for _, s := range list {
		m.failures.WithLabelValues(s.Instance).Set(float64(s.Failures))
		m.parts.WithLabelValues(s.Instance).Set(float64(s.Parts))
		completed := m.completed.WithLabelValues(s.Instance)
		if !s.CompletedAt.IsZero() {
			completed.Set(float64(s.CompletedAt.UnixMilli()) / 1000)
		}
	}
	for _, g := range m.all() {
		g.Collect(to)
	}
}
