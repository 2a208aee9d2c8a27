package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func newSealer(tb testing.TB) *decided.Sealer {
	tb.Helper()
	root, err := keyring.LoadRootKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), "")
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := keyring.Open(tb.Context(), keyring.Options{
		Store: storetest.Open(tb, storetest.SQLite(tb)), Root: root, Clock: time.Now, Random: rand.Reader,
		Changed: func(context.Context, *store.Tx, keyring.Change) error { return nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	sealer, err := decided.New(keys, time.Now, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return sealer
}

func openSealed(t *testing.T, upstream string) (*gate, *decided.Sealer) {
	t.Helper()
	sealer := newSealer(t)
	return openGate(t, upstream, func(o *server.Options, g *server.Generation, _ *proxy.Upstream) {
		o.Decisions, g.Revision = sealer, 9
	}), sealer
}

// Whatever is decided, the answer says the decision's id, and a refusal says the
// same one in its document.
func TestEveryDecisionHasAnID(t *testing.T) {
	g, sealer := openSealed(t, echo(t))
	down, _ := openSealed(t, "http://127.0.0.1:1")
	const asked = "X-Original-Method: POST\nX-Original-URI: /x\n"
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		g                *gate
		request, outcome string
		way              decided.Way
	}{
		"passed on":                       {g, "GET /x HTTP/1.1\nHost: a\n", "allowed", decided.Proxied},
		"with an id of the client's own":  {g, "GET /x HTTP/1.1\nHost: a\nX-Gatehouse-Decision: forged\nX_Gatehouse_Decision: forged\n", "allowed", decided.Proxied},
		"refused":                         {g, "GET /x HTTP/1.1\nHost: a\nX-Test: forbidden\n", "permission_denied", decided.Proxied},
		"without a credential":            {g, "GET /x HTTP/1.1\nHost: a\nX-Test: who\n", "unauthenticated", decided.Proxied},
		"a failure of ours":               {g, "GET /x HTTP/1.1\nHost: a\nX-Test: unavailable\n", "unavailable", decided.Proxied},
		"a path that is read in two ways": {g, "GET /a%2fb HTTP/1.1\nHost: a\n", "invalid_request", decided.Proxied},
		"another proxy, yes":              {g, "GET /auth/check HTTP/1.1\nHost: a\n" + asked, "allowed", decided.ForwardAuth},
		"another proxy, no":               {g, "GET /auth/check HTTP/1.1\nHost: a\nX-Test: forbidden\n" + asked, "permission_denied", decided.ForwardAuth},
		"another proxy, nothing asked":    {g, "GET /auth/check HTTP/1.1\nHost: a\n", "invalid_request", decided.ForwardAuth},
		"the application is down":         {down, "GET /x HTTP/1.1\nHost: a\n", "allowed", decided.Proxied},
	} {
		resp, body := raw(t, c.g, c.request+"Connection: close\n\n")
		ids := resp.Header[problem.DecisionHeader]
		if len(ids) != 1 || len(ids[0]) != decided.Size || seen[ids[0]] {
			t.Errorf("%s: ids %q", name, ids)
			continue
		}
		seen[ids[0]] = true
		if c.g == g {
			f, err := sealer.Open(ids[0])
			if err != nil || f.Outcome != c.outcome || f.Way != c.way || f.Revision != 9 || time.Since(f.At) > time.Minute {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
		}
		if resp.StatusCode != http.StatusOK {
			var doc problem.Document
			if err := json.Unmarshal([]byte(body), &doc); err != nil || doc.Decision != ids[0] {
				t.Errorf("%s: the document says %q, %v", name, doc.Decision, err)
			}
		}
		if c.way == decided.ForwardAuth && resp.StatusCode == http.StatusForbidden && !strings.Contains(resp.Header.Get("X-Gatehouse-Problem"), ids[0]) {
			t.Errorf("%s: nginx is told another document: %s", name, resp.Header.Get("X-Gatehouse-Problem"))
		}
		if c.outcome == "allowed" && c.way == decided.Proxied && strings.Contains(body, "Decision") {
			t.Errorf("%s: the application sees %s", name, body)
		}
	}
	resp, _ := raw(t, g, "GET /.well-known/jwks.json HTTP/1.1\nHost: a\nConnection: close\n\n")
	if resp.Header[problem.DecisionHeader] != nil {
		t.Error("what is not decided on has an id")
	}
}

// An application cannot put another id in the place of ours: not in its answer, nor in
// what comes before it or behind it.
func TestApplicationsForgeNoID(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Gatehouse-Decision", "forged")
		h.Set("X_gatehouse_decision", "forged")
		h.Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		h.Set("Trailer", "X-Gatehouse-Decision, X-Sum")
		if strings.HasPrefix(r.URL.Path, "/announced") {
			h.Set("X-Gatehouse-Decision", "forged")
		}
		_, _ = io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		h.Set("X-Gatehouse-Decision", "forged")
		h.Set("X-Sum", "1")
		h.Set(http.TrailerPrefix+"X-Gatehouse-Subject", "forged")
	}))
	t.Cleanup(app.Close)
	g, sealer := openSealed(t, app.URL)
	for _, path := range []string{"/plain", "/announced"} {
		interim := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			interim++
			for name := range h {
				if strings.Contains(strings.ToLower(name), "gatehouse") {
					t.Errorf("%s: before the answer comes %s: %q", path, name, h[name])
				}
			}
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "body" || interim != 1 {
			t.Errorf("%s: %q, %v, %d interim answers", path, body, err, interim)
		}
		ids := resp.Header[problem.DecisionHeader]
		if len(ids) != 1 || resp.Header["X_gatehouse_decision"] != nil {
			t.Errorf("%s: ids %q", path, resp.Header)
		} else if _, err := sealer.Open(ids[0]); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if resp.Trailer.Get("X-Sum") != "1" || resp.Trailer.Get("X-Gatehouse-Decision") != "" || resp.Trailer.Get("X-Gatehouse-Subject") != "" {
			t.Errorf("%s: behind the answer comes %q", path, resp.Trailer)
		}
	}
}

// unread is where an answer goes that nobody reads.
type unread struct{ header http.Header }

func (u unread) Header() http.Header       { return u.header }
func (unread) Write(b []byte) (int, error) { return len(b), nil }
func (unread) WriteHeader(int)             {}

// BenchmarkAuthCheck is the answer to a proxy that asks, around the decision itself.
func BenchmarkAuthCheck(b *testing.B) {
	for name, sealer := range map[string]*decided.Sealer{"without an id": nil, "with an id": newSealer(b)} {
		b.Run(name, func(b *testing.B) {
			g := openGate(b, "http://127.0.0.1:1", func(o *server.Options, _ *server.Generation, _ *proxy.Upstream) { o.Decisions = sealer })
			r := httptest.NewRequest(http.MethodGet, "/auth/check", nil)
			r.RemoteAddr = "127.0.0.1:1234"
			r.Header.Set("X-Forwarded-Method", "GET")
			r.Header.Set("X-Forwarded-Uri", "/api/v1/query")
			path, w := r.URL.Path, unread{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				r.URL.Path = path
				g.server.ServeHTTP(w, r)
				g.checker.asked = g.checker.asked[:0]
			}
		})
	}
}
