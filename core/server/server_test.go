package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// checker decides by one header, so that these tests are about what is around
// a decision.
type checker struct {
	mu    sync.Mutex
	asked []access.Request
}

var alpha = access.NewIdentity("alpha", "client", "acme", "analyst", "signed")

func (c *checker) Check(_ context.Context, r *access.Request) (access.Decision, error) {
	c.mu.Lock()
	c.asked = append(c.asked, *r)
	c.mu.Unlock()
	switch r.Header.Get("X-Test") {
	case "":
		return access.Decision{Identity: alpha}, nil
	case "forbidden":
		return access.Decision{}, problem.New(problem.Forbidden, "no").WithPermission("policy:write")
	case "unavailable":
		return access.Decision{}, problem.New(problem.Unavailable, "restarting").WithRetryAfter(2 * time.Second)
	}
	if r.Header.Get("X-Test") == "step" {
		step := &access.StepUp{SignOn: policy.SignOn{MultiFactor: true, MaxAge: 10 * time.Minute}}
		return access.Decision{}, problem.Wrap(step, problem.InsufficientAuthentication, "not so")
	}
	return access.Decision{}, problem.New(problem.Unauthenticated, "who?").WithHint("send a key")
}

func (c *checker) last() access.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[len(c.asked)-1]
}

type gate struct {
	url     string
	checker *checker
	server  *server.Server
	ready   []server.Condition
	now     *atomic.Pointer[server.Generation]
}

