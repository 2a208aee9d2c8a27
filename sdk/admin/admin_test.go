package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestDialRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		options admin.Options
		code    problem.Code
		words   string
	}{
		"nothing":                  {admin.Options{}, problem.Invalid, "https://"},
		"no URL":                   {admin.Options{URL: "app.example.com", Token: "t"}, problem.Invalid, "https://"},
		"a password in it":         {admin.Options{URL: "https://a:b@app.example.com", Token: "t"}, problem.Invalid, "https://"},
		"in the clear":             {admin.Options{URL: "http://app.example.com", Token: "t"}, problem.Invalid, "use https"},
		"in the clear, looks near": {admin.Options{URL: "http://127.0.0.1.example.com", Token: "t"}, problem.Invalid, "use https"},
		"another scheme":           {admin.Options{URL: "ftp://localhost", Token: "t"}, problem.Invalid, "use https"},
		"no token":                 {admin.Options{URL: "https://app.example.com"}, problem.Unauthenticated, "gatehouse admin token create"},
		"no socket":                {admin.Options{Socket: filepath.Join(dir, admin.SocketName)}, problem.Unavailable, "gatehouse serve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := admin.Dial(t.Context(), tt.options)
			if !problem.Is(err, tt.code) || !strings.Contains(problem.As(err).Hint, tt.words) {
				t.Errorf("error %v, want %s with %q", err, tt.code, tt.words)
			}
		})
	}
}

// serve answers every call with h; the client trusts its certificate.
func serve(t *testing.T, h http.HandlerFunc) *admin.Host {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c, err := admin.Dial(t.Context(), admin.Options{URL: server.URL + "/", Token: "token-canary", TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsNoAnswer(t *testing.T) {
	refusal := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		code   problem.Code
	}{
		"a problem":            {refusal(problem.MediaType, `{"code":"unavailable","detail":"restarting","trace_id":"t1"}`), problem.Unavailable},
		"a page of a proxy":    {refusal("text/html", `<h1>503 token-canary</h1>`), problem.BadUpstream},
		"JSON of someone else": {refusal(problem.MediaType, `{"message":"no"}`), problem.BadUpstream},
		"no JSON":              {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, problem.BadUpstream},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			for range 17 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, problem.BadUpstream},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, problem.Unavailable},
		"somewhere else": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com"+r.URL.Path, http.StatusTemporaryRedirect)
		}, problem.BadUpstream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := serve(t, tt.answer).Status(t.Context())
			if !problem.Is(err, tt.code) || strings.Contains(err.Error(), "token-canary") {
				t.Fatalf("error %v, want a %s without what was said", err, tt.code)
			}
			var refused *admin.Error
			if tt.code == problem.Unavailable && errors.As(err, &refused) {
				if refused.TraceID != "t1" || refused.Problem.RetryAfter != 3*time.Second || refused.Problem.Detail != "restarting" {
					t.Errorf("a part of the problem was lost: %+v", refused)
				}
			}
		})
	}
}

// An id stays one segment of the path, whatever is in it.
func TestIDsStayInTheirPlace(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.RequestURI
		_, _ = w.Write([]byte(`{}`))
	})
	if _, err := c.RevokeKey(t.Context(), "../admin-tokens/x?a=b#c", admin.Revocation{}); err != nil {
		t.Fatal(err)
	}
	if want := "POST /api/admin/v1/keys/..%2Fadmin-tokens%2Fx%3Fa=b%23c/revoke"; got != want {
		t.Errorf("the request was %s, want %s", got, want)
	}
	for _, id := range []string{"", ".", ".."} {
		got = ""
		if _, err := c.Client(t.Context(), id); !problem.Is(err, problem.Invalid) || got != "" {
			t.Errorf("id %q: %v, and %q was sent", id, err, got)
		}
	}
}

func TestAContextEndsACall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // what is returned here would be an answer, which may come before the end
	})
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestTheTokenFile(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"is not there": func(string) error { return nil },
		"is a folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"is large":     func(path string) error { return os.WriteFile(path, make([]byte, 5<<10), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "gha") // short enough for a socket
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			socket := listenUnix(t, filepath.Join(dir, admin.SocketName))
			if err := write(filepath.Join(dir, admin.TokenName)); err != nil {
				t.Fatal(err)
			}
			if _, err := admin.Dial(t.Context(), admin.Options{Socket: socket}); !problem.Is(err, problem.Unauthenticated) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestASecretIsNotEncodedAgain(t *testing.T) {
	var issued admin.Issued
	if err := json.Unmarshal([]byte(`{"key":{"id":"K1"},"secret":"ghk_canary"}`), &issued); err != nil || issued.Secret.Reveal() != "ghk_canary" {
		t.Fatalf("%v, %v", issued, err)
	}
	text, err := json.Marshal(issued)
	if err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestDuration(t *testing.T) {
	var n admin.NewKey
	if err := json.Unmarshal([]byte(`{"lifetime":"36h"}`), &n); err != nil || time.Duration(n.Lifetime) != 36*time.Hour {
		t.Errorf("%v, %v", n, err)
	}
	if text, err := json.Marshal(n); err != nil || string(text) != `{"lifetime":"36h0m0s"}` {
		t.Errorf("%s, %v", text, err)
	}
	for _, bad := range []string{`{"lifetime":"1 day"}`, `{"lifetime":5}`, `{"lifetime":""}`} {
		if err := json.Unmarshal([]byte(bad), &n); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// listenUnix is a socket behind which somebody accepts and says nothing.
func listenUnix(t *testing.T, path string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return path
}
