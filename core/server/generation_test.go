package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// held decides when it is told to.
type held struct{ began, goOn chan struct{} }

func (h held) Check(context.Context, *access.Request) (access.Decision, error) {
	h.began <- struct{}{}
	<-h.goOn
	return access.Decision{Identity: alpha}, nil
}

// A generation is not over while a request is decided on in it, and is once
// they all are; those that come after it see the next one.
func TestAGenerationEndsWithItsLastDecision(t *testing.T) {
	t.Parallel()
	g := openGate(t, echo(t), nil)
	first := g.now.Load()
	slow := held{make(chan struct{}), make(chan struct{})}
	before := &server.Generation{Access: slow, Proxy: first.Proxy, BodyBytes: first.BodyBytes, DrainTimeout: first.DrainTimeout}
	g.now.Store(before)
	var asking sync.WaitGroup
	asking.Go(func() { g.passes(t, "GET /x HTTP/1.1\nHost: a\nConnection: close\n\n") })
	<-slow.began
	after := &server.Generation{Access: g.checker, Proxy: first.Proxy, BodyBytes: first.BodyBytes, DrainTimeout: first.DrainTimeout}
	g.now.Store(after)
	g.passes(t, "GET /x HTTP/1.1\nHost: a\nConnection: close\n\n") // would hang in the one before
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := before.Decided(short); err == nil {
		t.Error("it is over while a request is decided on in it")
	}
	close(slow.goOn)
	if err := before.Decided(t.Context()); err != nil {
		t.Error(err)
	}
	asking.Wait()
}

// Every way that a request can take ends its turn: what is refused, what is
// ours, what is nobody's.
func TestEveryRequestEndsItsTurn(t *testing.T) {
	t.Parallel()
	g := openGate(t, echo(t), nil)
	for _, request := range []string{
		"GET /x HTTP/1.1", "GET /a%2fb HTTP/1.1", "GET /healthz HTTP/1.1", "GET /readyz HTTP/1.1", "GET /metrics HTTP/1.1",
		"GET /jwks.json HTTP/1.1", "GET /.gatehouse/jwks.json HTTP/1.1", "GET /.gatehouse/nothing HTTP/1.1", "GET /auth/check HTTP/1.1",
		"GET /auth/check HTTP/1.1\nX-Original-Method: GET\nX-Original-URI: /x", "GET /auth/check HTTP/1.1\nX-Original-Method: GET\nX-Original-URI: /a/../b",
		"GET /api/admin/v1/clients HTTP/1.1", "GET /x HTTP/1.1\nX-Test: forbidden", "GET /x HTTP/1.1\nX-Test: unavailable",
	} {
		raw(t, g, request+"\nHost: a\nConnection: close\n\n")
		now := g.now.Load()
		g.now.Store(&server.Generation{Access: g.checker, Proxy: now.Proxy, TrustedProxies: now.TrustedProxies, ShortRoutes: true, BodyBytes: 1 << 20, DrainTimeout: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := now.Decided(ctx); err != nil {
			t.Errorf("%q keeps its generation from ending", request)
		}
		cancel()
	}
}

// The attack: a stream that began before its principal lost the right to it
// goes on after the configuration that took it away.
func TestAStreamDoesNotOutliveItsRight(t *testing.T) {
	t.Parallel()
	sent := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(sent)
		<-r.Context().Done()
	}))
	defer app.Close()
	g := openGate(t, app.URL, nil)
	var refuse sync.Map
	streams := proxy.NewStreams(func(_ context.Context, upstream string, _ *access.Request) (access.Decision, error) {
		if _, no := refuse.Load(upstream); no {
			return access.Decision{}, problem.New(problem.Forbidden, "not any more")
		}
		return access.Decision{Identity: alpha}, nil
	})
	first := g.now.Load()
	u, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := proxy.Options{Upstreams: []proxy.Upstream{{Label: "app", URL: u, ConnectTimeout: time.Second, ResponseTimeout: time.Minute}}, Strip: func(http.Header) {}, Streams: streams,
		Problem: func(w http.ResponseWriter, r *http.Request, err error) { g.server.Failed(w, r, err) }}
	before, err := proxy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	g.now.Store(&server.Generation{Access: g.checker, Proxy: before, BodyBytes: first.BodyBytes, DrainTimeout: first.DrainTimeout})
	resp, err := http.Get(g.url + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-sent
	o.Before = before
	after, err := proxy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	refuse.Store("app", true)
	streams.Follow(t.Context(), after)
	if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the stream goes on: %d bytes, %v", n, err)
	}
}
