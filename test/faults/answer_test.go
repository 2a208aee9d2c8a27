//go:build linux

package faults_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// answer is a response, read to its end.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem problem.Document // of a refusal
}

func read(resp *http.Response) (answer, error) {
	text, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if err == nil && resp.Header.Get("Content-Type") == problem.MediaType {
		err = json.Unmarshal(text, &a.problem)
	}
	return a, err
}

// pair is a key in our two headers.
func pair(k gatehousetest.Key) http.Header {
	return http.Header{"X-Client-Id": {k.Client}, "X-Client-Secret": {k.Secret}}
}

// execute calls the application with a key.
func execute(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key) answer {
	t.Helper()
	const query = `{"query":"q","provider":"p","model":"m"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/api/v1/query/execute", strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = pair(k)
	resp, err := http.DefaultClient.Do(req)
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
}
