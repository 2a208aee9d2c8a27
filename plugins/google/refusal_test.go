package google_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/google/googletest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestWhatGoogleRefuses(t *testing.T) {
	t.Parallel()
	answer := func(status int, reason string, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			googletest.Error(w, status, reason, "as it is")
			return true
		}
	}
	for name, c := range map[string]struct {
		refuse func(http.ResponseWriter, *http.Request) bool
		want   problem.Code
		after  time.Duration
	}{
		"a quota":                 {answer(403, "quotaExceeded"), problem.Throttled, 0},
		"a user's limit":          {answer(403, "userRateLimitExceeded", "Retry-After", "7"), problem.Throttled, 7 * time.Second},
		"too many":                {answer(429, "rateLimitExceeded", "Retry-After", "Thu, 26 Nov 2026 08:01:00 GMT", "Date", "Thu, 26 Nov 2026 08:00:00 GMT"), problem.Throttled, time.Minute},
		"a wild Retry-After":      {answer(429, "rateLimitExceeded", "Retry-After", "99999999"), problem.Throttled, 24 * time.Hour},
		"no right":                {answer(403, "forbidden"), problem.Forbidden, 0},
		"the API is off":          {answer(403, "accessNotConfigured"), problem.Forbidden, 0},
		"a token for nothing":     {answer(401, "authError"), problem.Forbidden, 0},
		"its own failure":         {answer(503, "backendError"), problem.Unavailable, 0},
		"no such customer":        {answer(404, "notFound"), problem.NotFound, 0},
		"a request that is wrong": {answer(400, "invalid"), problem.BadUpstream, 0},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte("<html>"))
			return err == nil
		}, problem.BadUpstream, 0},
		"another form": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"users":{"id":"1"}}`))
			return err == nil
		}, problem.BadUpstream, 0},
		"a user without an id": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"users":[{"primaryEmail":"a@acme.example"}]}`))
			return err == nil
		}, problem.BadUpstream, 0},
		"a page without an end": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := fmt.Fprintf(w, `{"nextPageToken":%q}`, strings.Repeat("x", 17<<10))
			return err == nil
		}, problem.BadUpstream, 0},
		"nobody at all": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte(`{"kind":"admin#directory#users"}`))
			return err == nil
		}, problem.BadUpstream, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, nil)
			r.Refuse = c.refuse
			_, _, err := r.Sync(t.Context(), "acme-google/google", "")
			if !problem.Is(err, c.want) || problem.As(err).RetryAfter != c.after {
				t.Errorf("%v (after %v), want %s after %v", err, problem.As(err).RetryAfter, c.want, c.after)
			}
			if n := len(r.people()); n != 0 {
				t.Errorf("%d people were made of it", n)
			}
		})
	}
}

// Lists that have no end, or more than was asked for, end the pass with an error.
func TestListsWithoutEnd(t *testing.T) {
	t.Parallel()
	many := make([]doc, 201)
	for i := range many {
		many[i] = doc{"id": fmt.Sprintf("g%d", i), "name": "Group"}
	}
	for name, c := range map[string]struct {
		path   string
		answer doc
	}{
		"users":           {"/users", doc{"nextPageToken": "x"}},
		"groups":          {"/groups", doc{"nextPageToken": "x"}},
		"members":         {"/members", doc{"nextPageToken": "x"}},
		"too many groups": {"/groups", doc{"groups": many}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, nil)
			r.User("1", googletest.Admin, nil)
			r.Group("g1", "staff@acme.example", "Staff", googletest.Person("1"))
			r.Refuse = func(w http.ResponseWriter, q *http.Request) bool {
				return strings.HasSuffix(q.URL.Path, c.path) && json.NewEncoder(w).Encode(c.answer) == nil
			}
			for cursor, parts := "", 0; parts < 5; parts++ {
				p, _, err := r.Sync(t.Context(), "acme-google/google", cursor)
				if problem.Is(err, problem.BadUpstream) {
					return
				}
				if err != nil || p.Done {
					t.Fatalf("it is done: %v, error %v", p.Done, err)
				}
				cursor = p.Cursor
			}
			t.Error("it goes on and on")
		})
	}
}

// What is told to the operator has no secret, whatever Google says.
func TestSecretsThatComeBack(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.Refuse = func(w http.ResponseWriter, q *http.Request) bool {
		googletest.Error(w, http.StatusForbidden, "forbidden", "not with "+q.Header.Get("Authorization"))
		return true
	}
	if _, _, err := r.Sync(t.Context(), name, ""); err == nil || !strings.Contains(err.Error(), "not with Bearer (token)") || strings.Contains(err.Error(), "ya29") {
		t.Error(err)
	}
	r.Revoke()
	r.Refuse = nil
	r.set(doc{"subject": "other@acme.example"}) // which has no token yet
	r.Workspace.Grant = func(map[string]any) (int, string) { return http.StatusBadRequest, "not eyJhbGciOiJSUzI1NiJ9.e30.c2ln" }
	if _, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, problem.Forbidden) || strings.Contains(err.Error(), "eyJ") {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.User("1", googletest.Admin, nil)
	claims := map[string]any{}
	r.Workspace.Grant = func(c map[string]any) (int, string) { claims = c; return http.StatusOK, "" }
	r.pass()
	if claims["sub"] != googletest.Admin || !strings.Contains(fmt.Sprint(claims["scope"]), "admin.directory.user.readonly") {
		t.Errorf("claims %v", claims)
	}
	r.Revoke()
	r.pass()
	if r.Issued != 2 {
		t.Errorf("%d tokens, want another after the first was refused", r.Issued)
	}
	for code, want := range map[string]problem.Code{"unauthorized_client": problem.Forbidden, "invalid_grant": problem.Forbidden} {
		r.Revoke()
		r.Workspace.Grant = func(map[string]any) (int, string) { return http.StatusBadRequest, code }
		if _, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, want) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	r.Workspace.Grant = func(map[string]any) (int, string) { return http.StatusServiceUnavailable, "" }
	if _, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, problem.Unavailable) {
		t.Error(err)
	}
	if logs := r.Logs(); strings.Contains(logs, "ya29") || strings.Contains(logs, "PRIVATE") {
		t.Error("the log has a secret")
	}
}

func TestCursorsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	r.Page = 1
	for i := range 30 {
		r.User(fmt.Sprint(i), fmt.Sprintf("u%d@acme.example", i), nil)
	}
	cursor := r.pass()[0]
	for name, text := range map[string]string{
		"none":            "x",
		"another version": strings.Replace(cursor, `"v":1`, `"v":2`, 1),
		"another page":    strings.Replace(cursor, "~!!~20", "~!!~x", 1),
		"another phase":   strings.Replace(cursor, `"users"`, `"devices"`, 1),
	} {
		if _, _, err := r.Sync(t.Context(), "acme-google/google", text); !problem.Is(err, problem.Changed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.set(doc{"customer": "C01"})
	if _, _, err := r.Sync(t.Context(), name, cursor); !problem.Is(err, problem.Changed) {
		t.Errorf("of another configuration: %v", err)
	}
}

func TestADirectoryThatFails(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Find", "Apply"} {
		r := open(t, nil)
		r.User("1", googletest.Admin, nil)
		r.Directory("acme-google").FailWith(func(m string) error {
			if m == method {
				return problem.New(problem.Unavailable, "the store is away")
			}
			return nil
		})
		if p, _, err := r.Sync(t.Context(), name, ""); !problem.Is(err, problem.Unavailable) || p.Done {
			t.Errorf("%s: %+v, %v", method, p, err)
		}
	}
}
