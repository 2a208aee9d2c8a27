//go:build linux

// Package forwardauth runs the configurations of examples/nginx and
// examples/caddy with the real proxies, before the demonstration application.
package forwardauth_test

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// application of a test: the demonstration, and what reached it.
type recorder struct {
	url string

	mu       sync.Mutex
	requests []*http.Request
}

func startApplication(t *testing.T, g gatehouse) *recorder {
	t.Helper()
	v, err := identity.New(identity.Options{Issuer: g.url, Audience: g.audience})
	if err != nil {
		t.Fatal(err)
	}
	rec, app := &recorder{}, application.Handler(v)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		rec.requests = append(rec.requests, r.Clone(r.Context()))
		rec.mu.Unlock()
		app.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	rec.url = server.URL
	return rec
}

// seen returns, and forgets, the requests that reached the application.
func (r *recorder) seen() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.requests
	r.requests = nil
	return seen
}

// client follows no redirects and does not clean paths.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (c credential) header() http.Header {
	return http.Header{"X-Client-Id": {c.id}, "X-Client-Secret": {c.secret}}
}

// ask sends a request whose target goes out letter for letter.
func ask(t *testing.T, method, base, target string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base, body)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = target
	maps.Copy(req.Header, header)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func forEachProxy(t *testing.T, test func(t *testing.T, proxy string, g gatehouse, app *recorder)) {
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGatehouse(t)
			app := startApplication(t, g)
			test(t, start(t, hostOf(t, g.url), hostOf(t, app.url)), g, app)
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		wrong := credential{g.reader.id, "wrong"}
		const execute = `{"query":"q","provider":"p","model":"m"}`

		tests := map[string]struct {
			method, path, body string
			header             http.Header
			status             int
			answer             http.Header // must be in the answer
			text               string      // must be in its body
			reached            bool        // the application
		}{
			"a good credential": {"POST", "/api/v1/query/execute", execute, g.reader.header(), 200, nil,
				`"subject":"my-tenant","kind":"client","organization":"acme"`, true},
			"none": {"POST", "/api/v1/query/execute", execute, nil, 401,
				http.Header{"Www-Authenticate": {`Bearer realm="gatehouse"`}, "Content-Type": {problem.MediaType}}, `"hint":"send X-Client-Id`, false},
			"a wrong secret": {"GET", "/api/v1/whoami", "", wrong.header(), 401,
				http.Header{"Content-Type": {problem.MediaType}}, `"code":"unauthenticated"`, false},
			"a permission that is missing": {"GET", "/api/v1/admin/policies", "", g.reader.header(), 403,
				http.Header{"Content-Type": {problem.MediaType}}, `"permission":"policy:write"`, false},
			"Gatehouse is not ready": {"GET", "/api/v1/whoami", "", g.busy.header(), 503,
				http.Header{"Retry-After": {"7"}, "Content-Type": {problem.MediaType}}, `"code":"unavailable"`, false},
			"a public route":                   {"GET", "/healthz", "", nil, 200, nil, "ok", true},
			"the application's own 401 passes": {"GET", "/open/x", "", nil, 401, nil, "carries no assertion", true},
			"the application's own 404 passes": {"GET", "/nothing", "", g.reader.header(), 404, nil, "the application has no GET /nothing", true},
			"the application's own 400 passes": {"POST", "/api/v1/query/execute", "{", g.reader.header(), 400, nil, "invalid_request", true},
			"the keys, from Gatehouse":         {"GET", "/.well-known/jwks.json", "", nil, 200, nil, `"kid":"`, false},
			"the admin API is not there":       {"GET", "/api/admin/v1/keys", "", nil, 401, nil, "", false},
			"the check is not for clients":     {"GET", "/_gatehouse_check", "", nil, map[bool]int{true: 404, false: 401}[strings.Contains(t.Name(), "nginx")], nil, "", false},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				app.seen()
				resp, text := ask(t, tt.method, proxy, tt.path, tt.header, strings.NewReader(tt.body))
				if resp.StatusCode != tt.status {
					t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
				}
				for name, want := range tt.answer {
					if diff := cmp.Diff(want, resp.Header[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
				if !strings.Contains(text, tt.text) {
					t.Errorf("body %q, want %q in it", text, tt.text)
				}
				if resp.Header.Get("Content-Type") == problem.MediaType && !json.Valid([]byte(text)) {
					t.Errorf("the problem is no JSON: %q", text)
				}
				if reached := len(app.seen()) > 0; reached != tt.reached {
					t.Errorf("the application was reached: %v, want %v", reached, tt.reached)
				}
			})
		}
	})
}

