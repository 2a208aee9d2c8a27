package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/tracing"
)

const (
	foreignTrace = "0af7651916cd43dd8448eb211c80319c"
	traceparent  = "Traceparent: 00-" + foreignTrace + "-b7ad6b7169203331-01\n"
)

type spanList struct{ all []sdktrace.ReadOnlySpan }

func (l *spanList) ExportSpans(_ context.Context, list []sdktrace.ReadOnlySpan) error {
	l.all = append(l.all, list...)
	return nil
}

func (*spanList) Shutdown(context.Context) error { return nil }

// What the caller, the application and the collector see is one trace, and only
// a trusted proxy says which.
func TestTracedRequests(t *testing.T) {
	for name, trusted := range map[string]bool{"of a trusted proxy": true, "of anybody": false} {
		t.Run(name, func(t *testing.T) {
			spans := &spanList{}
			tracer := tracing.To(spans, tracing.Options{Sample: 1, Registry: prometheus.NewRegistry(), Failed: func(err error) { t.Error(err) }})
			g := openGate(t, echo(t), func(o *server.Options, first *server.Generation, _ *proxy.Upstream) {
				o.Tracer = tracer
				if !trusted {
					first.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
				}
			})
			passed := g.passes(t, "GET /x HTTP/1.1\nHost: a\nConnection: close\n"+traceparent+"\n")
			_, body := raw(t, g, "GET /x?secret=q HTTP/1.1\nHost: a\nConnection: close\nX-Test: unavailable\n"+traceparent+"\n")
			var refused struct {
				TraceID string `json:"trace_id"`
			}
			if err := json.Unmarshal([]byte(body), &refused); err != nil {
				t.Fatal(err)
			}
			if err := g.server.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := tracer.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			onward := strings.Split(passed.Header.Get("Traceparent"), "-")
			if len(onward) != 4 || (onward[1] == foreignTrace) != trusted || (refused.TraceID == foreignTrace) != trusted {
				t.Errorf("the application got %q, the caller %q", onward, body)
			}
			seen := map[string]string{}
			for _, s := range spans.all {
				seen[s.Name()] += s.SpanContext().TraceID().String() + " " + s.SpanContext().SpanID().String() + " "
				for _, a := range s.Attributes() {
					seen[s.Name()] += string(a.Key) + "=" + a.Value.String() + " "
				}
			}
			if !strings.Contains(seen["upstream"], onward[1]+" "+onward[2]) {
				t.Errorf("the application was called in span %v, which is none of %v", onward, seen)
			}
			for _, want := range []string{refused.TraceID, "gatehouse.decision=allowed", "gatehouse.decision=unavailable", "http.response.status_code=503", "http.response.status_code=200"} {
				if !strings.Contains(seen["proxy"], want) {
					t.Errorf("%s is missing in %v", want, seen)
				}
			}
			if strings.Contains(seen["proxy"], "secret") {
				t.Errorf("the query is in %v", seen)
			}
		})
	}
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func TestAccessLog(t *testing.T) {
	for logged, want := range map[server.Logged]int{server.LogNone: 0, "": 0, server.LogRefused: 3, server.LogAll: 5} {
		t.Run("what is logged: "+string(logged), func(t *testing.T) {
			out := &lockedBuffer{}
			g := openGate(t, echo(t), func(o *server.Options, first *server.Generation, _ *proxy.Upstream) {
				first.Log, o.AccessLog = logged, slog.New(slog.NewJSONHandler(out, nil))
			})
			secrets := "X-Client-Secret: hunter2\nAuthorization: Bearer hunter2\n"
			raw(t, g, "POST /x?token=hunter2 HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 0\nX-Forwarded-For: 203.0.113.9\n"+secrets+"\n")
			raw(t, g, "GET /auth/check HTTP/1.1\nHost: a\nConnection: close\nX-Forwarded-Method: PUT\nX-Forwarded-Uri: /y?token=hunter2\n"+secrets+"\n")
			raw(t, g, "GET /auth/check HTTP/1.1\nHost: a\nConnection: close\nX-Test: forbidden\nX-Forwarded-Method: PUT\nX-Forwarded-Uri: /y?token=hunter2\n"+secrets+"\n")
			raw(t, g, "GET /x HTTP/1.1\nHost: a\nConnection: close\nX-Test: forbidden\n"+secrets+"\n")
			raw(t, g, "GET /a/../b?token=hunter2 HTTP/1.1\nHost: a\nConnection: close\n"+secrets+"\n")
			if err := g.server.Shutdown(t.Context()); err != nil { // the end of a request comes after its answer
				t.Fatal(err)
			}
			if strings.Contains(out.text.String(), "hunter2") {
				t.Errorf("a secret is in the log: %s", &out.text)
			}
			lines := strings.Split(strings.TrimSpace(out.text.String()), "\n")
			if n := strings.Count(out.text.String(), "\n"); n != want {
				t.Fatalf("%d lines, want %d:\n%s", n, want, &out.text)
			}
			if logged != server.LogAll {
				return
			}
			for i, want := range []string{
				`"way":"proxy","method":"POST","path":"/x","status":200,"outcome":"allowed"`,
				`"way":"forward_auth","method":"PUT","path":"/y","status":200,"outcome":"allowed"`,
				`"way":"forward_auth","method":"PUT","path":"/y","status":403,"outcome":"permission_denied"`,
				`"way":"proxy","method":"GET","path":"/x","status":403,"outcome":"permission_denied"`,
				`"way":"proxy","method":"GET","path":"","status":400,"outcome":"invalid_request"`,
			} {
				if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], `"trace_id":"`) {
					t.Errorf("line %d: %s\nwant %s", i+1, lines[i], want)
				}
			}
			if !strings.Contains(lines[0], `"source":"203.0.113.9"`) {
				t.Errorf("no source: %s", lines[0])
			}
		})
	}
}
