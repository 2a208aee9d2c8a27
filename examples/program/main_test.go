package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestRun(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		want := map[string]string{"query": "q", "provider": "p", "model": "m"}
		if diff := cmp.Diff(want, body); diff != "" || r.Method+" "+r.URL.Path != "POST /api/v1/query/execute" {
			t.Errorf("%s %s, body (-want +got):\n%s", r.Method, r.URL.Path, diff)
		}
		if r.Header.Get("X-Client-Id") != "my-tenant" || r.Header.Get("X-Client-Secret") != "right" {
			problem.Write(w, problem.New(problem.Unauthenticated, "no").WithHint("look"), "")
			return
		}
		_, _ = w.Write([]byte("answer"))
	}))
	defer server.Close()
	t.Setenv("GATEHOUSE_URL", server.URL+"/")
	t.Setenv("GATEHOUSE_CLIENT_ID", "my-tenant")
	body := map[string]string{"query": "q", "provider": "p", "model": "m"}

	t.Setenv("GATEHOUSE_CLIENT_SECRET", "right")
	var out bytes.Buffer
	if err := run(t.Context(), &out, body); err != nil || out.String() != "answer" {
		t.Errorf("printed %q, error %v", out.String(), err)
	}
	t.Setenv("GATEHOUSE_CLIENT_SECRET", "wrong")
	out.Reset()
	if err := run(t.Context(), &out, body); !problem.Is(err, problem.Unauthenticated) || problem.As(err).Hint != "look" || out.Len() > 0 {
		t.Errorf("with a wrong secret: printed %q, error %v", out.String(), err)
	}
	t.Setenv("GATEHOUSE_URL", "")
	if err := run(t.Context(), &out, body); err == nil {
		t.Error("without GATEHOUSE_URL: no error")
	}
}