func TestGatehouseAway(t *testing.T) {
	t.Parallel()
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGatehouse(t)
			app := startApplication(t, g)
			proxy := start(t, freeAddress(t), hostOf(t, app.url))
			resp, text := ask(t, "GET", proxy, "/healthz", g.reader.header(), nil)
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !strings.Contains(text, `"code":"unavailable"`) {
				t.Errorf("status %d, Retry-After %q, body %q", resp.StatusCode, resp.Header.Get("Retry-After"), text)
			}
			if len(app.seen()) > 0 {
				t.Error("the application was reached although nobody could ask Gatehouse")
			}
		})
	}
}

// The attack: identity headers from outside, in every spelling that an
// application could read as one of ours.
func TestIdentityHeadersFromOutside(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		spellings := map[string]func(name string) string{
			"as it is":         func(name string) string { return name },
			"lower case":       strings.ToLower,
			"upper case":       strings.ToUpper,
			"underscores":      func(name string) string { return strings.ReplaceAll(name, "-", "_") },
			"first underscore": func(name string) string { return strings.Replace(name, "-", "_", 1) },
			"last underscore":  func(name string) string { return "X-Gatehouse_" + strings.TrimPrefix(name, "X-Gatehouse-") },
			"dots":             func(name string) string { return strings.ReplaceAll(name, "-", ".") },
		}
		targets := map[string]struct {
			target string
			header http.Header
			status int
			want   []string // of identityHeaders, but the assertion; whatever is not forged if nil
		}{
			"with a credential":                    {"/api/v1/whoami", g.reader.header(), 200, []string{"my-tenant", "client", "acme", "analyst,viewer"}},
			"a public route":                       {"/healthz", http.Header{}, 200, []string{"", "", "", ""}},
			"a public route that wants a caller":   {"/open/x", http.Header{}, 401, []string{"", "", "", ""}},
			"a public route, and a credential too": {"/healthz", g.reader.header(), 200, []string{"my-tenant", "client", "acme", "analyst,viewer"}},
		}
		for spelling, spell := range spellings {
			for name, tt := range targets {
				t.Run(spelling+", "+name, func(t *testing.T) {
					header := tt.header.Clone()
					for _, name := range identityHeaders {
						header[spell(name)] = []string{"forged", "forged again"}
					}
					app.seen()
					resp, text := ask(t, "GET", proxy, tt.target, header, nil)
					if resp.StatusCode != tt.status {
						t.Errorf("status %d, want %d: %s", resp.StatusCode, tt.status, text)
					}
					seen := app.seen()
					if len(seen) != 1 {
						t.Fatalf("%d requests reached the application", len(seen))
					}
					for i, want := range tt.want {
						if got := seen[0].Header.Values(identityHeaders[i]); strings.Join(got, "|") != want {
							t.Errorf("%s is %q, want %q", identityHeaders[i], got, want)
						}
					}
					for name, values := range seen[0].Header {
						if strings.Contains(strings.Join(values, ""), "forged") {
							t.Errorf("the application sees %s: %q", name, values)
						}
					}
				})
			}
		}
	})
}

// The attack: headers that Gatehouse would believe from another proxy, to have
// it decide about another request than the one that is made.
func TestTheQuestionIsAboutTheRequest(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		for name, header := range map[string]http.Header{
			"as from nginx":            {"X-Original-Uri": {"/healthz"}, "X-Original-Method": {"GET"}},
			"as from Traefik or Caddy": {"X-Forwarded-Uri": {"/healthz"}, "X-Forwarded-Method": {"GET"}},
			"twice":                    {"X-Original-Uri": {"/healthz", "/healthz"}, "X-Forwarded-Uri": {"/healthz", "/healthz"}},
			"with underscores":         {"X_Original_URI": {"/healthz"}, "X_Forwarded_Uri": {"/healthz"}},
			"Forwarded":                {"Forwarded": {"for=127.0.0.1;host=evil.example"}},
			"X-Forwarded-Host":         {"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-For": {"127.0.0.1"}},
		} {
			t.Run(name, func(t *testing.T) {
				for who, credential := range map[string]http.Header{"nobody": {}, "reader": g.reader.header()} {
					want := map[string]int{"nobody": 401, "reader": 403}[who]
					maps.Copy(credential, header)
					app.seen()
					resp, _ := ask(t, "DELETE", proxy, "/api/v1/admin/policies", credential, nil)
					if resp.StatusCode != want || len(app.seen()) > 0 {
						t.Errorf("%s: status %d, want %d", who, resp.StatusCode, want)
					}
				}
			})
		}
	})
}

