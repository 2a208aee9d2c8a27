//go:build linux

package faults_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// capricious is an application that treats each request as it was told last.
type capricious struct {
	now atomic.Pointer[func(net.Conn)]
}

func good(c net.Conn) {
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func (c *capricious) host(t *testing.T) *gatehousetest.Host {
	t.Helper()
	begin := good
	c.now.Store(&begin)
	return hasty(t, gatehousetest.Upstream(t, func(conn net.Conn) { (*c.now.Load())(conn) }))
}

// hasty is a host whose application at a URL has a second for each answer.
func hasty(t *testing.T, url string) *gatehousetest.Host {
	t.Helper()
	h := before(t, gatehousetest.Options{}, url)
	h.Write("rules.hcl", strings.Replace(fmt.Sprintf(rules, url), "upstream \"app\" {", "upstream \"app\" {\n  response_timeout = \"1s\"", 1))
	return h
}

func upstreamRow(name, what, log, moves string, treat func(net.Conn)) row {
	app := &capricious{}
	return row{
		name: name, what: what, host: app.host, log: log, moves: []string{moves},
		strike: func(*testing.T, *gatehousetest.Host) func() {
			app.now.Store(&treat)
			heal := good
			return func() { app.now.Store(&heal) }
		},
		probes: func(s *scene) []probe {
			check := func() answer {
				req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.h.URL+"/auth/check", http.NoBody)
				if err != nil {
					s.t.Fatal(err)
				}
				req.Header = pair(s.known)
				req.Header.Set("X-Forwarded-Method", http.MethodGet)
				req.Header.Set("X-Forwarded-Uri", "/api/v1/query/x")
				return s.send(req)
			}
			return []probe{
				{"a caller", func() answer { return s.call(s.known) }},
				{"`/auth/check`", check},
				{"an administrator's change", s.change},
			}
		},
	}
}

func upstreamRows() []row {
	const series = `gatehouse_upstream_failures_total{how=%q,upstream="app"}`
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) } // until the host gives up
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	half := func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") }
	return []row{
		downRow(),
		upstreamRow("Application: slow", "It takes a request, and does not answer within `response_timeout`.", "did not answer in time", fmt.Sprintf(series, "timed_out"), hang),
		upstreamRow("Application: resetting", "It takes a request, and resets the connection.", "cannot be reached or answered wrongly", fmt.Sprintf(series, "unreachable"), reset),
		upstreamRow("Application: breaking off", "It ends in the middle of an answer.", "broke off", fmt.Sprintf(series, "broke_off"), half),
	}
}

// downRow has an application that ceases to listen.
func downRow() row {
	r := upstreamRow("Application: down", "Nobody listens at its address.", "cannot be reached or answered wrongly", `how="unreachable"`, good)
	var address string
	var server *http.Server
	listen := func(t *testing.T) {
		t.Helper()
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server = &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go func(s *http.Server) { _ = s.Serve(l) }(server)
	}
	r.host = func(t *testing.T) *gatehousetest.Host {
		t.Helper()
		address = gatehousetest.FreeAddress(t)
		listen(t)
		t.Cleanup(func() { _ = server.Close() })
		return hasty(t, "http://"+address)
	}
	r.strike = func(t *testing.T, _ *gatehousetest.Host) func() {
		t.Helper()
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		return func() { listen(t) }
	}
	return r
}
