// Package tracing is what a request leaves behind for people who look into it
// later: its trace id, and, where tracing is on, spans that go to a collector by
// OTLP over HTTP. Nothing waits for the collector: what it does not take in time
// is dropped and counted.
//
// Tracing is off by default. Then there is no Tracer, no context has a span, and
// Child is one look into the context.
package tracing

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scopeName says who made a span (OpenTelemetry's instrumentation scope).
const scopeName = "github.com/gatehouse-id/gatehouse"

// Options are what a Tracer is made from.
type Options struct {
	Endpoint string            // of the collector: scheme, host, port; /v1/traces is added
	Headers  map[string]string // of each request to it; they may be secret
	Sample   float64           // the share of new traces that is kept, from 0 to 1
	Version  string
	Registry prometheus.Registerer
	Failed   func(error) // told when the collector begins not to take spans
}

// Tracer begins the traces of requests.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
	queue    *queue
	version  string
}

// New returns a Tracer that exports until Close. The collector need not be
// there. Its error is about the options.
func New(ctx context.Context, o Options) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(o.Endpoint+"/v1/traces"), otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithTimeout(exportLimit), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return nil, fmt.Errorf("preparing the export of traces: %w", err)
	}
	return To(exporter, o), nil
}

// To is New with another exporter; the options about the collector do not count.
func To(exporter sdktrace.SpanExporter, o Options) *Tracer {
	t := &Tracer{queue: newQueue(exporter, newCounters(o.Registry), o.Failed), version: o.Version}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithResource(resourceOf("gatehouse", o.Version)),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: valueLimit, AttributeCountLimit: attributeLimit, EventCountLimit: 8, LinkCountLimit: 8,
			AttributePerEventCountLimit: 8, AttributePerLinkCountLimit: 8,
		}),
		sdktrace.WithSpanProcessor(t.queue))
	t.tracer = t.provider.Tracer(scopeName)
	return t
}

func resourceOf(service, version string) *resource.Resource {
	return resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", version))
}

// Close exports what is left, until ctx ends at the latest.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Begin begins the span of a request. The trace goes on from its traceparent
// (W3C Trace Context §3.2) only where that is believed: somebody else's would
// let him choose what is recorded, and under which id. The span has to be ended.
func (t *Tracer) Begin(ctx context.Context, h http.Header, believed bool, name string) (context.Context, Span) {
	if believed {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	return WithID(ctx, span.SpanContext().TraceID().String()), Span{span}
}

// Inject writes the headers by which whoever is called next goes on with the
// trace of ctx. Where ctx is of no trace, h stays as it is.
func Inject(ctx context.Context, h http.Header) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	h.Del("Tracestate")
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}
