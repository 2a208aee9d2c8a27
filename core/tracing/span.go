package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Span is a part of a request's work. The zero Span is none, and costs nothing.
type Span struct{ span trace.Span }

// Child begins a span within that of ctx, if that one is recorded. Else it
// returns ctx and no span.
func Child(ctx context.Context, name string) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scopeName).Start(ctx, name)
	return ctx, Span{span}
}

// Recorded reports whether anybody will see it: only then is it worth to find
// out what to set.
func (s Span) Recorded() bool { return s.span != nil && s.span.IsRecording() }

// Context is what others name the span by; it is not valid of no span.
func (s Span) Context() trace.SpanContext {
	if s.span == nil {
		return trace.SpanContext{}
	}
	return s.span.SpanContext()
}

// Set notes a text under a key. It is never a credential, nor an id that a
// client sent.
func (s Span) Set(key, value string) {
	if s.Recorded() {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// SetNumber is Set with a number.
func (s Span) SetNumber(key string, value int) {
	if s.Recorded() {
		s.span.SetAttributes(attribute.Int(key, value))
	}
}

// Fail notes the code of an error. Not its words: they are made for a caller or
// a log, and may name what a collector should not know.
func (s Span) Fail(err error) {
	if err == nil || !s.Recorded() {
		return
	}
	code := problem.As(err).Code
	s.span.SetAttributes(attribute.String("error.type", string(code)))
	if code.Status() >= 500 {
		s.span.SetStatus(codes.Error, string(code))
	}
}

// End ends it, with the error that the work ended with.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	s.Fail(err)
	s.span.End()
}
