package host

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/core/tracing"
)

// trace begins the export of spans, where the configuration asks for it.
func (h *house) trace(ctx context.Context, end *closers) error {
	t := h.boot.Server.Tracing
	if t == nil || t.Endpoint == nil {
		return nil
	}
	var err error
	h.tracer, err = tracing.New(ctx, tracing.Options{
		Endpoint: t.Endpoint.String(), Headers: t.Headers, Sample: t.Sample, Version: h.Version, Registry: h.registry,
		Failed: func(err error) {
			h.Logger.WarnContext(ctx, "the collector does not take spans, which are dropped until it does", "endpoint", t.Endpoint.String(), "error", err)
		},
	})
	if err != nil {
		return err
	}
	end.add(func() error { _ = within(2*time.Second, h.tracer.Close); return nil }) // spans that are left are no reason to fail
	return nil
}
