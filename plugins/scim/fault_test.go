package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// verb is a request that asks the directory for something.
type verb struct {
	name, method, target, body string
	header                     []string
}

// verbs are every request that reads or writes, with the ids of a user and a
// group in braces.
func verbs() []verb {
	bulkBody := func(method, path, data string) string {
		op := fmt.Sprintf(`{"method":%q,"path":%q,"bulkId":"b"`, method, path)
		if data != "" {
			op += `,"data":` + data
		}
		return `{"schemas":["` + bulkRequestURN + `"],"Operations":[` + op + `}]}`
	}
	search := `{"schemas":["` + searchURN + `"],"filter":"id pr"}`
	deactivate := patchBody(`[{"op":"replace","path":"active","value":false}]`)
	rename := patchBody(`[{"op":"replace","value":{"displayName":"New"}}]`)
	return []verb{
		{name: "list users", method: "GET", target: "/Users"},
		{name: "look up a user", method: "GET", target: "/Users?filter=userName+eq+%22mia%22"},
		{name: "count users", method: "GET", target: "/Users?count=0"},
		{name: "page by cursor", method: "GET", target: "/Users?cursor=&count=1"},
		{name: "list groups", method: "GET", target: "/Groups"},
		{name: "list groups without members", method: "GET", target: "/Groups?excludedAttributes=members"},
		{name: "list everything", method: "GET", target: "/"},
		{name: "search users", method: "POST", target: "/Users/.search", body: search},
		{name: "search everything", method: "POST", target: "/.search", body: search},
		{name: "read a user", method: "GET", target: "/Users/{user}"},
		{name: "read a user again", method: "GET", target: "/Users/{user}", header: []string{`If-None-Match: W/"1"`}},
		{name: "read a group", method: "GET", target: "/Groups/{group}"},
		{name: "create a user", method: "POST", target: "/Users", body: userBody("ida")},
		{name: "create a group", method: "POST", target: "/Groups", body: groupBody("Ops", "{user}")},
		{name: "replace a user", method: "PUT", target: "/Users/{user}", body: userBody("ida")},
		{name: "replace a group", method: "PUT", target: "/Groups/{group}", body: groupBody("Ops", "{other}")},
		{name: "patch a user", method: "PATCH", target: "/Users/{user}", body: deactivate},
		{name: "patch a user to what they are", method: "PATCH", target: "/Users/{user}", body: patchBody(`[{"op":"add","path":"active","value":true}]`)},
		{name: "patch a group", method: "PATCH", target: "/Groups/{group}", body: rename},
		{name: "patch a group and see it", method: "PATCH", target: "/Groups/{group}?attributes=members", body: rename},
		{name: "add a member", method: "PATCH", target: "/Groups/{group}", body: patchBody(`[{"op":"add","path":"members","value":[{"value":"{other}"}]}]`)},
		{name: "remove members by type", method: "PATCH", target: "/Groups/{group}", body: patchBody(`[{"op":"remove","path":"members[type eq \"User\"]"}]`)},
		{name: "delete a user", method: "DELETE", target: "/Users/{user}"},
		{name: "delete a user of a version", method: "DELETE", target: "/Users/{user}", header: []string{`If-Match: W/"1"`}},
		{name: "delete a group", method: "DELETE", target: "/Groups/{group}"},
		{name: "create in bulk", method: "POST", target: "/Bulk", body: bulkBody("POST", "/Users", userBody("ida"))},
		{name: "create itself's member in bulk", method: "POST", target: "/Bulk", body: bulkBody("POST", "/Groups", groupBody("Loop", "bulkId:b"))},
		{name: "replace in bulk", method: "POST", target: "/Bulk", body: bulkBody("PUT", "/Users/{user}", userBody("ida"))},
		{name: "patch in bulk", method: "POST", target: "/Bulk", body: bulkBody("PATCH", "/Users/{user}", deactivate)},
		{name: "delete in bulk", method: "POST", target: "/Bulk", body: bulkBody("DELETE", "/Users/{user}", "")},
	}
}

