//go:build linux

// Package e2e proves what Gatehouse promises with everything real: the built
// binary, plugin processes, databases, an application behind it, over HTTP and
// the command line.
package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

// rules are what most of these tests run with, before one application.
const rules = `
upstream "app" {
  url              = %q
  response_timeout = %q
}

organization "acme" {
  name = "Acme Inc."
}

role "analyst" {
  permissions = ["query:execute"]
}

route "/open/**" {
  public = true
}

route "/api/v1/query/**" {
  permission = "query:execute"
}

route "/api/v1/admin/**" {
  permission = "policy:write"
}
`

// unthrottled is for tests that make many failed attempts about something else.
const unthrottled = `throttle {
    per_source = 0
    per_id     = 0
  }`

const apikeys = `
authenticator "apikey" {}
`

// before makes a host before the demonstration application. It is not started.
func before(t *testing.T, o gatehousetest.Options) *gatehousetest.Host {
	t.Helper()
	h := gatehousetest.New(t, o)
	v, err := identity.New(identity.Options{Issuer: h.URL, Audience: "app"})
	if err != nil {
		t.Fatal(err)
	}
	furnish(t, h, application.Handler(v), "60s")
	return h
}

// furnish gives a host its application, for which it waits as long as timeout
// says, its rules and API keys.
func furnish(t *testing.T, h *gatehousetest.Host, app http.Handler, timeout string) {
	t.Helper()
	server := httptest.NewServer(app)
	t.Cleanup(func() {
		server.CloseClientConnections() // streams have no end of their own
		server.Close()
	})
	h.Write("rules.hcl", fmt.Sprintf(rules, server.URL, timeout))
	h.Write("apikey.hcl", apikeys)
}

// analyst makes a client that may execute queries, and its key.
func analyst(h *gatehousetest.Host, id string, flags ...string) gatehousetest.Key {
	return h.NewKey(id, append([]string{"--organization", "acme", "--role", "analyst"}, flags...)...)
}

// pair is a key in our two headers.
func pair(k gatehousetest.Key) http.Header {
	return http.Header{"X-Client-Id": {k.Client}, "X-Client-Secret": {k.Secret}}
}

// answer is a response, read to its end.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem problem.Document // of a refusal
}

// client keeps as many connections as the tests' loads need, and follows no
// redirects.
var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 128},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send sends one request; the error is the connection's.
func send(t *testing.T, method, url string, header http.Header, body string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return answer{}, err
	}
	req.Header = header.Clone()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	return read(resp)
}

func read(resp *http.Response) (answer, error) {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if resp.Header.Get("Content-Type") == problem.MediaType {
		err = json.Unmarshal(text, &a.problem)
	}
	return a, err
}

// ask is send for requests that must have an answer.
func ask(t *testing.T, method, url string, header http.Header, body string) answer {
	t.Helper()
	a, err := send(t, method, url, header, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// refusal checks that an answer is a problem that helps its reader.
func (a answer) refusal(t *testing.T, status int, code problem.Code) {
	t.Helper()
	p := a.problem
	if a.status != status || p.Status != status || p.Code != code {
		t.Errorf("status %d, want %d (%s): %s", a.status, status, code, a.body)
	}
	if p.Detail == "" || p.TraceID == "" {
		t.Errorf("the refusal does not say what happened, or has no trace id: %s", a.body)
	}
	if status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		t.Errorf("503 does not say when to come again: %s", a.body)
	}
	if status == http.StatusUnauthorized && (p.Hint == "" || a.header.Get("Www-Authenticate") == "") {
		t.Errorf("401 does not say what to do: %v %s", a.header, a.body)
	}
}

const query = `{"query":"q","provider":"p","model":"m"}`

// execute calls the application with a key.
func execute(t *testing.T, h *gatehousetest.Host, header http.Header) answer {
	t.Helper()
	return ask(t, http.MethodPost, h.URL+"/api/v1/query/execute", header, query)
}
