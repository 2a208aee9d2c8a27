package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
)

// way is a way in for people.
type way struct{ open bool }

func (way) ServeHTTP(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) }
func (w way) Serves(path string) bool                        { return w.open && path == "/login" }
func (w way) Open() bool                                     { return w.open }

// Whom a refusal sends to sign on, and with what: a person who opens a page, and
// no program or script, to which a page is no answer.
func TestWhoIsSentToSignOn(t *testing.T) {
	const page = "Accept: text/html\nSec-Fetch-Mode: navigate\n"
	for name, tt := range map[string]struct {
		line     string // the request
		headers  string
		closed   bool
		long     bool // our paths have a prefix
		status   int
		location string
		gives    map[string]string // further headers
	}{
		"a page":                         {"GET /a?b=1&c=%2F", page + "X-Test: who\n", false, false, 302, "/login?return_to=%2Fa%3Fb%3D1%26c%3D%252F", nil},
		"below a prefix":                 {"GET /a", page + "X-Test: who\n", false, true, 302, "/.gatehouse/login?return_to=%2Fa", nil},
		"an old browser":                 {"GET /a", "Accept: text/html\nX-Test: who\n", false, false, 302, "/login?return_to=%2Fa", nil},
		"nobody can":                     {"GET /a", page + "X-Test: who\n", true, false, 401, "", nil},
		"a script":                       {"GET /a", "Accept: text/html\nSec-Fetch-Mode: cors\nX-Test: who\n", false, false, 401, "", nil},
		"a program":                      {"GET /a", "Accept: */*\nX-Test: who\n", false, false, 401, "", nil},
		"a program with a bad token":     {"GET /a", page + "Authorization: Bearer x\nX-Test: who\n", false, false, 401, "", nil},
		"a form":                         {"POST /a", page + "Content-Length: 0\nX-Test: who\n", false, false, 401, "", nil},
		"not allowed":                    {"GET /a", page + "X-Test: forbidden\n", false, false, 403, "", nil},
		"not so":                         {"GET /a", page + "X-Test: step\n", false, false, 302, "/login?max_age=600&mfa=1&return_to=%2Fa", nil},
		"not so, a script":               {"GET /a", "Accept: */*\nX-Test: step\n", false, false, 401, "", map[string]string{"Www-Authenticate": `Bearer realm="gatehouse", error="insufficient_user_authentication", max_age="600"`}},
		"asked by Caddy":                 {"GET /auth/check", page + "X-Forwarded-Method: GET\nX-Forwarded-Uri: /a\nX-Test: who\n", false, false, 302, "/login?return_to=%2Fa", nil},
		"asked by nginx":                 {"GET /auth/check", page + "X-Original-Method: GET\nX-Original-URI: /a\nX-Test: who\n", false, false, 401, "", map[string]string{"X-Gatehouse-Location": "/login?return_to=%2Fa", "X-Gatehouse-Status": "302"}},
		"asked by nginx about a form":    {"GET /auth/check", page + "X-Original-Method: POST\nX-Original-URI: /a\nX-Test: who\n", false, false, 401, "", map[string]string{"X-Gatehouse-Location": "", "X-Gatehouse-Status": ""}},
		"asked by nginx about a session": {"GET /auth/check", page + "X-Original-Method: GET\nX-Original-URI: /a\nX-Test: step\n", false, false, 401, "", map[string]string{"X-Gatehouse-Location": "/login?max_age=600&mfa=1&return_to=%2Fa"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, echo(t), func(o *server.Options, now *server.Generation, _ *proxy.Upstream) {
				o.SignOn, now.ShortRoutes = way{!tt.closed}, !tt.long
			})
			if tt.long {
				tt.line = strings.Replace(tt.line, "/auth/check", "/.gatehouse/auth/check", 1)
			}
			resp, body := raw(t, g, tt.line+" HTTP/1.1\nHost: a\nConnection: close\n"+tt.headers+"\n")
			if resp.StatusCode != tt.status || resp.Header.Get("Location") != tt.location {
				t.Errorf("status %d, to %q: %s", resp.StatusCode, resp.Header.Get("Location"), body)
			}
			for header, want := range tt.gives {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if tt.status == 302 && resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("a proxy may keep it: %v", resp.Header)
			}
		})
	}
}
