package identity_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestMiddleware(t *testing.T) {
	t.Parallel()
	s := newSigner("current")
	good := s.good(now)

	tests := map[string]struct {
		header http.Header
		status int
		code   problem.Code
	}{
		"a good assertion": {http.Header{"X-Gatehouse-Assertion": {good}}, 200, ""},
		"none":             {nil, 401, problem.Unauthenticated},
		"only the headers that anybody can write": {http.Header{
			"X-Gatehouse-Subject": {"root"}, "X-Gatehouse-Kind": {"client"}, "X-Gatehouse-Organization": {"acme"}, "X-Gatehouse-Roles": {"admin"},
		}, 401, problem.Unauthenticated},
		"those beside a good one": {http.Header{
			"X-Gatehouse-Assertion": {good}, "X-Gatehouse-Subject": {"root"}, "X-Gatehouse-Roles": {"admin"},
		}, 200, ""},
		"two":                  {http.Header{"X-Gatehouse-Assertion": {good, good}}, 401, problem.Unauthenticated},
		"an empty one":         {http.Header{"X-Gatehouse-Assertion": {""}}, 401, problem.Unauthenticated},
		"an empty one and one": {http.Header{"X-Gatehouse-Assertion": {"", good}}, 401, problem.Unauthenticated},
		"with underscores":     {http.Header{"X_Gatehouse_Assertion": {good}}, 401, problem.Unauthenticated},
		"as a bearer token":    {http.Header{"Authorization": {"Bearer " + good}}, 401, problem.Unauthenticated},
		"expired":              {http.Header{"X-Gatehouse-Assertion": {s.good(now.Add(-time.Hour))}}, 401, problem.Expired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen *identity.Principal
			handler := offline(t, now, s).Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				p, ok := identity.From(r.Context())
				if !ok {
					t.Error("the application was reached without a principal")
				}
				seen = &p
			}))
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			maps.Copy(r.Header, tt.header)
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			if rec.Code != tt.status || (seen != nil) != (tt.status == 200) {
				t.Fatalf("status %d, application reached: %v; want %d", rec.Code, seen != nil, tt.status)
			}
			if tt.status == 200 {
				if seen.Subject != "my-tenant" || seen.Has("admin") || !seen.Has("analyst") {
					t.Errorf("principal %+v is not what was signed", seen)
				}
				return
			}
			var doc problem.Document
			if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Code != tt.code || doc.Hint == "" || rec.Header().Get("WWW-Authenticate") == "" || rec.Header().Get("Content-Type") != problem.MediaType {
				t.Errorf("answer %+v with header %v; want code %s, a hint, a challenge", doc, rec.Header(), tt.code)
			}
		})
	}
}

func TestMiddlewareWithoutKeys(t *testing.T) {
	t.Parallel()
	h := &host{}
	handler := h.verifier(t, nil).Middleware(http.NotFoundHandler())
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set(identity.Header, newSigner("current").good(time.Now()))
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
	}
}

func TestKeysOverTheNetwork(t *testing.T) {
	t.Parallel()
	s := newSigner("current")
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path
		publish("max-age=300", s)(w, r)
	}))
	defer server.Close()
	v, err := identity.New(identity.Options{Issuer: server.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	token := s.sign(s.header(), with(goodClaims(time.Now()), object{"iss": server.URL}))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if want := "GET /.well-known/jwks.json"; asked != want {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestFromWithoutMiddleware(t *testing.T) {
	t.Parallel()
	if p, ok := identity.From(t.Context()); ok {
		t.Errorf("made up %+v", p)
	}
	want := identity.Principal{Subject: "u1", Roles: []string{"viewer"}}
	got, ok := identity.From(identity.NewContext(t.Context(), want))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("From(NewContext) %v (-want +got):\n%s", ok, diff)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options identity.Options
		want    string // in the error; empty if the options are right
	}{
		"right":                         {identity.Options{Issuer: issuer, Audience: "app"}, ""},
		"loopback":                      {identity.Options{Issuer: "http://127.0.0.1:8080", Audience: "app"}, ""},
		"loopback by name":              {identity.Options{Issuer: "http://localhost:8080", Audience: "app"}, ""},
		"loopback in IPv6":              {identity.Options{Issuer: "http://[::1]:8080", Audience: "app"}, ""},
		"http that was asked for":       {identity.Options{Issuer: issuer, Audience: "app", JWKSURL: "http://gatehouse:8080/jwks", AllowHTTP: true}, ""},
		"no issuer":                     {identity.Options{Audience: "app"}, "Issuer"},
		"no audience":                   {identity.Options{Issuer: issuer}, "Audience"},
		"http":                          {identity.Options{Issuer: "http://app.example.com", Audience: "app"}, "https"},
		"http, a name like loopback":    {identity.Options{Issuer: "http://127.0.0.1.example.com", Audience: "app"}, "https"},
		"another scheme":                {identity.Options{Issuer: issuer, Audience: "app", JWKSURL: "file:///etc/keys", AllowHTTP: true}, "host"},
		"credentials in the URL":        {identity.Options{Issuer: issuer, Audience: "app", JWKSURL: "https://u:hunter2@app.example.com/"}, "credentials"},
		"credentials in what is no URL": {identity.Options{Issuer: issuer, Audience: "app", JWKSURL: "https://u:hunter2@app:x/"}, "not a URL"},
		"an issuer that is no URL":      {identity.Options{Issuer: "gatehouse", Audience: "app"}, "host"},
		"an hour of leeway":             {identity.Options{Issuer: issuer, Audience: "app", Leeway: time.Hour}, "Leeway"},
		"keys that are no JWKS":         {identity.Options{Issuer: issuer, Audience: "app", Keys: []byte("{}")}, "Keys"},
		"a negative stale time":         {identity.Options{Issuer: issuer, Audience: "app", MaxStale: -1}, "MaxStale"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := identity.New(tt.options)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New: %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}
