package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/client"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(r *http.Request, status int, header http.Header) *http.Response {
	rec := httptest.NewRecorder()
	maps.Copy(rec.Header(), header)
	rec.WriteHeader(status)
	resp := rec.Result()
	resp.Request = r
	return resp
}

// answer is one thing that the other side does.
type answer struct {
	status int
	retry  string // Retry-After
	err    error
}

// script answers one request after the other, and keeps when they came and
// what they brought. After its end it answers 200.
type script struct {
	answers []answer
	began   time.Time
	at      []time.Duration
	bodies  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.at = append(s.at, time.Since(s.began))
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.bodies = append(s.bodies, string(body))
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	next := answer{status: 200}
	if n := len(s.at) - 1; n < len(s.answers) {
		next = s.answers[n]
	}
	if next.err != nil {
		return nil, next.err
	}
	header := http.Header{}
	if next.retry != "" {
		header.Set("Retry-After", next.retry)
	}
	return respond(r, next.status, header), nil
}

func TestRepetitions(t *testing.T) {
	const half = 100 * time.Millisecond // the first backoff without jitter: half of 200 ms
	reset := errors.New("connection reset by peer")
	untrusted := &tls.CertificateVerificationError{Err: errors.New("unknown authority")}
	busy := answer{status: 503, retry: "1"}
	after := func(d time.Duration) string { // synctest begins at 2000-01-01
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	stream := func(r *http.Request) { r.GetBody = nil }

	tests := map[string]struct {
		method  string
		change  func(*http.Request)
		answers []answer
		status  int // of the answer that the caller gets
		err     error
		at      []time.Duration
	}{
		"a success":                       {"POST", nil, nil, 200, nil, []time.Duration{0}},
		"POST, told to come back":         {"POST", nil, []answer{busy}, 200, nil, []time.Duration{0, time.Second + half}},
		"POST, throttled":                 {"POST", nil, []answer{{status: 429, retry: "2"}}, 200, nil, []time.Duration{0, 2*time.Second + half}},
		"POST, told a date":               {"POST", nil, []answer{{status: 503, retry: after(3 * time.Second)}}, 200, nil, []time.Duration{0, 3*time.Second + half}},
		"POST, a date that has passed":    {"POST", nil, []answer{{status: 503, retry: after(-time.Hour)}}, 200, nil, []time.Duration{0, half}},
		"POST, 503 that says nothing":     {"POST", nil, []answer{{status: 503}}, 503, nil, []time.Duration{0}},
		"POST, Retry-After of nonsense":   {"POST", nil, []answer{{status: 503, retry: "-1"}}, 503, nil, []time.Duration{0}},
		"POST, 502 with Retry-After":      {"POST", nil, []answer{{status: 502, retry: "1"}}, 502, nil, []time.Duration{0}},
		"POST, 500":                       {"POST", nil, []answer{{status: 500, retry: "1"}}, 500, nil, []time.Duration{0}},
		"POST, connection lost":           {"POST", nil, []answer{{err: reset}}, 0, reset, []time.Duration{0}},
		"POST, a body that cannot repeat": {"POST", stream, []answer{busy}, 503, nil, []time.Duration{0}},
		"PATCH, connection lost":          {"PATCH", nil, []answer{{err: reset}}, 0, reset, []time.Duration{0}},
		"GET, connection lost":            {"GET", nil, []answer{{err: reset}, {err: reset}}, 200, nil, []time.Duration{0, half, 3 * half}},
		"GET, 502, then 503":              {"GET", nil, []answer{{status: 502}, {status: 503}}, 200, nil, []time.Duration{0, half, 3 * half}},
		"GET, 504":                        {"GET", nil, []answer{{status: 504}}, 504, nil, []time.Duration{0}},
		"GET, 401":                        {"GET", nil, []answer{{status: 401, retry: "1"}}, 401, nil, []time.Duration{0}},
		"GET, a certificate not trusted":  {"GET", nil, []answer{{err: untrusted}}, 0, untrusted, []time.Duration{0}},
		"PUT with a body":                 {"PUT", nil, []answer{{err: reset}}, 200, nil, []time.Duration{0, half}},
		"four times at most":              {"GET", nil, []answer{busy, busy, busy, busy, busy}, 503, nil, []time.Duration{0, time.Second + half, 2*time.Second + 3*half, 3*time.Second + 7*half}},
		"longer than we may wait":         {"GET", nil, []answer{{status: 429, retry: "30"}}, 429, nil, []time.Duration{0}},
		"together longer than we may":     {"GET", nil, []answer{{status: 429, retry: "20"}, {status: 429, retry: "20"}}, 429, nil, []time.Duration{0, 20*time.Second + half}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tt.answers, began: time.Now()}
				o := options("https://app.example.com")
				o.Base, o.Jitter = s, func() float64 { return 0 }
				c, err := client.New(o)
				if err != nil {
					t.Fatal(err)
				}
				var body io.Reader
				if tt.method != "GET" {
					body = strings.NewReader("the body")
				}
				req, err := http.NewRequestWithContext(t.Context(), tt.method, "https://app.example.com/", body)
				if err != nil {
					t.Fatal(err)
				}
				if tt.change != nil {
					tt.change(req)
				}
				resp, err := c.Do(req)
				status := 0
				if err == nil {
					status = resp.StatusCode
					resp.Body.Close()
				}
				if status != tt.status || !errors.Is(err, tt.err) {
					t.Errorf("status %d, error %v; want %d, %v", status, err, tt.status, tt.err)
				}
				if diff := cmp.Diff(tt.at, s.at); diff != "" {
					t.Errorf("times of the attempts (-want +got):\n%s", diff)
				}
				for i, got := range s.bodies {
					if got != "the body" {
						t.Errorf("attempt %d had the body %q", i+1, got)
					}
				}
			})
		})
	}
}

func TestTheCallersTimeCounts(t *testing.T) {
	busy := answer{status: 503, retry: "10"}
	tests := map[string]struct {
		limit  time.Duration // of the context
		cancel time.Duration // when the caller gives up
		status int
		err    error
	}{
		"no time left to wait: the answer": {limit: 5 * time.Second, status: 503},
		"given up while waiting":           {limit: time.Hour, cancel: 5 * time.Second, err: context.Canceled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{busy}, began: time.Now()}
				o := options("https://app.example.com")
				o.Base = s
				c, err := client.New(o)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				req, err := http.NewRequestWithContext(ctx, "GET", "https://app.example.com/", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := c.Do(req)
				status := 0
				if err == nil {
					status = resp.StatusCode
					resp.Body.Close()
				}
				if status != tt.status || !errors.Is(err, tt.err) || len(s.at) != 1 {
					t.Errorf("status %d, error %v, %d attempts; want %d, %v, 1", status, err, len(s.at), tt.status, tt.err)
				}
				if waited := time.Since(s.began); waited != tt.cancel {
					t.Errorf("waited %v, want %v", waited, tt.cancel)
				}
			})
		})
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestARefusedRequestClosesItsBody(t *testing.T) {
	t.Parallel()
	tr, err := client.NewTransport(options("https://app.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	body := &closing{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://evil.example/", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.RoundTrip(req); !errors.Is(err, client.ErrOtherHost) || !body.closed {
		t.Errorf("error %v, body closed: %v", err, body.closed)
	}
}
