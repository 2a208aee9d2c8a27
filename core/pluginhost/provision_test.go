package pluginhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// provisioners starts the plugin with instances of two connections.
func provisioners(t testing.TB) *hostUnderTest {
	t.Helper()
	h := newHost(t)
	h.start(t, h.bundled("provisioner"))
	h.provisioner(t, "push", "acme-okta/push")
	h.provisioner(t, "push", "umbrella/push")
	return h
}

func (h *hostUnderTest) provisioner(t testing.TB, kind, name string) {
	t.Helper()
	got, err := h.Configure(t.Context(), pluginhost.Configure{
		Plugin: "provisioner", Kind: kind, Instance: name, Provider: "okta", Values: json.RawMessage(`{}`),
	})
	if err != nil || got.Diagnostics.HasErrors() {
		t.Fatalf("configuring %s: %v %v", name, got.Diagnostics, err)
	}
}

func request(method, target, body string) pluginhost.HTTPRequest {
	r := pluginhost.HTTPRequest{Method: method, Target: target, Header: http.Header{}, BaseURL: "https://app.example.com/scim/v2"}
	if body != "" {
		r.Body = strings.NewReader(body)
	}
	return r
}

// asked is a request's answer, read to its end.
func (h *hostUnderTest) asked(t testing.TB, instance string, r pluginhost.HTTPRequest) (answer *pluginhost.HTTPResponse, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answer, err = h.Handle(ctx, instance, "acme", r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer, string(read), err
}

func TestHandle(t *testing.T) {
	h := provisioners(t)
	r := request("PATCH", "/echo?a=%20b", `{"x":1}`)
	r.Header = http.Header{
		"Authorization": {"Bearer secret"}, "Cookie": {"a=b"}, "X-Other": {"x"}, "X-Gatehouse-Subject": {"s"}, "Content-Type": {"application/json"}, "User-Agent": {"Okta\xff"},
	}
	answer, body, err := h.asked(t, "acme-okta/push", r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"method": "PATCH", "uri": "/echo?a=%20b", "path": "/echo", "query": "a=%20b", "length": 7.0, "body": `{"x":1}`, "failed": false,
		"header": map[string]any{"Content-Type": []any{"application/json"}, "User-Agent": []any{"Okta?"}},
		"base":   "https://app.example.com/scim/v2", "host": "app.example.com", "instance": "acme-okta/push", "provider": "okta",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plugin saw (-want +got):\n%s", diff)
	}
	wantHeader := http.Header{"Content-Type": {"application/scim+json"}, "Etag": {`W/"1"`}}
	if answer.Status != 201 || !cmp.Equal(answer.Header, wantHeader) {
		t.Errorf("the answer is %d %v", answer.Status, answer.Header)
	}
	if want := []provision.Note{{Rule: "echoed", Detail: "It was echoed."}}; !cmp.Equal(answer.Notes, want) {
		t.Errorf("its notes are %v", answer.Notes)
	}
	h.events.mu.Lock()
	defer h.events.mu.Unlock()
	if h.events.calls == 0 {
		t.Error("the observer was not told")
	}
}

func TestHandleOfLargeBodies(t *testing.T) {
	h := provisioners(t)
	for _, n := range []int{0, 1, 64 << 10, 64<<10 + 1, 64<<10 + 2, 3 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := request("POST", "/sum", "")
			r.Body = strings.NewReader(strings.Repeat("x", n))
			if _, body, err := h.asked(t, "acme-okta/push", r); err != nil || body != fmt.Sprint(n, " <nil>") {
				t.Errorf("of a body of %d bytes the plugin saw %q, %v", n, body, err)
			}
			_, body, err := h.asked(t, "acme-okta/push", request("GET", fmt.Sprint("/large?n=", n), ""))
			if err != nil || len(body) != n {
				t.Fatalf("of an answer of %d bytes %d came, %v", n, len(body), err)
			}
			for i := 0; i+10 <= n; i += 10 {
				if body[i:i+10] != fmt.Sprintf("%09d\n", i/10) {
					t.Fatalf("at %d stands %q", i, body[i:i+10])
				}
			}
		})
	}
}

