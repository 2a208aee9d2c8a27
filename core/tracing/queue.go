package tracing

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The bounds of what waits for the collector.
const (
	queueLimit  = 4096 // spans
	batchLimit  = 512  // spans of one export
	batchWait   = 2 * time.Second
	exportLimit = 5 * time.Second
)

// queue holds spans that have ended until the collector takes them. Whoever ends
// a span never waits: what finds the queue full is dropped and counted.
type queue struct {
	exporter sdktrace.SpanExporter
	counters counters
	failed   func(error)
	failing  bool // the last export failed; of run alone

	ended    chan sdktrace.ReadOnlySpan
	stopping chan struct{}
	stop     sync.Once
	done     chan struct{}
}

type counters struct{ exported, full, refused, invalid prometheus.Counter }

// newCounters makes the metrics of what became of the spans.
func newCounters(r prometheus.Registerer) counters {
	exported := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatehouse_spans_exported_total", Help: "Spans of traces that the collector has taken.",
	})
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_spans_dropped_total", Help: "Spans of traces that nobody will see, by why.",
	}, []string{"reason"})
	r.MustRegister(exported, dropped)
	return counters{
		exported: exported, full: dropped.WithLabelValues("queue_full"),
		refused: dropped.WithLabelValues("collector"), invalid: dropped.WithLabelValues("plugin"),
	}
}

func newQueue(e sdktrace.SpanExporter, c counters, failed func(error)) *queue {
	q := &queue{
		exporter: e, counters: c, failed: failed,
		ended: make(chan sdktrace.ReadOnlySpan, queueLimit), stopping: make(chan struct{}), done: make(chan struct{}),
	}
	go q.run()
	return q
}

// OnStart implements sdktrace.SpanProcessor.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		q.add(s)
	}
}

func (q *queue) add(s sdktrace.ReadOnlySpan) {
	select {
	case q.ended <- s:
	default:
		q.counters.full.Inc()
	}
}

// run exports in batches: when one is full, or after a while.
func (q *queue) run() {
	defer close(q.done)
	tick := time.NewTicker(batchWait)
	defer tick.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, batchLimit)
	flush := func() { q.export(batch); clear(batch); batch = batch[:0] }
	for {
		select {
		case s := <-q.ended:
			if batch = append(batch, s); len(batch) == batchLimit {
				flush()
			}
		case <-tick.C:
			flush()
		case <-q.stopping:
			for {
				select {
				case s := <-q.ended:
					if batch = append(batch, s); len(batch) == batchLimit {
						flush()
					}
					continue
				default:
				}
				flush()
				return
			}
		}
	}
}

func (q *queue) export(batch []sdktrace.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportLimit)
	defer cancel()
	if err := q.exporter.ExportSpans(ctx, batch); err != nil {
		q.counters.refused.Add(float64(len(batch)))
		if !q.failing {
			q.failed(err)
		}
		q.failing = true
		return
	}
	q.failing = false
	q.counters.exported.Add(float64(len(batch)))
}

// ForceFlush implements sdktrace.SpanProcessor. Nothing asks for it.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdktrace.SpanProcessor.
func (q *queue) Shutdown(ctx context.Context) error {
	q.stop.Do(func() { close(q.stopping) })
	select {
	case <-q.done:
		return q.exporter.Shutdown(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