// TestFaults has the directory fail at its first, second, … call, in every way in
// which it can, over every verb. A failure is never an empty list, never 404,
// never a success, and says nothing of its cause.
func TestFaults(t *testing.T) {
	t.Parallel()
	const secret = "dsn=hunter2"
	cause := errors.New(secret)
	faults := map[string]struct {
		err      error
		status   int
		scimType string
		retry    bool
	}{
		"unavailable":  {problem.Wrap(cause, problem.Unavailable, "the store does not answer").WithRetryAfter(1500 * time.Millisecond), http.StatusServiceUnavailable, "", true},
		"no hint when": {problem.Wrap(cause, problem.Unavailable, "the store does not answer"), http.StatusServiceUnavailable, "", true},
		"deadline":     {problem.Wrap(cause, problem.DeadlineExceeded, "too slow"), http.StatusServiceUnavailable, "", true},
		"context":      {fmt.Errorf("%s: %w", secret, context.DeadlineExceeded), http.StatusServiceUnavailable, "", true},
		"throttled":    {problem.New(problem.Throttled, "too many").WithRetryAfter(7 * time.Second), http.StatusTooManyRequests, "", true},
		"internal":     {problem.Wrap(cause, problem.Internal, "defect with %s", secret), http.StatusInternalServerError, "", false},
		"no problem":   {cause, http.StatusInternalServerError, "", false},
		"too large":    {problem.New(problem.TooLarge, "more than is allowed"), http.StatusRequestEntityTooLarge, "", false},
		"forbidden":    {problem.New(problem.Forbidden, "no service"), http.StatusForbidden, "", false},
	}
	for _, v := range verbs() {
		for name, fault := range faults {
			for call := 1; ; call++ {
				s := newSite(t, nil)
				user, other := s.user("mia"), s.user("leo")
				group := s.group("Eng", user)
				fill := strings.NewReplacer("{user}", user, "{other}", other, "{group}", group)
				applied := len(s.directory.Applied())
				calls, last := 0, ""
				s.directory.FailWith(func(method string) error {
					if calls++; calls < call {
						return nil
					}
					last = method
					return fault.err
				})
				a := s.do(v.method, fill.Replace(v.target), fill.Replace(v.body), v.header...)
				if calls < call {
					break // this verb asks for no more
				}
				what := fmt.Sprintf("%s, %s at call %d (%s)", v.name, name, call, last)
				if strings.Contains(string(a.body), secret) {
					t.Errorf("%s: the answer has the cause: %s", what, a.body)
				}
				if len(s.directory.Applied()) > applied {
					// The write was done before: that is what must be said, or that
					// something behind it failed; and no empty group may be shown.
					checkDone(t, what, a)
					continue
				}
				a.what = what
				if a.status == http.StatusOK && strings.Contains(string(a.body), bulkResponseURN) {
					// What is wrong with one operation is said of that one.
					if got := a.at("Operations", 0, "status"); fault.status >= 500 || got != strconv.Itoa(fault.status) {
						t.Errorf("%s: %s", what, a.body)
					}
					continue
				}
				a.refused(fault.status, fault.scimType)
				if after := a.header.Get("Retry-After"); fault.retry {
					if n, err := strconv.Atoi(after); err != nil || n < 1 {
						t.Errorf("%s: Retry-After %q", what, after)
					}
				}
			}
		}
	}
}

func checkDone(t *testing.T, what string, a answer) {
	t.Helper()
	if a.status == http.StatusOK && strings.Contains(string(a.body), bulkResponseURN) {
		if !strings.Contains(string(a.body), errorURN) {
			t.Errorf("%s: Bulk says nothing of the failure: %s", what, a.body)
		}
		return
	}
	if a.status >= 400 {
		return
	}
	if v := a.at("members"); a.status != http.StatusNoContent && v != nil {
		t.Errorf("%s: status %d with members %v", what, a.status, v)
	}
}

