package application_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const issuer = "https://app.example.com"

// unreachable has the application go by the keys that it is given.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network in this test")
}

// gatehouse has the application's handler, and signs assertions for it.
type gatehouse struct {
	handler http.Handler
	signer  jose.Signer
}

func start(t *testing.T) gatehouse {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "k1"}},
		(&jose.SignerOptions{}).WithType("gatehouse+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k1"}}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := identity.New(identity.Options{
		Issuer: issuer, Audience: "app", Keys: keys, HTTPClient: &http.Client{Transport: unreachable{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return gatehouse{application.Handler(v), signer}
}

// assertion is for a client with these roles and this subject.
func (g gatehouse) assertion(t *testing.T, subject string, roles ...string) string {
	t.Helper()
	now := time.Now().Unix()
	token, err := jwt.Signed(g.signer).Claims(map[string]any{
		"iss": issuer, "aud": "app", "sub": subject, "kind": "client", "org": "acme", "client": subject,
		"roles": roles, "iat": now, "exp": now + 60,
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	g := start(t)
	who := map[string]any{"subject": "my-tenant", "kind": "client", "organization": "acme", "roles": []any{"analyst"}}
	type object = map[string]any
	large := `{"query":"` + strings.Repeat("x", 64<<10) + `"}`

	tests := map[string]struct {
		method, path, body string
		status             int
		want               object // the JSON answer
	}{
		"execute": {"POST", "/api/v1/query/execute", `{"query":"select 1","provider":"p","model":"m"}`, 200,
			object{"caller": who, "query": "select 1", "provider": "p", "model": "m"}},
		"execute, a query alone":        {"POST", "/api/v1/query/execute", `{"query":"q"}`, 200, object{"caller": who, "query": "q", "provider": "", "model": ""}},
		"execute, nothing":              {"POST", "/api/v1/query/execute", ``, 400, nil},
		"execute, no JSON":              {"POST", "/api/v1/query/execute", `query=1`, 400, nil},
		"execute, cut short":            {"POST", "/api/v1/query/execute", `{"query":"q"`, 400, nil},
		"execute, two objects":          {"POST", "/api/v1/query/execute", `{"query":"q"}{}`, 400, nil},
		"execute, a list":               {"POST", "/api/v1/query/execute", `[]`, 400, nil},
		"execute, no query":             {"POST", "/api/v1/query/execute", `{"provider":"p"}`, 400, nil},
		"execute, a member that is not": {"POST", "/api/v1/query/execute", `{"query":"q","caller":{"subject":"root"}}`, 400, nil},
		"execute, over the limit":       {"POST", "/api/v1/query/execute", large, 413, nil},
		"whoami":                        {"GET", "/api/v1/whoami", "", 200, who},
		"policies":                      {"GET", "/api/v1/admin/policies", "", 200, object{"caller": who, "policies": []any{"default"}}},
		"what there is not":             {"GET", "/api/v2", "", 404, nil},
		"another method":                {"DELETE", "/api/v1/whoami", "", 404, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set(identity.Header, g.assertion(t, "my-tenant", "analyst"))
			r.Header.Set("X-Gatehouse-Subject", "root")
			r.Header.Set("X-Gatehouse-Roles", "admin")
			rec := httptest.NewRecorder()
			g.handler.ServeHTTP(rec, r)
			if rec.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", rec.Code, tt.status, rec.Body)
			}
			if tt.status != 200 {
				if got := rec.Header().Get("Content-Type"); got != problem.MediaType {
					t.Errorf("a refusal as %q", got)
				}
				return
			}
			var got object
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyHealthIsPublic(t *testing.T) {
	t.Parallel()
	g := start(t)
	for path, want := range map[string]int{
		"/healthz": 200, "/": 401, "/api/v1/whoami": 401, "/api/v1/events": 401, "/api/v1/echo": 401,
		"/api/v1/admin/policies": 401, "/nothing": 401, "/healthz/x": 401,
	} {
		rec := httptest.NewRecorder()
		g.handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if rec.Code != want {
			t.Errorf("%s without an assertion: %d, want %d", path, rec.Code, want)
		}
	}
}

func TestThePageEscapes(t *testing.T) {
	t.Parallel()
	g := start(t)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set(identity.Header, g.assertion(t, "<script>alert(1)</script>", "a", "b"))
	rec := httptest.NewRecorder()
	g.handler.ServeHTTP(rec, r)
	body := rec.Body.String()
	if rec.Code != 200 || strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") || !strings.Contains(body, "a, b") {
		t.Errorf("status %d, page:\n%s", rec.Code, body)
	}
	if rec.Header().Get("Content-Security-Policy") == "" {
		t.Error("no Content-Security-Policy")
	}
}

func TestEventsGoOnUntilTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/events", nil)
		r.Header.Set(identity.Header, g.assertion(t, "my-tenant"))
		rec := httptest.NewRecorder()
		began := time.Now()
		g.handler.ServeHTTP(rec, r)
		if lasted := time.Since(began); lasted != application.StreamLimit {
			t.Errorf("the stream lasted %v, want %v", lasted, application.StreamLimit)
		}
		if got, want := strings.Count(rec.Body.String(), `data: {"subject":"my-tenant"`), int(application.StreamLimit/time.Second); got < want {
			t.Errorf("%d events, want one a second, %d", got, want)
		}
	})
}

func TestEventsArriveAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t)
	server := httptest.NewServer(g.handler)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(identity.Header, g.assertion(t, "my-tenant"))
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"id: 1", `data: {"subject":"my-tenant","kind":"client","organization":"acme","roles":[]}`, "", "id: 2"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("line %q, want %q (%v)", lines.Text(), want, lines.Err())
		}
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	g := start(t)
	server := httptest.NewServer(g.handler)
	defer server.Close()
	dial := func(header http.Header) (*websocket.Conn, *http.Response, error) {
		header.Set(identity.Header, g.assertion(t, "my-tenant"))
		return websocket.Dial(t.Context(), server.URL+"/api/v1/echo", &websocket.DialOptions{HTTPHeader: header})
	}
	conn, _, err := dial(http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	kind, message, err := conn.Read(t.Context())
	if err != nil || kind != websocket.MessageText || string(message) != "hello" {
		t.Errorf("%v %q, %v", kind, message, err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, make([]byte, 32<<10+1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("a message over the limit: %v", err)
	}
	if _, resp, err := dial(http.Header{"Origin": {"https://evil.example"}}); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another origin: %v", err)
	}
}
