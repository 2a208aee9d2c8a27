//go:build linux

package faults_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// An application that fails in the middle of its answer: nobody may take the
// half for the whole.
func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		says   string
		status int
		code   problem.Code // "" if the status was out before it failed
	}{
		"a body that is too short":    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 200, ""},
		"no last chunk":               {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 200, ""},
		"a chunk that is garbage":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", 200, ""},
		"half a header":               {"HTTP/1.1 200 OK\r\nContent-Le", 502, problem.BadUpstream},
		"two lengths":                 {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhalf", 502, problem.BadUpstream},
		"an upgrade nobody asked for": {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 502, problem.BadUpstream},
		"a status that is none":       {"HTTP/1.1 999999 What\r\n\r\n", 502, problem.BadUpstream},
		"a header with a null byte":   {"HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 0\r\n\r\n", 502, problem.BadUpstream},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := before(t, gatehousetest.Options{}, gatehousetest.Upstream(t, func(c net.Conn) { _, _ = io.WriteString(c, tt.says) }))
			h.Start()
			k := analyst(h, "my-tenant")
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/api/v1/whoami", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = pair(k)
			resp, err := http.DefaultClient.Do(req)
			if tt.code == "" && err != nil {
				return // broken off before anything was passed on
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			a, err := read(resp)
			if tt.code == "" {
				if err == nil {
					t.Errorf("the half looks whole: %d %q", a.status, a.body)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a.refusal(t, tt.status, tt.code)
		})
	}
}