func TestWhatArrives(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		for _, target := range []string{
			"/nothing", "/nothing?a=1&b=%26%3d&c", "/a%20b/%C3%A9?q=%C3%A9+x", "/a%3Fb?c", "/a%40b@c",
			"/a+b", "/~a/(b)/c'd!*", "/a?", "/?", "/a%5Bb%5D?x[]=1", "/a/",
		} {
			for _, method := range []string{"GET", "POST", "DELETE", "PATCH"} {
				app.seen()
				body := io.Reader(nil)
				if method == "POST" || method == "PATCH" {
					body = io.MultiReader(strings.NewReader("chunked ")) // of unknown length
				}
				_, _ = ask(t, method, proxy, target, g.reader.header(), body)
				want := method + " " + target
				seen := app.seen()
				if len(seen) != 1 {
					t.Errorf("%s: %d requests reached the application", want, len(seen))
					continue
				}
				if got := seen[0].Method + " " + seen[0].RequestURI; got != want {
					t.Errorf("the application got %q, want %q", got, want)
				}
			}
		}
	})
}

// Paths that the application could read otherwise than the rule was matched
// against never reach it, with the best of credentials.
func TestPathsThatAreRefused(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		for _, target := range []string{
			"/a%2Fb", "/a%252Fb", "/a;b=c/d", "/a//b", "/%7Ea", "/open/..%2fapi", "/open/%2e%2e/api/v1/admin/policies",
			"/open/../api/v1/admin/policies", "/open/..;/api/v1/admin/policies", "/a%5cb", "/%00", "/%ff",
		} {
			app.seen()
			resp, text := ask(t, "GET", proxy, target, g.reader.header(), nil)
			if resp.StatusCode != 400 || len(app.seen()) > 0 {
				t.Errorf("%s: status %d: %s", target, resp.StatusCode, text)
			}
		}
	})
}

func TestCredentialsStopAtTheProxy(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, app *recorder) {
		header := g.reader.header()
		header.Set("X-License-Key", "license")
		header.Set("Authorization", "Bearer "+g.reader.secret)
		_, _ = ask(t, "GET", proxy, "/api/v1/whoami", header, nil)
		seen := app.seen()
		if len(seen) != 1 {
			t.Fatalf("%d requests reached the application", len(seen))
		}
		for name := range header {
			if values := seen[0].Header.Values(name); len(values) > 0 {
				t.Errorf("the application sees %s", name)
			}
		}
		if got := seen[0].Host; got != hostOf(t, proxy) {
			t.Errorf("Host is %q, want the one that the client asked for, %q", got, hostOf(t, proxy))
		}
	})
}

func TestStreams(t *testing.T) {
	t.Parallel()
	forEachProxy(t, func(t *testing.T, proxy string, g gatehouse, _ *recorder) {
		t.Run("server-sent events", func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", proxy+"/api/v1/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = g.reader.header()
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for _, want := range []string{"id: 1", `data: {"subject":"my-tenant"`, "", "id: 2"} {
				if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
					t.Fatalf("line %q, want %q (%v)", lines.Text(), want, lines.Err())
				}
			}
		})
		t.Run("WebSocket", func(t *testing.T) {
			conn, _, err := websocket.Dial(t.Context(), proxy+"/api/v1/echo", &websocket.DialOptions{HTTPHeader: g.reader.header()})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			for _, sent := range []string{"one", "two"} {
				if err := conn.Write(t.Context(), websocket.MessageText, []byte(sent)); err != nil {
					t.Fatal(err)
				}
				if _, got, err := conn.Read(t.Context()); err != nil || string(got) != sent {
					t.Errorf("sent %q, got %q, %v", sent, got, err)
				}
			}
		})
		t.Run("WebSocket without a credential", func(t *testing.T) {
			_, resp, err := websocket.Dial(t.Context(), proxy+"/api/v1/echo", nil)
			if err == nil || resp == nil || resp.StatusCode != 401 {
				t.Errorf("answer %v, error %v; want 401", resp, err)
			}
		})
	})
}
