package reqpath_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// read makes the request that net/http's server would make of a request line.
func read(t *testing.T, line string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\nHost: app.example\r\n\r\n")))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r
}

func TestFromTarget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ line, want string }{
		"origin-form":                       {"GET /a/%62?c=/../d", "/a/b"},
		"absolute-form":                     {"GET http://app.example/a/b?c", "/a/b"},
		"absolute-form, capitals":           {"GET HTTPS://app.example:443/a", "/a"},
		"absolute-form without a path":      {"GET http://app.example", "/"},
		"absolute-form with a query only":   {"GET http://app.example?x=/y", "/"},
		"question mark without a query":     {"GET /a?", "/a"},
		"authority-form":                    {"CONNECT app.example:443", ""},
		"CONNECT with a path":               {"CONNECT /a", ""},
		"asterisk-form":                     {"OPTIONS *", ""},
		"absolute-form with dot segments":   {"GET http://app.example/a/../b", ""},
		"absolute-form with two slashes":    {"GET http://app.example//b", ""},
		"absolute-form with a user":         {"GET http://u@app.example/b", ""},
		"absolute-form of another protocol": {"GET ftp://app.example/b", ""},
		"absolute-form without a host":      {"GET http:///b", ""},
		"two slashes like an authority":     {"GET //app.example/b", ""},
		"fragment":                          {"GET /a#b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := reqpath.FromTarget(read(t, c.line))
			if got != c.want || (c.want == "") != problem.Is(err, problem.Invalid) {
				t.Errorf("%s: %q, %v; want %q", c.line, got, err, c.want)
			}
		})
	}
}

func TestSqueezed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"GET /a/b":                    "/a/b",
		"GET /a///b//?c=//d":          "/a/b",
		"GET /a//%62":                 "/a/b",
		"GET /a//":                    "/a",
		"CONNECT /a//b":               "",
		"GET /a//../b":                "",
		"GET /a//%2e%2e/b":            "",
		"GET /a//%2F/b":               "",
		"GET /a//b%00":                "",
		"GET /a//b;c":                 "",
		"GET //app.example/a":         "",
		"GET http://app.example/a//b": "",
		"GET /" + strings.Repeat("x", reqpath.Limit) + "//": "",
	} {
		got, err := reqpath.Squeezed(read(t, line))
		if got != want || (want == "") != problem.Is(err, problem.Invalid) {
			t.Errorf("%.40s: %q, %v; want %q", line, got, err, want)
		}
	}
	r := read(t, "GET /public//x")
	r.URL.Path, r.URL.RawPath = "/admin", ""
	if got, err := reqpath.Squeezed(r); !problem.Is(err, problem.Invalid) {
		t.Errorf("rewritten on the way: %q, %v; want a refusal", got, err)
	}
}

// A handler that rewrites the URL before the rules are asked would have the
// rule matched against one path and the application given another.
func TestFromTargetRefusesARewrittenPath(t *testing.T) {
	t.Parallel()
	r := read(t, "GET /public/x")
	r.URL.Path, r.URL.RawPath = "/admin", ""
	if got, err := reqpath.FromTarget(r); !problem.Is(err, problem.Invalid) {
		t.Errorf("%q, %v; want a refusal", got, err)
	}
}

// A request made by hand has no target: taking its URL instead would skip the
// bytes that were sent.
func TestFromTargetNeedsATarget(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := reqpath.FromTarget(r); !problem.Is(err, problem.Internal) {
		t.Errorf("%q, %v; want an error of ours", got, err)
	}
}
