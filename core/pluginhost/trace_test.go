package pluginhost_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/tracing"
)

// The spans that a confined plugin makes, by the usual ways of OpenTelemetry,
// hang below the host's, in one trace.
func TestSpansCrossTheBoundary(t *testing.T) {
	t.Parallel()
	var seen spanList
	tracer := tracing.To(&seen, tracing.Options{Sample: 1, Registry: prometheus.NewRegistry(), Failed: func(err error) { t.Error(err) }})
	h := newHost(t, func(o *pluginhost.Options) { o.Tracer = tracer })
	p := h.ready(t, "good")
	ctx, request := tracer.Begin(t.Context(), http.Header{}, false, "proxy")
	if _, err := p.Verify(ctx, "acme", present("trace")); err != nil {
		t.Fatal(err)
	}
	request.End(nil)
	if _, err := p.Verify(t.Context(), "acme", present("trace")); err != nil { // of no trace: nothing is sent
		t.Fatal(err)
	}
	if err := tracer.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	byName := map[string]trace.ReadOnlySpan{}
	for _, s := range seen {
		byName[s.Name()] = s
	}
	if len(seen) != 5 {
		t.Fatalf("spans: %v", byName)
	}
	above := request.Context()
	for _, name := range []string{"plugin call", "Verify", "outer", "inner " + string(bytes.Repeat([]byte("x"), 58))} {
		s, ok := byName[name]
		if !ok {
			t.Fatalf("there is no span %q of %v", name, byName)
		}
		if s.Parent().SpanID() != above.SpanID() || s.SpanContext().TraceID() != above.TraceID() {
			t.Errorf("%q hangs below %v, not %v", name, s.Parent(), above)
		}
		service, _ := s.Resource().Set().Value("service.name")
		if want := map[bool]string{true: "gatehouse", false: "gatehouse-plugin-good"}[name == "plugin call"]; service.AsString() != want {
			t.Errorf("%q is of %s", name, service.AsString())
		}
		above = s.SpanContext()
	}
}

// spanList is where spans end up.
type spanList []trace.ReadOnlySpan

func (l *spanList) ExportSpans(_ context.Context, list []trace.ReadOnlySpan) error {
	*l = append(*l, list...)
	return nil
}

func (*spanList) Shutdown(context.Context) error { return nil }

// A call that nobody records takes no spans, whatever the plugin sends.
func TestSpansOfACallThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "liar")
	if got, err := p.Verify(t.Context(), "acme", present("spans")); err != nil || got.RecordID != "r1" {
		t.Errorf("%+v, %v", got, err)
	}
}
