package plugin

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// scopeName says who made a span (OpenTelemetry's instrumentation scope).
const scopeName = "github.com/gatehouse-id/gatehouse/sdk/plugin"

// spanLimit is how many spans of one call are kept. The host takes no more.
const spanLimit = 32

// tracer makes spans of the calls that the host records, and of no others. They
// go to the host before the answer: a plugin has no network of its own.
type tracer struct {
	provider *sdktrace.TracerProvider
	begun    sync.Map // span id -> *spans, of spans that have not ended
}

func newTracer() *tracer {
	t := &tracer{}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())), sdktrace.WithSpanProcessor(t),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{AttributeValueLengthLimit: 256, AttributeCountLimit: 16}))
	return t
}

// everywhere lets libraries that know nothing of Gatehouse find the provider. The
// process is the plugin's own.
func (t *tracer) everywhere() { otel.SetTracerProvider(t.provider) }

// spans are those of one call.
type spans struct {
	mu    sync.Mutex
	begun []trace.SpanID
	ended []*hostv1.Span
	over  bool
}

type spansKey struct{}

// begin begins the span of a call that came with a traceparent (W3C Trace
// Context §3.2). Without one it does nothing.
func (t *tracer) begin(ctx context.Context, call *basev1.Call, method string) (context.Context, *spans) {
	if call.GetTraceparent() == "" {
		return ctx, nil
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": call.GetTraceparent()})
	s := &spans{}
	ctx, span := t.provider.Tracer(scopeName).Start(context.WithValue(ctx, spansKey{}, s), method, trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return ctx, nil
	}
	return ctx, s
}

// end ends the span of a call and sends what it has to the host. Spans that end
// later are lost.
func (t *tracer) end(ctx context.Context, s *spans, host hostv1.TraceServiceClient, call *basev1.Call, err error) {
	span := trace.SpanFromContext(ctx)
	if err != nil && problem.As(err).Code.Status() >= 500 {
		span.SetStatus(codes.Error, "")
	}
	span.End()
	s.mu.Lock()
	list := s.ended
	s.over = true
	s.mu.Unlock()
	for _, id := range s.begun { // those that were never ended as well
		t.begun.Delete(id)
	}
	if host != nil && len(list) > 0 {
		// What the host does not take it has counted; the call goes on as it is.
		_, _ = host.RecordSpans(ctx, &hostv1.RecordSpansRequest{Handle: call.GetHandle(), Spans: list})
	}
}

// OnStart implements sdktrace.SpanProcessor.
func (t *tracer) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	if s, ok := ctx.Value(spansKey{}).(*spans); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if id := span.SpanContext().SpanID(); !s.over {
			s.begun = append(s.begun, id)
			t.begun.Store(id, s)
		}
	}
}

// OnEnd implements sdktrace.SpanProcessor.
func (t *tracer) OnEnd(span sdktrace.ReadOnlySpan) {
	s, ok := t.begun.LoadAndDelete(span.SpanContext().SpanID())
	if ok {
		s.(*spans).add(span)
	}
}

func (s *spans) add(span sdktrace.ReadOnlySpan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The call's own span ends last, and has a place.
	if s.over || len(s.ended) >= spanLimit || (len(s.ended) == spanLimit-1 && !span.Parent().IsRemote()) {
		return
	}
	id, parent := span.SpanContext().SpanID(), span.Parent().SpanID()
	one := &hostv1.Span{
		SpanId: id[:], ParentSpanId: parent[:], Name: span.Name(), Failed: span.Status().Code == codes.Error,
		StartUnixNanos: span.StartTime().UnixNano(), EndUnixNanos: span.EndTime().UnixNano(),
	}
	for _, a := range span.Attributes() {
		if one.Attributes == nil {
			one.Attributes = map[string]string{}
		}
		one.Attributes[string(a.Key)] = a.Value.String()
	}
	s.ended = append(s.ended, one)
}

// ForceFlush implements sdktrace.SpanProcessor.
func (t *tracer) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdktrace.SpanProcessor.
func (t *tracer) Shutdown(context.Context) error { return nil }