// TestRefusals: what the directory says of a change is an error of SCIM.
func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err      error
		status   int
		scimType string
	}{
		"taken":   {problem.New(problem.Conflict, "the userName is taken"), http.StatusConflict, "uniqueness"},
		"invalid": {problem.New(problem.Invalid, "the model does not allow it"), http.StatusBadRequest, "invalidValue"},
		"large":   {problem.New(problem.TooLarge, "too much"), http.StatusRequestEntityTooLarge, ""},
		"gone":    {problem.New(problem.NotFound, "not there"), http.StatusNotFound, ""},
	}
	for name, tt := range tests {
		s := newSite(t, nil)
		user := s.user("mia")
		s.directory.FailWith(func(method string) error {
			if method == "Apply" {
				return tt.err
			}
			return nil
		})
		for _, v := range []verb{
			{method: "PUT", target: "/Users/" + user, body: userBody("ida")},
			{method: "PATCH", target: "/Users/" + user, body: patchBody(`[{"op":"replace","path":"active","value":false}]`)},
			{method: "DELETE", target: "/Users/" + user},
		} {
			a := s.do(v.method, v.target, v.body)
			a.what = name + ": " + a.what
			a.refused(tt.status, tt.scimType)
		}
	}
}

// TestConflicts: a write that meets another one is tried three times; who named
// a version is told.
func TestConflicts(t *testing.T) {
	t.Parallel()
	changed := problem.New(problem.Changed, "changed since")
	for _, tt := range []struct {
		conflicts, tries, status int
		header                   string
	}{
		{0, 1, http.StatusOK, ""},
		{1, 2, http.StatusOK, ""},
		{2, 3, http.StatusOK, ""},
		{3, 3, http.StatusServiceUnavailable, ""},
		{1, 1, http.StatusPreconditionFailed, `If-Match: W/"1"`},
	} {
		for _, v := range []verb{
			{method: "PUT", body: userBody("ida")},
			{method: "PATCH", body: patchBody(`[{"op":"replace","path":"active","value":false}]`)},
		} {
			s := newSite(t, nil)
			user := s.user("mia")
			tried := 0
			s.directory.FailWith(func(method string) error {
				if method != "Apply" {
					return nil
				}
				if tried++; tried <= tt.conflicts {
					return changed
				}
				return nil
			})
			var header []string
			if tt.header != "" {
				header = []string{tt.header}
			}
			if a := s.do(v.method, "/Users/"+user, v.body, header...); a.status != tt.status || tried != tt.tries {
				t.Errorf("%s with %d conflicts: status %d after %d tries, want %d after %d", v.method, tt.conflicts, a.status, tried, tt.status, tt.tries)
			}
		}
	}
}

// TestTorn: an answer that has begun and cannot go on breaks off.
func TestTorn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	group := s.large(t, 4000)
	calls := 0
	s.directory.FailWith(func(method string) error {
		if method != "Members" {
			return nil
		}
		if calls++; calls == 3 {
			return problem.New(problem.Unavailable, "the store does not answer")
		}
		return nil
	})
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // a panic's value is what it is
			t.Errorf("the answer ended with %v, want it to break off", got)
		}
	}()
	s.do("GET", "/Groups/"+group, "")
}

// large makes a group with so many members.
func (s *site) large(t testing.TB, members int) (group string) {
	t.Helper()
	ids := make([]string, members)
	changes := make([]directory.Change, members)
	for i := range changes {
		ids[i] = directory.NewID()
		changes[i] = directory.Create{Resource: directory.Resource{Type: directory.User, ID: ids[i], Attributes: fmt.Appendf(nil, `{"active":true,"userName":"user-%06d@corp.test"}`, i)}}
	}
	group = directory.NewID()
	changes = append(changes,
		directory.Create{Resource: directory.Resource{Type: directory.Group, ID: group, Attributes: []byte(`{"displayName":"All"}`)}},
		directory.Members{Group: group, All: true, Add: ids})
	if _, err := s.directory.Apply(context.Background(), changes); err != nil {
		t.Fatal(err)
	}
	return group
}
