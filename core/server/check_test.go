package server_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
)

func TestForwardAuth(t *testing.T) {
	g := openGate(t, echo(t), nil)
	nginx := "X-Original-Method: POST\nX-Original-URI: /api/v1/x?a=%2F..\n"
	caddy := "X-Forwarded-Method: POST\nX-Forwarded-Uri: /api/v1/x?a=%2F..\n"
	tests := map[string]struct {
		headers string
		status  int
		answer  map[string]string
	}{
		"nginx":                           {nginx, 200, map[string]string{"X-Gatehouse-Subject": "alpha", "X-Tenant-Id": "acme", "X-Gatehouse-Assertion": "signed"}},
		"caddy":                           {caddy, 200, map[string]string{"X-Gatehouse-Subject": "alpha"}},
		"both":                            {caddy + nginx, 200, nil},
		"neither":                         {"", 400, nil},
		"half":                            {"X-Original-URI: /x\n", 400, nil},
		"the client added the other pair": {caddy + "X-Original-Method: GET\nX-Original-URI: /public\n", 403, map[string]string{}},
		"twice":                           {nginx + "X-Original-URI: /public\n", 400, nil},
		"nginx, 401":                      {nginx + "X-Test: who\n", 401, nil},
		"nginx, 403":                      {nginx + "X-Test: forbidden\n", 403, map[string]string{"X-Gatehouse-Status": ""}},
		"nginx, 503":                      {nginx + "X-Test: unavailable\n", 403, map[string]string{"X-Gatehouse-Status": "503", "X-Gatehouse-Retry-After": "2"}},
		"caddy, 503":                      {caddy + "X-Test: unavailable\n", 503, map[string]string{"Retry-After": "2"}},
		"a reserved character":            {"X-Forwarded-Method: POST\nX-Forwarded-Uri: /api/v1/x%40y\n", 200, nil},
		"no normal form":                  {"X-Forwarded-Method: GET\nX-Forwarded-Uri: /a%41\n", 400, nil},
		"no normal form, nginx":           {"X-Original-Method: GET\nX-Original-URI: /a/../admin\n", 403, map[string]string{"X-Gatehouse-Status": "400"}},
		"another method":                  {caddy + "X-HTTP-Method-Override: DELETE\n", 400, nil},
		"the same method":                 {caddy + "X-HTTP-Method-Override: post\n", 200, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body := raw(t, g, "GET /auth/check HTTP/1.1\nHost: a\nConnection: close\n"+tt.headers+"\n")
			status := resp.StatusCode
			if name == "the client added the other pair" && status == 400 {
				status = 403 // a refusal in either form
			}
			if status != tt.status {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			for header, want := range tt.answer {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if status == 200 {
				if asked := g.checker.last(); asked.Method != "POST" || !strings.HasPrefix(asked.Path, "/api/v1/x") {
					t.Errorf("asked about %s %s", asked.Method, asked.Path)
				}
			}
		})
	}
}

func TestOnlyTrustedProxiesMayAsk(t *testing.T) {
	g := openGate(t, echo(t), func(_ *server.Options, now *server.Generation, _ *proxy.Upstream) { now.TrustedProxies = nil })
	resp, body := raw(t, g, "GET /auth/check HTTP/1.1\nHost: a\nConnection: close\nX-Original-Method: GET\nX-Original-URI: /public\n\n")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "trusted_proxies") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestClientAddress(t *testing.T) {
	all := []string{"127.0.0.0/8", "10.0.0.0/8"}
	tests := map[string]struct {
		trusted []string
		headers string
		want    string // "" is unknown
	}{
		"no proxy":                        {nil, "", "127.0.0.1"},
		"nobody is trusted":               {nil, "X-Forwarded-For: 203.0.113.9\n", "127.0.0.1"},
		"one proxy":                       {all, "X-Forwarded-For: 203.0.113.9\n", "203.0.113.9"},
		"a claim on the left":             {all, "X-Forwarded-For: 10.0.0.1, 203.0.113.9\n", "203.0.113.9"},
		"two proxies":                     {all, "X-Forwarded-For: 203.0.113.9, 10.0.0.1\n", "203.0.113.9"},
		"two lines":                       {all, "X-Forwarded-For: 198.51.100.1\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\n", "203.0.113.9"},
		"with a port":                     {all, "X-Forwarded-For: 203.0.113.9:4711\n", "203.0.113.9"},
		"IPv6 with a port":                {all, "X-Forwarded-For: [2001:db8::1]:4711\n", "2001:db8::1"},
		"mapped":                          {all, "X-Forwarded-For: ::ffff:203.0.113.9\n", "203.0.113.9"},
		"only proxies":                    {all, "X-Forwarded-For: 10.0.0.2, 10.0.0.1\n", "10.0.0.2"},
		"rubbish":                         {all, "X-Forwarded-For: unknown\n", ""},
		"rubbish left of the client":      {all, "X-Forwarded-For: <script>, 203.0.113.9\n", "203.0.113.9"},
		"Forwarded":                       {all, "Forwarded: for=203.0.113.9;proto=https, for=10.0.0.1\n", "203.0.113.9"},
		"Forwarded, IPv6":                 {all, `Forwarded: for="[2001:db8::1]:4711"` + "\n", "2001:db8::1"},
		"Forwarded without for":           {all, "Forwarded: proto=https\n", ""},
		"two that differ: one is a claim": {all, "X-Forwarded-For: 203.0.113.9\nForwarded: for=10.9.9.9\n", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, echo(t), func(_ *server.Options, now *server.Generation, _ *proxy.Upstream) {
				now.TrustedProxies = nil
				for _, p := range tt.trusted {
					now.TrustedProxies = append(now.TrustedProxies, netip.MustParsePrefix(p))
				}
			})
			g.passes(t, "GET /x HTTP/1.1\nHost: a\nConnection: close\n"+tt.headers+"\n")
			got := ""
			if a := g.checker.last().Client; a.IsValid() {
				got = a.String()
			}
			if got != tt.want {
				t.Errorf("the client is %q, want %q", got, tt.want)
			}
		})
	}
}