// An answer that is given before the body was read is the answer.
func TestHandleAnswersEarly(t *testing.T) {
	h := provisioners(t)
	r := request("POST", "/early", "")
	r.Body = io.LimitReader(endless{}, 1<<30)
	if answer, _, err := h.asked(t, "acme-okta/push", r); err != nil || answer.Status != 413 {
		t.Errorf("it ended with %+v, %v", answer, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Nobody waits for an IdP that reads slowly, and what waits for it is bounded.
func TestHandleOfSlowReaders(t *testing.T) {
	h := provisioners(t)
	var slow []*pluginhost.HTTPResponse
	for range 20 {
		answer, err := h.Handle(t.Context(), "acme-okta/push", "acme", request("GET", "/large?n=5000000", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		slow = append(slow, answer)
	}
	for range 20 {
		if answer, _, err := h.asked(t, "umbrella/push", request("GET", "/echo", "")); err != nil || answer.Status != 201 {
			t.Fatalf("beside slow readers: %+v, %v", answer, err)
		}
	}
	for _, answer := range slow {
		if n, err := io.Copy(io.Discard, answer.Body); n != 5000000 || err != nil {
			t.Errorf("a slow reader got %d bytes, %v", n, err)
		}
	}
}

func TestHandleFailures(t *testing.T) {
	h := provisioners(t)
	h.provisioner(t, "pull", "acme-google/pull")
	broken := request("POST", "/sum", "")
	broken.Body = io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), failing{})
	brokenEarly := request("POST", "/sum", "")
	brokenEarly.Body = failing{}
	long := request("GET", "/"+strings.Repeat("x", 64<<10), "")
	agent := request("GET", "/echo", "")
	agent.Header.Set("User-Agent", strings.Repeat("x", 9<<10))
	for name, c := range map[string]struct {
		instance string
		request  pluginhost.HTTPRequest
		want     problem.Code
	}{
		"no such instance":           {"other/push", request("GET", "/echo", ""), problem.Unavailable},
		"one that is not pushed to":  {"acme-google/pull", request("GET", "/echo", ""), problem.Unsupported},
		"a panic":                    {"acme-okta/push", request("GET", "/panic", ""), problem.Unavailable},
		"a panic in the middle":      {"acme-okta/push", request("GET", "/large?n=100000&panic", ""), problem.Unavailable},
		"a body that breaks":         {"acme-okta/push", broken, problem.Invalid},
		"a body that breaks at once": {"acme-okta/push", brokenEarly, problem.Invalid},
		"a method that is none":      {"acme-okta/push", request("get it", "/echo", ""), problem.Invalid},
		"a target that is none":      {"acme-okta/push", request("GET", "echo", ""), problem.Invalid},
		"a target that is not UTF-8": {"acme-okta/push", request("GET", "/echo?\xff", ""), problem.Invalid},
		"a long target":              {"acme-okta/push", long, problem.TooLarge},
		"a long header":              {"acme-okta/push", agent, problem.TooLarge},
		"a page":                     {"acme-okta/push", request("GET", "/answer?Content-Type=text/html", ""), problem.Internal},
		"a place elsewhere":          {"acme-okta/push", request("GET", "/answer?Location=https://evil.example/", ""), problem.Internal},
		"a line in a header":         {"acme-okta/push", request("GET", "/answer?Etag=a%0d%0aSet-Cookie:x", ""), problem.Internal},
		"a header that is not UTF-8": {"acme-okta/push", request("GET", "/answer?Etag=a&Etag=b%ff", ""), problem.Internal},
		"a death in the middle":      {"acme-okta/push", request("GET", "/large?n=200000&die", ""), problem.Unavailable},
		"a death":                    {"umbrella/push", request("GET", "/die", ""), problem.Unavailable},
		"a death with a large body":  {"umbrella/push", request("POST", "/die", strings.Repeat("x", 1<<20)), problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := h.asked(t, c.instance, c.request); !problem.Is(err, c.want) {
				t.Fatalf("Handle: %v, want %s", err, c.want)
			} else if strings.Contains(name, "death") && problem.As(err).RetryAfter == 0 {
				t.Error("it does not say when to try again")
			}
			eventually(t, "a request that is answered", func() bool {
				answer, _, err := h.asked(t, "acme-okta/push", request("GET", "/answer?nothing", ""))
				return err == nil && answer.Status == 204
			})
		})
	}
	if n := h.left("deaths"); n != 2 {
		t.Errorf("two deadly requests ended %d processes: they were repeated", n)
	}
	if strings.Contains(h.log.String(), "secret-in-panic") {
		t.Error("what the plugin panicked with is in the log")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, problem.New(problem.Invalid, "the body broke") }

// What nobody waits for ends in the plugin too.
func TestHandleEndsWithItsCaller(t *testing.T) {
	for name, c := range map[string]struct {
		request pluginhost.HTTPRequest
		begun   bool
	}{
		"before the answer":   {request("GET", "/hang", ""), false},
		"in the answer":       {request("GET", "/drip", ""), true},
		"with a large body":   {request("POST", "/hang", strings.Repeat("x", 1<<20)), false},
		"with an endless one": {pluginhost.HTTPRequest{Method: "POST", Target: "/hang", Body: endless{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := provisioners(t)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				eventually(t, "a request in flight", func() bool { return h.left("hanging") == 1 })
				cancel()
			}()
			answer, err := h.Handle(ctx, "acme-okta/push", "acme", c.request)
			if c.begun && err == nil {
				_, err = io.ReadAll(answer.Body)
				_ = answer.Body.Close()
			}
			if !problem.Is(err, problem.DeadlineExceeded) {
				t.Errorf("it ended with %v", err)
			}
			eventually(t, "the end of the request in the plugin", func() bool { return h.left("cancelled") == 1 })
		})
	}
}

// A reader that closes early stops the plugin.
func TestHandleBodyClosedEarly(t *testing.T) {
	h := provisioners(t)
	answer, err := h.Handle(t.Context(), "acme-okta/push", "acme", request("GET", "/large?n=50000000", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, answer.Body, 100); err != nil {
		t.Error(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the end of the answer in the plugin", func() bool { return h.left("unsent") == 1 })
	if _, err := answer.Body.Read(make([]byte, 10)); err == nil {
		t.Error("a closed body can be read")
	}
}

func TestHandleManyAtOnce(t *testing.T) {
	h := provisioners(t)
	var working sync.WaitGroup
	failures := make(chan error, 1000)
	for n := range 100 {
		working.Go(func() {
			connection := []string{"acme-okta/push", "umbrella/push"}[n%2]
			for i := range 5 {
				r := request("POST", fmt.Sprintf("/create?%d", i), fmt.Sprintf(`{"userName":"u%d-%d"}`, n, i))
				answer, body, err := h.asked(t, connection, r)
				if err == nil && answer.Status != 200 {
					err = errors.New(body)
				}
				if err != nil {
					failures <- err
				}
			}
		})
	}
	working.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	for _, connection := range []string{"acme-okta", "umbrella"} {
		d := h.people.of(pluginhost.Caller{Instance: connection})
		if users := d.Resources(directory.User); len(users) != 250 {
			t.Errorf("%s has %d users, want 250", connection, len(users))
		}
	}
}

// The directory is the call's own, whatever the plugin keeps of another.
func TestDirectoryScope(t *testing.T) {
	h := provisioners(t)
	if _, body, err := h.asked(t, "acme-okta/push", request("POST", "/create", `{"userName":"ada"}`)); err != nil || !strings.Contains(body, `"Changed":true`) {
		t.Fatalf("it answered %q, %v", body, err)
	}
	want := pluginhost.Caller{Instance: "acme-okta/push", Organization: "acme"}
	if h.people.callers[0] != want {
		t.Errorf("the directory was asked by %+v, want %+v", h.people.callers[0], want)
	}
	if _, _, err := h.asked(t, "umbrella/push", request("GET", "/keep", "")); err != nil {
		t.Fatal(err)
	}
	if answer, body, err := h.asked(t, "umbrella/push", request("GET", "/use", "")); err != nil || answer.Status != 403 {
		t.Errorf("with the handle of a call that is over: %+v %q, %v", answer, body, err)
	}
	if answer, body, err := h.asked(t, "acme-okta/push", request("POST", "/create", `{"userName":"ADA"}`)); err != nil || answer.Status != 409 {
		t.Errorf("a name that is taken: %+v %q, %v", answer, body, err)
	}
	if answer, body, err := h.asked(t, "umbrella/push", request("POST", "/create", `{"userName":"ada"}`)); err != nil || answer.Status != 200 {
		t.Errorf("a name that another connection has: %+v %q, %v", answer, body, err)
	}
}

func TestDirectoryIsGranted(t *testing.T) {
	h := newHost(t)
	spec := h.bundled("provisioner")
	spec.HostServices = []string{"audit"}
	h.start(t, spec)
	h.provisioner(t, "push", "acme-okta/push")
	if answer, body, err := h.asked(t, "acme-okta/push", request("POST", "/create", `{"userName":"ada"}`)); err != nil || answer.Status != 403 {
		t.Errorf("it answered %+v %q, %v", answer, body, err)
	}
}

func TestSync(t *testing.T) {
	h := newHost(t)
	h.start(t, h.bundled("provisioner"))
	h.provisioner(t, "pull", "acme-google/pull")
	h.provisioner(t, "push", "acme-okta/push")
	got, notes, err := h.Sync(t.Context(), "acme-google/pull", "acme", "")
	if want := (provision.Progress{Cursor: "2"}); err != nil || got != want || len(notes) != 1 {
		t.Errorf("the first part: %+v %v %v", got, notes, err)
	}
	if got, _, err := h.Sync(t.Context(), "acme-google/pull", "acme", "2"); err != nil || !got.Done {
		t.Errorf("the last part: %+v %v", got, err)
	}
	for cursor, want := range map[string]problem.Code{"other": problem.Unavailable, "gone": problem.Changed, "forbidden": problem.Unavailable} {
		_, _, err := h.Sync(t.Context(), "acme-google/pull", "acme", cursor)
		if p := problem.As(err); p.Code != want || p.Detail != "the IdP does not[2J answer" || p.Hint != "look there" || p.RetryAfter != 24*time.Hour {
			t.Errorf("from %s the operator is told: %+v", cursor, p)
		}
	}
	for cursor, want := range map[string]problem.Code{"stuck": problem.Internal, "other": problem.Unavailable, strings.Repeat("x", 65<<10): problem.Internal} {
		if _, _, err := h.Sync(t.Context(), "acme-google/pull", "acme", cursor); !problem.Is(err, want) {
			t.Errorf("from %.10s: %v, want %s", cursor, err, want)
		}
	}
	if _, _, err := h.Sync(t.Context(), "acme-okta/push", "acme", ""); !problem.Is(err, problem.Unsupported) {
		t.Errorf("of one that does not pull: %v", err)
	}
}
