package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var allCodes = []problem.Code{
	problem.Invalid, problem.Unauthenticated, problem.Expired, problem.NotYetValid, problem.InsufficientAuthentication, problem.Network,
	problem.Forbidden, problem.NotFound, problem.Conflict, problem.Changed, problem.TooLarge, problem.Throttled,
	problem.Internal, problem.BadUpstream, problem.Unavailable, problem.UpstreamTimeout,
	problem.Unsupported, problem.DeadlineExceeded,
}

func TestEveryCodeCrossesGRPCIntact(t *testing.T) {
	for _, code := range allCodes {
		t.Run(string(code), func(t *testing.T) {
			sent := problem.New(code, "client %q is not known", "my-tenant").
				WithHint("ask your operator").WithPermission("policy:write").WithRetryAfter(1500 * time.Millisecond)
			// What grpc-go does with a handler's error: a status, over the wire, an error again.
			wire := status.ErrorProto(status.Convert(sent).Proto())
			got, ok := problem.FromGRPC(wire)
			if !ok {
				t.Fatalf("FromGRPC(%v) found no problem", wire)
			}
			if diff := cmp.Diff(sent, got, cmpopts.IgnoreUnexported(problem.Problem{})); diff != "" {
				t.Errorf("the problem changed on its way (-sent +got):\n%s", diff)
			}
		})
	}
}

func TestACauseStaysOnItsSide(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.7: password is hunter2")
	p := problem.Wrap(cause, problem.Unavailable, "the store does not answer")
	if !errors.Is(p, cause) {
		t.Error("the cause is not reachable for the operator's log")
	}
	rec := httptest.NewRecorder()
	problem.Write(rec, p, "trace-1")
	wire := status.Convert(p).Proto().String() + rec.Body.String()
	if strings.Contains(wire, "hunter2") || strings.Contains(wire, "10.0.0.7") {
		t.Errorf("the cause was sent to the caller: %s", wire)
	}
}

func TestWrite(t *testing.T) {
	tests := map[string]struct {
		err    error
		status int
		retry  string
		want   problem.Document
	}{
		"a problem": {
			err:    problem.New(problem.Forbidden, "missing").WithPermission("policy:write"),
			status: 403,
			want: problem.Document{Type: "urn:gatehouse:problem:permission_denied", Title: "Forbidden", Status: 403,
				Detail: "missing", Code: problem.Forbidden, Permission: "policy:write", TraceID: "t"},
		},
		"a wrapped problem, to be repeated": {
			err:    fmt.Errorf("verify: %w", problem.New(problem.Unavailable, "restarting").WithRetryAfter(1100*time.Millisecond)),
			status: 503, retry: "2",
			want: problem.Document{Type: "urn:gatehouse:problem:unavailable", Title: "Service Unavailable", Status: 503,
				Detail: "restarting", Code: problem.Unavailable, TraceID: "t"},
		},
		"any other error says nothing of itself": {
			err:    context.DeadlineExceeded,
			status: 500,
			want: problem.Document{Type: "urn:gatehouse:problem:internal", Title: "Internal Server Error", Status: 500,
				Detail: "an internal error stopped this request", Code: problem.Internal, TraceID: "t"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			problem.Write(rec, tt.err, "t")
			if rec.Code != tt.status || rec.Header().Get("Retry-After") != tt.retry {
				t.Errorf("status %d, Retry-After %q; want %d, %q", rec.Code, rec.Header().Get("Retry-After"), tt.status, tt.retry)
			}
			if ct := rec.Header().Get("Content-Type"); ct != problem.MediaType {
				t.Errorf("Content-Type %q", ct)
			}
			var got problem.Document
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromGRPCOfStrangers(t *testing.T) {
	for name, err := range map[string]error{
		"nil":             nil,
		"no status":       errors.New("broken pipe"),
		"a bare status":   status.Error(14, "connection refused"),
		"a context error": context.Canceled,
	} {
		if p, ok := problem.FromGRPC(err); ok {
			t.Errorf("%s: FromGRPC made up %v", name, p)
		}
	}
}