func openGate(t testing.TB, upstream string, edit func(*server.Options, *server.Generation, *proxy.Upstream)) *gate {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{checker: &checker{}, now: &atomic.Pointer[server.Generation]{}, ready: []server.Condition{{Name: "store", OK: true}}}
	registry := prometheus.NewRegistry()
	o := server.Options{
		Listen: "127.0.0.1:0", Now: g.now.Load, Registry: registry, Logger: slog.New(slog.DiscardHandler),
		Limits: server.Limits{HeaderBytes: 16 << 10, ReadHeaderTimeout: time.Second, IdleTimeout: time.Minute},
		Admin:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "admin ", r.URL.Path) }),
		AdminToken: func(r *http.Request) error {
			if r.Header.Get("Authorization") == "Bearer admin" {
				return nil
			}
			return problem.New(problem.Unauthenticated, "an admin token is needed")
		},
		JWKS: func() jose.JSONWebKeySet { return jose.JSONWebKeySet{} }, Ready: func(context.Context) []server.Condition { return g.ready },
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	first := &server.Generation{
		Access: g.checker, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, ShortRoutes: true, BodyBytes: 1 << 20, DrainTimeout: 5 * time.Second,
	}
	up := proxy.Upstream{Label: "app", URL: u, PreserveHost: true, ConnectTimeout: time.Second, ResponseTimeout: 300 * time.Millisecond,
		Names: proxy.Names{Organization: "X-Tenant-ID"}}
	if edit != nil {
		edit(&o, first, &up)
	}
	streams := proxy.NewStreams(func(ctx context.Context, _ string, r *access.Request) (access.Decision, error) {
		return g.checker.Check(ctx, r)
	})
	first.Proxy, err = proxy.New(proxy.Options{
		Upstreams: []proxy.Upstream{up}, Strip: func(h http.Header) { h.Del("X-Client-Secret") }, Streams: streams,
		Problem: func(w http.ResponseWriter, r *http.Request, err error) { g.server.Failed(w, r, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	g.now.Store(first)
	if g.server, err = server.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.server.Serve() }()
	t.Cleanup(func() {
		if err := g.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	g.url = "http://" + g.server.Address()
	return g
}

// echo is an application that says what it got.
type got struct {
	Method, Target, Host string
	Header, Trailer      http.Header
	Body                 string
}

func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Gatehouse-Subject", "an echo of the application's")
		_ = json.NewEncoder(w).Encode(got{r.Method, r.RequestURI, r.Host, r.Header, r.Trailer, string(body)})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// raw sends bytes as they are and reads the answer.
func raw(t *testing.T, g *gate, request string) (*http.Response, string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func (g *gate) passes(t *testing.T, request string) got {
	t.Helper()
	resp, body := raw(t, g, request)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%q was answered %d: %s", request, resp.StatusCode, body)
	}
	if resp.Header.Get("X-Gatehouse-Subject") != "" {
		t.Error("what the application says of identities reached the client")
	}
	var seen got
	if err := json.Unmarshal([]byte(body), &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestWhatTheApplicationSees(t *testing.T) {
	g := openGate(t, echo(t), nil)
	seen := g.passes(t, "POST /api/v1/x?a=1&b=%2F HTTP/1.1\nHost: app.example\nX-Client-Secret: s\nX-Forwarded-For: 203.0.113.9\nContent-Length: 4\nConnection: close\n\nbody")
	if seen.Method != "POST" || seen.Target != "/api/v1/x?a=1&b=%2F" || seen.Host != "app.example" || seen.Body != "body" {
		t.Errorf("got %+v", seen)
	}
	want := map[string]string{
		"X-Gatehouse-Subject": "alpha", "X-Gatehouse-Kind": "client", "X-Tenant-Id": "acme", "X-Gatehouse-Roles": "analyst",
		"X-Gatehouse-Assertion": "signed", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "app.example",
		"X-Client-Secret": "",
	}
	for name, value := range want {
		if got := strings.Join(seen.Header[name], "|"); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// Nobody outside can set what an application takes for an identity, or for the
// path and method that were checked.
func TestForgedHeadersDoNotArrive(t *testing.T) {
	forged := []string{
		"X-Gatehouse-Subject: root", "x-gatehouse-subject: root", "X_Gatehouse_Subject: root", "X.Gatehouse.Subject: root", "x~gatehouse!roles: root", "X-Gatehouse_Roles: admin", "X-GATEHOUSE-Assertion: x.y.z",
		"X-Gatehouse-Whatever: x", "X-Tenant-ID: other", "x_tenant_id: other", "X-Tenant_ID: other",
		"X-Gatehouse-Subject: a\nX-Gatehouse-Subject: b",
		"Connection: close, X-Gatehouse-Subject, X-Gatehouse-Assertion, X-Tenant-ID", // hop-by-hop: asks the proxy to drop ours
		"X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Forwarded-User: root",
		"X-Forwarded-Prefix: /admin", "X-Real-IP: 10.0.0.1", "X-Forwarded-Uri: /admin",
	}
	g := openGate(t, echo(t), nil)
	want := g.passes(t, "GET /x HTTP/1.1\nHost: a\nConnection: close\n\n").Header
	for _, f := range forged {
		t.Run(f, func(t *testing.T) {
			connection := "Connection: close\n"
			if strings.HasPrefix(f, "Connection") {
				connection = ""
			}
			seen := g.passes(t, "GET /x HTTP/1.1\nHost: a\n"+connection+f+"\n\n").Header
			for name, values := range seen {
				if strings.Join(values, "|") != strings.Join(want[name], "|") {
					t.Errorf("the application sees %s: %q", name, values)
				}
			}
			for name := range want {
				if _, ok := seen[name]; !ok {
					t.Errorf("the application does not see %s", name)
				}
			}
		})
	}
	t.Run("a trailer", func(t *testing.T) {
		seen := g.passes(t, "POST /x HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked\nTrailer: X-Gatehouse-Subject, X-Checksum\n\n"+
			"4\nbody\n0\nX-Gatehouse-Subject: root\nX-Checksum: 1\n\n")
		if len(seen.Trailer["X-Gatehouse-Subject"]) > 0 || seen.Header.Get("X-Gatehouse-Subject") != "alpha" {
			t.Errorf("trailer %v, header %v", seen.Trailer, seen.Header["X-Gatehouse-Subject"])
		}
	})
}

func TestPathsThatCouldBeReadTwoWays(t *testing.T) {
	g := openGate(t, echo(t), nil)
	for _, target := range []string{
		"/a/../admin", "/a/%2e%2e/admin", "/a%2fadmin", "/a%5cadmin", `/a\admin`, "/a//admin", "/a/%00", "/admin;x=1", "/a/..;/admin", "/%ff", "/a%2", "*",
	} {
		resp, body := raw(t, g, "GET "+target+" HTTP/1.1\nHost: a\nConnection: close\n\n")
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
	for target, want := range map[string]string{
		"/a%41b": "/aAb", "/caf%c3%a9": "/caf%C3%A9", "http://elsewhere.example/abs?q": "/abs?q", "/trailing/": "/trailing/",
	} {
		if seen := g.passes(t, "GET "+target+" HTTP/1.1\nHost: a\nConnection: close\n\n"); seen.Target != want {
			t.Errorf("%s arrived as %s, want %s", target, seen.Target, want)
		}
		if path := g.checker.last().Path; !strings.HasPrefix(want, path) {
			t.Errorf("%s was checked as %s and arrived as %s", target, path, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	g := openGate(t, echo(t), nil)
	tests := map[string]struct {
		test   string
		status int
		header map[string]string
		body   string
	}{
		"401": {"who", 401, map[string]string{"Www-Authenticate": `Bearer realm="gatehouse"`, "Content-Type": problem.MediaType}, `"hint":"send a key"`},
		"403": {"forbidden", 403, map[string]string{"Content-Type": problem.MediaType}, `"permission":"policy:write"`},
		"503": {"unavailable", 503, map[string]string{"Retry-After": "2"}, `"code":"unavailable"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
			resp, body := raw(t, g, "GET /x HTTP/1.1\nHost: a\nX-Test: "+tt.test+"\nTraceparent: "+trace+"\nConnection: close\n\n")
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.body) || !strings.Contains(body, `"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			for name, want := range tt.header {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// An IdP with a right token and a wrong base URL is not told of a wrong token.
func TestATokenForProvisioningOnAnotherPath(t *testing.T) {
	g := openGate(t, echo(t), nil)
	for token, want := range map[string]string{"ghscim_P1_x": "ends with /scim/v2", "ghscimmer": "send a key"} {
		resp, body := raw(t, g, "GET /scim/v1/Users HTTP/1.1\nHost: a\nX-Test: who\nAuthorization: Bearer "+token+"\nConnection: close\n\n")
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, want) || strings.Contains(body, token) {
			t.Errorf("%s: %d %s", token, resp.StatusCode, body)
		}
	}
}

func TestUpstreamsThatFail(t *testing.T) {
	serve := func(answer string, hang bool) string {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					_, _ = http.ReadRequest(bufio.NewReader(c))
					_, _ = io.WriteString(c, answer)
					if hang {
						_, _ = io.Copy(io.Discard, c)
					}
				}()
			}
		}()
		return "http://" + l.Addr().String()
	}
	tests := map[string]struct {
		upstream string
		status   int
	}{
		"down":                {"http://127.0.0.1:1", 502},
		"hangs":               {serve("", true), 504},
		"hangs after a byte":  {serve("H", true), 504},
		"hangs up":            {serve("", false), 502},
		"is no HTTP":          {serve("SSH-2.0-OpenSSH\r\n", false), 502},
		"a status of rubbish": {serve("HTTP/1.1 abc nope\r\n\r\n", false), 502},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, tt.upstream, nil)
			resp, body := raw(t, g, "GET /x HTTP/1.1\nHost: a\nConnection: close\n\n")
			if resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != problem.MediaType || !strings.Contains(body, `upstream \"app\"`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if strings.Contains(body, "127.0.0.1") {
				t.Errorf("the caller learns where the application is: %s", body)
			}
		})
	}
}

func TestOurOwnRoutes(t *testing.T) {
	for _, short := range []bool{true, false} {
		g := openGate(t, echo(t), func(_ *server.Options, now *server.Generation, _ *proxy.Upstream) { now.ShortRoutes = short })
		for _, path := range []string{"/healthz", "/readyz", "/.well-known/jwks.json", "/metrics", "/api/admin/v1/clients"} {
			for _, full := range []string{path, "/.gatehouse" + path} {
				resp, body := raw(t, g, "GET "+full+" HTTP/1.1\nHost: a\nConnection: close\n\n")
				applications := strings.Contains(body, `"Target"`)
				if ours := short || strings.HasPrefix(full, "/.gatehouse"); ours == applications || resp.StatusCode != 200 {
					t.Errorf("short routes %v, %s: %d %.60s", short, full, resp.StatusCode, body)
				}
			}
		}
		if resp, _ := raw(t, g, "GET /.gatehouse/nothing HTTP/1.1\nHost: a\nConnection: close\n\n"); resp.StatusCode != 404 {
			t.Errorf("a path of ours that is none: %d", resp.StatusCode)
		}
	}
}

func TestTheAdminListenerHasTheInsideToItself(t *testing.T) {
	g := openGate(t, echo(t), func(o *server.Options, _ *server.Generation, _ *proxy.Upstream) { o.AdminListen = "127.0.0.1:0" })
	inside := *g
	inside.url = "http://" + g.server.AdminAddress()
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/admin/v1/clients"} {
		if _, body := raw(t, g, "GET "+path+" HTTP/1.1\nHost: a\nConnection: close\n\n"); !strings.Contains(body, `"Target"`) {
			t.Errorf("%s on the public listener is not the application's: %.60s", path, body)
		}
		if resp, _ := raw(t, g, "GET /.gatehouse"+path+" HTTP/1.1\nHost: a\nConnection: close\n\n"); resp.StatusCode != 404 {
			t.Errorf("/.gatehouse%s on the public listener: %d", path, resp.StatusCode)
		}
		if resp, _ := raw(t, &inside, "GET "+path+" HTTP/1.1\nHost: a\nConnection: close\nX-Forwarded-For: 203.0.113.9\n\n"); resp.StatusCode != 200 {
			t.Errorf("%s on the admin listener: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := raw(t, &inside, "GET /auth/check HTTP/1.1\nHost: a\nConnection: close\n\n"); resp.StatusCode != 404 {
		t.Errorf("the admin listener answers for the application: %d", resp.StatusCode)
	}
	if resp, _ := raw(t, g, "GET /.well-known/jwks.json HTTP/1.1\nHost: a\nConnection: close\n\n"); resp.StatusCode != 200 {
		t.Errorf("applications cannot read the keys: %d", resp.StatusCode)
	}
}

// What the inside looks like is for this machine and for admin tokens; a
// request that a proxy on this machine passed on was not made on it.
func TestTheInsideIsNotForEverybody(t *testing.T) {
	g := openGate(t, echo(t), nil)
	g.ready = []server.Condition{{Name: "store", OK: false, Detail: "the disk is full"}}
	tests := map[string]struct {
		headers string
		see     bool
	}{
		"from this machine":                      {"", true},
		"passed on by a proxy on this machine":   {"X-Forwarded-For: 203.0.113.9\n", false},
		"passed on, claims to be local":          {"X-Forwarded-For: 127.0.0.1\n", false},
		"passed on, with Forwarded":              {"Forwarded: for=203.0.113.9\n", false},
		"passed on, with an admin token":         {"X-Forwarded-For: 203.0.113.9\nAuthorization: Bearer admin\n", true},
		"passed on, with a token that is no one": {"X-Forwarded-For: 203.0.113.9\nAuthorization: Bearer x\n", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body := raw(t, g, "GET /readyz HTTP/1.1\nHost: a\nConnection: close\n"+tt.headers+"\n")
			if resp.StatusCode != 503 || strings.Contains(body, "disk is full") != tt.see {
				t.Errorf("readyz: %d %s", resp.StatusCode, body)
			}
			resp, _ = raw(t, g, "GET /metrics HTTP/1.1\nHost: a\nConnection: close\n"+tt.headers+"\n")
			if (resp.StatusCode == 200) != tt.see {
				t.Errorf("metrics: %d", resp.StatusCode)
			}
		})
	}
}

func TestDraining(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	}))
	defer app.Close()
	g := openGate(t, app.URL, func(_ *server.Options, _ *server.Generation, u *proxy.Upstream) { u.ResponseTimeout = 10 * time.Second })
	result := make(chan error, 1)
	go func() {
		resp, err := http.Get(g.url + "/slow")
		if err == nil {
			var body []byte
			body, err = io.ReadAll(resp.Body)
			if err == nil && string(body) != "done" {
				err = errors.New("cut: " + string(body))
			}
			_ = resp.Body.Close()
		}
		result <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- g.server.Shutdown(context.Background()) }()
	close(release)
	if err := <-result; err != nil {
		t.Errorf("a request in flight at the end: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestOversizedHeaders(t *testing.T) {
	g := openGate(t, echo(t), nil)
	resp, _ := raw(t, g, "GET /x HTTP/1.1\nHost: a\nX-Big: "+strings.Repeat("x", 40<<10)+"\n\n")
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", resp.StatusCode)
	}
}
