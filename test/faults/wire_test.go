//go:build linux

package faults_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// raw sends bytes that no client library would, and reads one response.
func raw(t *testing.T, h *gatehousetest.Host, text string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, text) }() // the host may answer, and close, before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a, err := read(resp)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// head is the begin of a request of a client, without the empty line.
func head(h *gatehousetest.Host, k gatehousetest.Key, request string, lines ...string) string {
	lines = append([]string{request + " HTTP/1.1", "Host: " + h.Addr, "X-Client-Id: " + k.Client, "X-Client-Secret: " + k.Secret, "Connection: close"}, lines...)
	return strings.Join(lines, "\r\n") + "\r\n"
}

// witness is an application that keeps what it was told of the caller.
type witness struct {
	mu   sync.Mutex
	seen []http.Header
}

func (s *witness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // trailers come after it
		return // an application does nothing for half a request
	}
	all := r.Header.Clone()
	for name, values := range r.Trailer {
		all["Trailer "+name] = values
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, all)
	w.WriteHeader(http.StatusNoContent)
}

func (s *witness) take() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// The attack: a caller who says who he is, in ways other than a plain header.
// The application is told the verified one, and nothing else.
func TestWhoCalledIsTheVerifiedOne(t *testing.T) {
	t.Parallel()
	app := &witness{}
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	h := before(t, gatehousetest.Options{}, server.URL)
	h.Write("open.hcl", "route \"/open/**\" {\n  public = true\n}\n")
	h.Start()
	k := analyst(h, "my-tenant")
	const chunked = "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n"
	tests := map[string]string{ // what follows the head
		"nothing":                             "\r\n",
		"our headers named as the hop's own":  "Connection: X-Gatehouse-Subject, X-Gatehouse-Assertion, X-Tenant-ID\r\nX-Gatehouse-Subject: forged\r\n\r\n",
		"the renamed header":                  "X-Tenant-ID: forged\r\n\r\n",
		"the renamed header in other cases":   "x-tenant-id: forged\r\nX-TENANT-ID: forged\r\n\r\n",
		"the renamed header with underscores": "X_Tenant_ID: forged\r\nX-Tenant_ID: forged\r\nX_Tenant-Id: forged\r\n\r\n",
		"the renamed header with dots":        "X.Tenant.ID: forged\r\n\r\n",
		"the header that was renamed":         "X-Gatehouse-Organization: forged\r\n\r\n",
		"a continued line":                    "X-Other: a\r\n X-Gatehouse-Subject: forged\r\n\r\n",
		"a trailer that is announced":         "Trailer: X-Gatehouse-Subject, X-Tenant-ID\r\n" + chunked + "X-Gatehouse-Subject: forged\r\nX-Tenant-ID: forged\r\n\r\n",
		"a trailer that is not":               chunked + "X-Gatehouse-Subject: forged\r\nX_Tenant_ID: forged\r\n\r\n",
		"an upgrade":                          "Connection: Upgrade, X-Gatehouse-Subject\r\nUpgrade: websocket\r\nX-Gatehouse-Subject: forged\r\n\r\n",
		"another path":                        "X-Original-Url: /forged\r\nX-Rewrite-Url: /forged\r\n\r\n",
	}
	for name, rest := range tests {
		t.Run(name, func(t *testing.T) {
			app.take()
			if a := raw(t, h, head(h, k, "POST /api/v1/query/execute")+rest); a.status != http.StatusNoContent {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			seen := app.take()
			if len(seen) != 1 {
				t.Fatalf("%d requests reached the application", len(seen))
			}
			for name, values := range seen[0] {
				if name != "X-Other" && strings.Contains(strings.Join(values, ""), "forged") {
					t.Errorf("the application sees %s: %q", name, values)
				}
			}
			for name, want := range map[string]string{"X-Gatehouse-Subject": "my-tenant", "X-Tenant-Id": "acme"} {
				if got := seen[0].Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("the application sees %s: %q, want %q", name, got, want)
				}
			}
			if seen[0].Get("X-Client-Secret") != "" {
				t.Error("the application sees the secret")
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		app.take()
		raw(t, h, "GET /open/x HTTP/1.1\r\nHost: "+h.Addr+"\r\nX-Tenant-ID: forged\r\nX_Gatehouse.Subject: forged\r\nConnection: close\r\n\r\n")
		if seen := app.take(); len(seen) != 1 || strings.Contains(fmt.Sprint(seen), "forged") {
			t.Errorf("the application sees %v", seen)
		}
	})
}

// The demonstration application believes the assertion, and says whose it is.
func TestTheApplicationEchoesTheVerifiedCaller(t *testing.T) {
	t.Parallel()
	h := demonstrated(t, gatehousetest.Options{})
	h.Start()
	k, other := analyst(h, "my-tenant"), analyst(h, "other")
	stolen := "X-Gatehouse-Subject: other\r\nX-Client_Id: other\r\nX-Tenant-ID: other\r\nX-Gatehouse-Assertion: " + other.Secret + "\r\n\r\n"
	a := raw(t, h, head(h, k, "GET /api/v1/whoami")+stolen)
	var who struct{ Subject, Organization string }
	if err := json.Unmarshal([]byte(a.body), &who); err != nil || who.Subject != "my-tenant" || who.Organization != "acme" {
		t.Errorf("the application says %d %s (%v)", a.status, a.body, err)
	}
}

// The attack: requests that two servers could read as different ones, and
// bodies that do not say how large they are.
func TestRequestsThatCouldBeReadTwoWays(t *testing.T) {
	t.Parallel()
	app := &witness{}
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	h := before(t, gatehousetest.Options{}, server.URL)
	h.Start()
	k := analyst(h, "my-tenant")
	var token struct{ Secret string }
	h.JSON(&token, "admin", "token", "create", "test")
	const post = "POST /api/v1/query/execute"
	inside := "GET /api/v1/admin/x HTTP/1.1\r\nHost: " + h.Addr + "\r\n\r\n"
	many := strings.Repeat("10000\r\n"+strings.Repeat("a", 0x10000)+"\r\n", 32) + "0\r\n\r\n"
	tests := map[string]struct {
		text   string
		status int
		code   problem.Code // "" is an answer of the HTTP library
	}{
		"two lengths":                 {head(h, k, post, "Content-Length: 5", "Content-Length: 6") + "\r\nhello", 400, ""},
		"a length that is none":       {head(h, k, post, "Content-Length: +5") + "\r\nhello", 400, ""},
		"two hosts":                   {head(h, k, post, "Host: other.example") + "\r\n", 400, ""},
		"a space before the colon":    {head(h, k, post, "X-Gatehouse-Subject : forged") + "\r\n", 400, ""},
		"a header without a name":     {head(h, k, post, ": forged") + "\r\n", 400, ""},
		"an unknown encoding":         {head(h, k, post, "Transfer-Encoding: xchunked") + "\r\n" + inside, 501, ""},
		"an unknown version":          {strings.Replace(head(h, k, post), "HTTP/1.1", "HTTP/3.9", 1) + "\r\n", 505, ""},
		"a chunk of no size":          {head(h, k, post, "Transfer-Encoding: chunked") + "\r\nzz\r\n" + inside, 502, problem.BadUpstream},
		"too many headers":            {head(h, k, post, strings.Split(strings.Repeat("X-A: b\n", 20_000), "\n")[:20_000]...) + "\r\n", 431, ""},
		"a long target":               {head(h, k, "GET /"+strings.Repeat("a", 64<<10)) + "\r\n", 431, ""},
		"too large, without a length": {"POST /api/admin/v1/clients HTTP/1.1\r\nHost: " + h.Addr + "\r\nAuthorization: Bearer " + token.Secret + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Replace(many, "aaaaaaaa", `{"id": "`, 1), 413, problem.TooLarge},
		"a body to a question":        {"POST /auth/check HTTP/1.1\r\nHost: " + h.Addr + "\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /api/v1/whoami\r\nTransfer-Encoding: chunked\r\n\r\n" + many, 401, problem.Unauthenticated},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			app.take()
			a := raw(t, h, tt.text)
			if tt.code != "" {
				a.refusal(t, tt.status, tt.code)
			} else if a.status != tt.status {
				t.Errorf("status %d, want %d: %s", a.status, tt.status, a.body)
			}
			for _, seen := range app.take() {
				t.Errorf("the application was reached: %v", seen)
			}
		})
	}
}
