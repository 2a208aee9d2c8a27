package tracing

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// The limits of spans, the plugins' as our own.
const (
	pluginSpanLimit = 32 // of one call
	nameLimit       = 64 // bytes
	keyLimit        = 64
	valueLimit      = 256
	attributeLimit  = 16
)

// PluginSpan is a span that a plugin says it has made. Nothing of it is trusted.
type PluginSpan struct {
	ID, Parent []byte
	Name       string
	Start, End time.Time
	Failed     bool
	Attributes map[string]string
}

// Call is a call to a plugin that is recorded. It takes the plugin's spans while
// it goes on.
type Call struct {
	parent trace.SpanContext
	plugin string
	began  time.Time
	tracer *Tracer

	mu    sync.Mutex
	known map[trace.SpanID]bool
}

// CallTo returns the recorded call that the span of ctx is of, and nil where
// there is none: then no spans are wanted. A nil Tracer has none.
func (t *Tracer) CallTo(ctx context.Context, plugin string) *Call {
	if t == nil {
		return nil
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return nil
	}
	return &Call{parent: span.SpanContext(), plugin: plugin, began: time.Now(), tracer: t, known: map[trace.SpanID]bool{}}
}

// Traceparent is what the plugin is given (W3C Trace Context §3.2); "" of nil.
func (c *Call) Traceparent() string {
	if c == nil {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), c.parent), carrier)
	return carrier["traceparent"]
}

// Take takes spans of the plugin: into the trace of this call, below its span,
// within its time, and as many and as long as is allowed. What does not fit is
// cut, or dropped and counted.
func (c *Call) Take(spans []PluginSpan, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range spans {
		id := trace.SpanID{}
		if len(s.ID) == len(id) && len(c.known) < pluginSpanLimit {
			id = trace.SpanID(s.ID)
		}
		// A name that is used already, or that is ours, would stand for another span.
		if !id.IsValid() || id == c.parent.SpanID() || c.known[id] {
			c.tracer.queue.counters.invalid.Inc()
			continue
		}
		c.known[id] = true
		c.tracer.queue.add(c.checked(s, id, now))
	}
}

func (c *Call) checked(s PluginSpan, id trace.SpanID, now time.Time) sdktrace.ReadOnlySpan {
	parent, kind := c.parent, trace.SpanKindServer
	// Its parent may come later, so any is taken that is none of ours.
	if len(s.Parent) == 8 && binary.BigEndian.Uint64(s.Parent) != 0 && trace.SpanID(s.Parent) != c.parent.SpanID() && trace.SpanID(s.Parent) != id {
		parent, kind = c.of(trace.SpanID(s.Parent)), trace.SpanKindInternal
	}
	start := within(s.Start, c.began, now)
	stub := tracetest.SpanStub{
		Name: printable(s.Name, nameLimit), SpanContext: c.of(id), Parent: parent, SpanKind: kind,
		StartTime: start, EndTime: within(s.End, start, now),
		Resource:             resourceOf("gatehouse-plugin-"+c.plugin, c.tracer.version),
		InstrumentationScope: instrumentation.Scope{Name: scopeName + "/sdk/plugin"},
	}
	if s.Failed {
		stub.Status = sdktrace.Status{Code: codes.Error}
	}
	for key, value := range s.Attributes {
		if len(stub.Attributes) == attributeLimit {
			stub.DroppedAttributes = len(s.Attributes) - attributeLimit
			break
		}
		stub.Attributes = append(stub.Attributes, attribute.String(printable(key, keyLimit), printable(value, valueLimit)))
	}
	return stub.Snapshot()
}

// of is a span of this call's trace.
func (c *Call) of(id trace.SpanID) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: c.parent.TraceID(), SpanID: id, TraceFlags: trace.FlagsSampled})
}

func within(t, from, to time.Time) time.Time {
	if t.Before(from) {
		return from
	}
	if t.After(to) {
		return to
	}
	return t
}

// printable cuts a text, and takes out what is no text.
func printable(text string, most int) string {
	out := make([]rune, 0, min(len(text), most))
	n := 0
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		if n += utf8.RuneLen(r); n > most {
			break
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return "unnamed"
	}
	return string(out)
}
