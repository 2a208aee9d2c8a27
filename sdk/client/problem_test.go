package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/sdk/client"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestProblem(t *testing.T) {
	t.Parallel()
	sent := func(p *problem.Problem) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { problem.Write(w, p, "trace-1") }
	}
	raw := func(status int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	forbidden := problem.New(problem.Forbidden, "missing").WithPermission("policy:write").WithHint("ask")
	throttled := problem.New(problem.Throttled, "slow down").WithRetryAfter(3 * time.Second)

	tests := map[string]struct {
		answer http.HandlerFunc
		want   *problem.Problem // nil: no error
		text   string           // in the error
	}{
		"a success":              {raw(200, "text/plain", "fine"), nil, ""},
		"a redirect":             {raw(302, "text/plain", ""), nil, ""},
		"a permission missing":   {sent(forbidden), forbidden, "trace-1"},
		"throttled":              {sent(throttled), throttled, "answered 429"},
		"the application's own":  {raw(404, "text/html", "<html>"), problem.New(problem.NotFound, "Not Found"), "answered 404"},
		"no problem inside":      {raw(500, problem.MediaType, "[]"), problem.New(problem.Internal, "Internal Server Error"), "answered 500"},
		"a code that is no code": {raw(409, problem.MediaType, `{"code":"made_up","detail":"d"}`), problem.New(problem.Conflict, "d"), "answered 409"},
		"a code of another status": {raw(403, problem.MediaType+"; charset=utf-8", `{"code":"unavailable","detail":"d"}`),
			problem.New(problem.Forbidden, "d"), "answered 403"},
		"a status without a code": {raw(418, "text/plain", ""), problem.New(problem.Invalid, "I'm a teapot"), "answered 418"},
		"over the limit": {raw(400, problem.MediaType, `{"detail":"`+strings.Repeat("x", 64<<10)+`"}`),
			problem.New(problem.Invalid, "Bad Request"), "answered 400"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			tt.answer(rec, nil)
			err := client.Problem(rec.Result())
			if tt.want == nil {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, problem.As(err), cmpopts.IgnoreUnexported(problem.Problem{})); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q, want %q in it", err, tt.text)
			}
		})
	}
}
