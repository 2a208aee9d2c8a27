//go:build linux

package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestBrokenUpstreams(t *testing.T) {
	t.Parallel()
	until := make(chan struct{})
	t.Cleanup(func() { close(until) })
	upstreams := map[string]struct {
		url    string
		status int
		code   problem.Code
	}{
		"down":    {"http://" + gatehousetest.FreeAddress(t), 502, problem.BadUpstream},
		"hangs":   {gatehousetest.Upstream(t, func(net.Conn) { <-until }), 504, problem.UpstreamTimeout},
		"garbage": {gatehousetest.Upstream(t, func(c net.Conn) { _, _ = c.Write([]byte("\x00\x01garbage\r\n\r\n")) }), 502, problem.BadUpstream},
		"closes":  {gatehousetest.Upstream(t, func(net.Conn) {}), 502, problem.BadUpstream},
		"floods": {gatehousetest.Upstream(t, func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 16<<20))
		}), 502, problem.BadUpstream},
	}
	h := gatehousetest.New(t, gatehousetest.Options{})
	for name, u := range upstreams {
		patience := "60s" // to read a flood takes a busy machine a while
		if name == "hangs" {
			patience = "1s"
		}
		h.Write(name+".hcl", fmt.Sprintf("upstream %[1]q {\n  url = %[2]q\n  hosts = [\"%[1]s.example\"]\n  response_timeout = %[3]q\n}\nroute \"/open\" {\n  upstream = %[1]q\n  public = true\n}\n", name, u.url, patience))
	}
	h.Write("apikey.hcl", apikeys)
	h.Start()
	for name, u := range upstreams {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/open", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = name + ".example"
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			a, err := read(resp)
			if err != nil {
				t.Fatal(err)
			}
			a.refusal(t, u.status, u.code)
			if !strings.Contains(a.problem.Hint, name) {
				t.Errorf("the caller cannot tell which upstream it was: %s", a.body)
			}
			line := regexp.MustCompile(`trace_id=` + a.problem.TraceID + `.* upstream \\"` + name + `\\"`)
			gatehousetest.Eventually(t, "the log says which upstream it was", func() bool { return line.MatchString(h.Log.String()) })
		})
	}
}
