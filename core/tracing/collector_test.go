package tracing_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/core/tracing"
)

// collector takes spans as a real one does: OTLP over HTTP.
type collector struct {
	url    string
	mu     sync.Mutex
	spans  map[string]*tracepb.Span // by name
	of     map[string]string        // service.name by the span's name
	header http.Header
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{spans: map[string]*tracepb.Span{}, of: map[string]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(unzipped)
		var export collectorpb.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &export) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.header = r.Header
		for _, of := range export.GetResourceSpans() {
			for _, scope := range of.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					c.spans[span.GetName()] = span
					c.of[span.GetName()] = of.GetResource().GetAttributes()[0].GetValue().GetStringValue()
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

// tracer exports to a collector; what it has counted is in the registry.
func tracer(t *testing.T, url string, sample float64) (*tracing.Tracer, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	tr, err := tracing.New(t.Context(), tracing.Options{
		Endpoint: url, Headers: map[string]string{"X-Token": "t"}, Sample: sample, Version: "1", Registry: registry, Failed: func(error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr, registry
}

func finish(t *testing.T, tr *tracing.Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Error(err)
	}
}

// counted is the value of a counter, of the label's value if it has one.
func counted(t *testing.T, r *prometheus.Registry, name, reason string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (reason == "" || m.GetLabel()[0].GetValue() == reason) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %q", name, reason)
	return 0
}
