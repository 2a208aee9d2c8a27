package tracing_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	foreignTrace = "0af7651916cd43dd8448eb211c80319c"
	foreign      = "00-" + foreignTrace + "-b7ad6b7169203331-01"
)

func TestATraceGoesOnWhereItIsBelieved(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header   string
		believed bool
		goesOn   bool
	}{
		"of a trusted proxy": {foreign, true, true},
		"of anybody":         {foreign, false, false},
		"broken":             {"00-zz-b7ad6b7169203331-01", true, false},
		"none":               {"", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, _ := tracer(t, newCollector(t).url, 0)
			defer finish(t, tr)
			ctx, span := tr.Begin(t.Context(), http.Header{"Traceparent": {tt.header}}, tt.believed, "proxy")
			defer span.End(nil)
			id, next := tracing.ID(ctx), http.Header{"Traceparent": {"old"}, "Tracestate": {"old=1"}}
			tracing.Inject(ctx, next)
			if (id == foreignTrace) != tt.goesOn || span.Recorded() != tt.goesOn {
				t.Errorf("trace id %q, recorded: %t", id, span.Recorded())
			}
			if got := next.Get("Traceparent"); len(got) != 55 || got[3:35] != id || next.Get("Tracestate") != "" {
				t.Errorf("the application gets %v, the trace is %s", next, id)
			}
		})
	}
}

func TestSpansReachTheCollector(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	tr, registry := tracer(t, c.url, 1)
	ctx, span := tr.Begin(t.Context(), http.Header{}, true, "proxy")
	inner, child := tracing.Child(ctx, "plugin call")
	call := tr.CallTo(inner, "apikey")
	call.Take([]tracing.PluginSpan{{ID: []byte("12345678"), Name: "Verify", Start: time.Now(), End: time.Now()}}, time.Now())
	child.End(problem.New(problem.Unavailable, "a secret-of-the-detail"))
	span.End(nil)
	finish(t, tr)
	if counted(t, registry, "gatehouse_spans_exported_total", "") != 3 || c.header.Get("X-Token") != "t" {
		t.Errorf("exported %v with %v", c.spans, c.header)
	}
	root, host, plugin := c.spans["proxy"], c.spans["plugin call"], c.spans["Verify"]
	if c.of["proxy"] != "gatehouse" || c.of["Verify"] != "gatehouse-plugin-apikey" {
		t.Errorf("services: %v", c.of)
	}
	if !bytes.Equal(host.GetParentSpanId(), root.GetSpanId()) || !bytes.Equal(plugin.GetParentSpanId(), host.GetSpanId()) || !bytes.Equal(plugin.GetTraceId(), root.GetTraceId()) {
		t.Errorf("they do not hang together: %v", c.spans)
	}
	if hex.EncodeToString(root.GetTraceId()) != tracing.ID(ctx) || host.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("got %v and %v", root, host)
	}
	if strings.Contains(fmt.Sprint(c.spans), "secret-of-the-detail") {
		t.Error("the words of an error left the host")
	}
}

// A plugin says what it likes; what becomes of it is bounded and in its place.
func TestSpansOfAHostilePlugin(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	tr, registry := tracer(t, c.url, 1)
	ctx, span := tr.Begin(t.Context(), http.Header{}, true, "proxy")
	call := tr.CallTo(ctx, "evil")
	many := map[string]string{}
	for i := range 100 {
		many[fmt.Sprint(i)] = strings.Repeat("v", 10_000)
	}
	now := time.Now()
	parent, err := hex.DecodeString(call.Traceparent()[36:52])
	if err != nil {
		t.Fatal(err)
	}
	call.Take([]tracing.PluginSpan{
		{ID: []byte("12345678"), Name: strings.Repeat("ä", 1000), Attributes: many, Start: now.Add(-time.Hour), End: now.Add(time.Hour)},
		{ID: []byte("12345678"), Name: "again"},
		{ID: parent, Name: "in place of the host's"},
		{ID: []byte("short"), Name: "no id"},
		{ID: make([]byte, 8), Name: "zeros"},
		{ID: []byte("itsown!!"), Parent: []byte("itsown!!"), Name: "a\nline\x00\xff", Start: now, End: now.Add(-time.Hour)},
	}, now)
	var flood []tracing.PluginSpan
	for i := range 1000 {
		flood = append(flood, tracing.PluginSpan{ID: fmt.Appendf(nil, "%08d", i+1), Name: fmt.Sprint("flood ", i)})
	}
	call.Take(flood, now)
	span.End(nil)
	finish(t, tr)
	if got := counted(t, registry, "gatehouse_spans_dropped_total", "plugin"); got != 4+1000-30 {
		t.Errorf("%v were refused", got)
	}
	if len(c.spans) != 33 {
		t.Errorf("%d spans arrived", len(c.spans))
	}
	long, line := c.spans[strings.Repeat("ä", 32)], c.spans["a?line??"]
	if long == nil || line == nil {
		t.Fatalf("the names are not cut: %v", c.spans)
	}
	if len(long.GetAttributes()) != 16 || len(long.GetAttributes()[0].GetValue().GetStringValue()) != 256 {
		t.Errorf("attributes: %v", long.GetAttributes())
	}
	began, ended := time.Unix(0, int64(long.GetStartTimeUnixNano())), time.Unix(0, int64(long.GetEndTimeUnixNano()))
	if began.Before(now.Add(-time.Minute)) || ended.After(now) || line.GetEndTimeUnixNano() < line.GetStartTimeUnixNano() {
		t.Errorf("from %v to %v", began, ended)
	}
	if !bytes.Equal(line.GetParentSpanId(), parent) {
		t.Error("a span is its own parent")
	}
}

// A collector that hangs, or is not there, holds nobody up.
func TestSpansAreDropped(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-let }))
	t.Cleanup(hanging.Close)
	tr, registry := tracer(t, hanging.URL, 1)
	const spans = 20_000
	for range spans { // would never end if one of them waited
		_, span := tr.Begin(t.Context(), http.Header{}, false, "proxy")
		span.End(nil)
	}
	if got := counted(t, registry, "gatehouse_spans_dropped_total", "queue_full"); got < spans-4096-2*512 {
		t.Errorf("only %v were dropped", got)
	}
	close(let)
	finish(t, tr)

	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	tr, registry = tracer(t, dead.URL, 1)
	_, span := tr.Begin(t.Context(), http.Header{}, false, "proxy")
	span.End(nil)
	finish(t, tr)
	if got := counted(t, registry, "gatehouse_spans_dropped_total", "collector"); got != 1 {
		t.Errorf("%v were dropped", got)
	}
}

// What the hot path does while tracing is off costs no memory.
func TestNoTracingCostsNothing(t *testing.T) {
	ctx := tracing.WithID(t.Context(), "abc")
	var none *tracing.Tracer
	if n := testing.AllocsPerRun(100, func() {
		ctx, span := tracing.Child(ctx, "store find")
		span.Set("key", "value")
		_ = none.CallTo(ctx, "apikey").Traceparent()
		span.End(nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLinesHaveTheTraceID(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		id    string
		attrs []any
		want  string
	}{
		"of a request":     {"abc", nil, "level=INFO msg=m room=a trace_id=abc\n"},
		"named already":    {"abc", []any{"trace_id", "own"}, "level=INFO msg=m room=a trace_id=own\n"},
		"outside of these": {"", nil, "level=INFO msg=m room=a\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			text := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})
			slog.New(tracing.Handler(text)).With("room", "a").InfoContext(tracing.WithID(t.Context(), tt.id), "m", tt.attrs...)
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", &out, tt.want)
			}
		})
	}
}
