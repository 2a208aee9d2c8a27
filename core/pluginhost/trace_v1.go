//go:build unix

package pluginhost

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// traceV1 takes the spans of one process. It needs no grant: what it can reach
// is the trace of a call that the plugin is answering, and that is recorded.
type traceV1 struct {
	hostv1.UnimplementedTraceServiceServer
	handles *handles
}

// RecordSpans takes spans into the trace of a live call.
func (t *traceV1) RecordSpans(_ context.Context, r *hostv1.RecordSpansRequest) (*hostv1.RecordSpansResponse, error) {
	now := time.Now()
	s, err := t.handles.scope(r.GetHandle(), now)
	if err != nil {
		return nil, err
	}
	if s.Traced == nil {
		return nil, problem.New(problem.Forbidden, "this call is not recorded: its request came without a traceparent")
	}
	spans := make([]tracing.PluginSpan, 0, len(r.GetSpans()))
	for _, one := range r.GetSpans() {
		spans = append(spans, tracing.PluginSpan{
			ID: one.GetSpanId(), Parent: one.GetParentSpanId(), Name: one.GetName(), Failed: one.GetFailed(), Attributes: one.GetAttributes(),
			Start: time.Unix(0, one.GetStartUnixNanos()), End: time.Unix(0, one.GetEndUnixNanos()),
		})
	}
	s.Traced.Take(spans, now)
	return &hostv1.RecordSpansResponse{}, nil
}
