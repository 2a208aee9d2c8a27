package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// ProvisionerFixture is what the suite has to know of a provisioner that is
// pushed to.
type ProvisionerFixture struct {
	Kind       string
	Config     any                  // a good configuration, as for Harness.Configure
	BadConfigs map[string]BadConfig // what the plugin itself has to refuse

	// Requests are answered with a 2xx, in any order and as often as the suite
	// likes, with an empty directory at first: a list, a search.
	Requests map[string]ProvisionerRequest
}

// ProvisionerRequest is an HTTP request. Its target begins after the mount.
type ProvisionerRequest struct {
	Method, Target string
	Header         http.Header
	Body           string
}

// RunProvisioner puts a provisioner through what the host expects of every one.
// Start is called once for each part, with New or with Exec.
//
// It checks the description; that bad configurations are refused, and change
// nothing; that a path which is not there, methods, targets and bodies of all
// kinds have an answer that the host can hand on, and no panic; that a
// directory which fails is never a success; that requests are answered
// together over one stream while the instance is replaced; that what nobody
// waits for ends; and that a plugin answers after a restart.
func RunProvisioner(t *testing.T, start func(t *testing.T) *Harness, f ProvisionerFixture) {
	parts := []struct {
		name string
		run  func(s *provisionerSuite)
	}{
		{"the description is sound", (*provisionerSuite).description},
		{"bad configurations are refused", (*provisionerSuite).badConfigs},
		{"an instance that is not configured", (*provisionerSuite).notConfigured},
		{"requests", (*provisionerSuite).requests},
		{"hostile requests", (*provisionerSuite).hostile},
		{"a directory that fails", (*provisionerSuite).failing},
		{"many at once", (*provisionerSuite).parallel},
		{"abandoned requests", (*provisionerSuite).abandoned},
		{"a restart", (*provisionerSuite).restart},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			s := &provisionerSuite{T: t, h: start(t), f: f}
			if _, ok := s.h.provisioner(f.Kind); !ok {
				t.Fatalf("the plugin describes no provisioner %q", f.Kind)
			}
			part.run(s)
		})
	}
}

// provisionerSuite is one part of the suite, with a plugin of its own.
type provisionerSuite struct {
	*testing.T
	h *Harness
	f ProvisionerFixture
}

func (s *provisionerSuite) name() string { return "acme/" + s.f.Kind }

func (s *provisionerSuite) configured() {
	s.Helper()
	if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
		s.Fatalf("the good configuration was refused: %v %v\nthe plugin's log:\n%s", ds, err, s.h.Logs())
	}
}

func (s *provisionerSuite) description() {
	if err := withNew(s.h.Describe()).Check(); err != nil {
		s.Errorf("the description:\n%v", err)
	}
}

func (s *provisionerSuite) badConfigs() {
	s.configured()
	for _, name := range slices.Sorted(maps.Keys(s.f.BadConfigs)) {
		bad := s.f.BadConfigs[name]
		ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), bad.Values)
		about := func(d diag.Diagnostic) bool { return d.Severity == diag.Error && slices.Equal(d.Path, bad.Path) }
		if err != nil || !slices.ContainsFunc(ds, about) {
			s.Errorf("%s: diagnostics %v, error %v; want an error about %q", name, ds, err, bad.Path)
		}
		if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), bad.Values); err != nil || !ds.HasErrors() {
			s.Errorf("%s: Configure refuses it, Validate does not: %v %v", name, ds, err)
		}
	}
	s.answered()
}

func (s *provisionerSuite) notConfigured() {
	r := (ProvisionerRequest{Method: http.MethodGet, Target: "/"}).request()
	if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
		s.Errorf("the good configuration does not validate: %v %v", ds, err)
	}
	if _, _, err := s.h.Handle(s.Context(), s.name(), r); !problem.Is(err, problem.Unavailable) {
		s.Errorf("a request to an instance that is not configured: %v, want %s", err, problem.Unavailable)
	}
}

func (r ProvisionerRequest) request() *http.Request {
	target, err := url.ParseRequestURI(r.Target)
	if err != nil {
		target = &url.URL{Path: r.Target}
	}
	out := httptest.NewRequestWithContext(context.Background(), r.Method, "/", strings.NewReader(r.Body))
	out.URL, out.RequestURI = target, r.Target
	if r.Header != nil {
		out.Header = r.Header.Clone()
	}
	return out
}

// answered: each of the fixture's requests is a success.
func (s *provisionerSuite) answered() {
	s.Helper()
	for _, name := range slices.Sorted(maps.Keys(s.f.Requests)) {
		resp, notes, err := s.h.Handle(s.Context(), s.name(), s.f.Requests[name].request())
		if err != nil || resp.StatusCode > 299 {
			s.Errorf("%s: %+v, %v\nthe plugin's log:\n%s", name, resp, err, s.h.Logs())
			continue
		}
		s.sound(name, resp, notes)
	}
}

func (s *provisionerSuite) requests() {
	s.configured()
	s.answered()
}

// sound: the host would hand the answer on.
func (s *provisionerSuite) sound(what string, resp *http.Response, notes []provision.Note) {
	s.Helper()
	body, _ := io.ReadAll(resp.Body) // it is in memory
	kind := resp.Header.Get("Content-Type")
	if len(body) > 0 && kind != "" && !strings.HasPrefix(kind, "text/plain") && !strings.Contains(kind, "json") {
		s.Errorf("%s: an answer of the Content-Type %q is neither JSON nor text/plain", what, kind)
	}
	for _, field := range []string{"Location", "Content-Location"} {
		if at := resp.Header.Get(field); at != "" && !strings.HasPrefix(at, BaseURL+s.h.mountOf(s.name())) {
			s.Errorf("%s: the %s %q is not below the mount: use provision.BaseURL", what, field, at)
		}
	}
	if len(notes) > 64 {
		s.Errorf("%s: %d notes of one request", what, len(notes))
	}
}

// hostile: everything has an answer, and what is not there is no success.
func (s *provisionerSuite) hostile() {
	s.configured()
	deep := strings.Repeat(`{"a":[`, 20000)
	bodies := []string{"", "{", "null", "[]", `"x"`, deep, "\xff\xfe", `{"a":1,"a":2}`, `{"schemas":null}`, strings.Repeat("x", 2<<20)}
	targets := []string{"/", "//", "/no-such-thing", "/Users/no%2fbody", "/%00", "/Users?filter=%28%28%28", "/Users?count=-1&startIndex=99999999999999999999", "/?" + strings.Repeat("a&", 5000), "/../../etc/passwd"}
	var all []ProvisionerRequest
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
		for _, target := range targets {
			all = append(all, ProvisionerRequest{Method: method, Target: target})
		}
		for _, body := range bodies {
			all = append(all, ProvisionerRequest{Method: method, Target: "/Users", Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
		}
	}
	for _, r := range all {
		what := fmt.Sprintf("%s %.40s with %.20q", r.Method, r.Target, r.Body)
		resp, notes, err := s.h.Handle(s.Context(), s.name(), r.request())
		switch {
		case err != nil:
			s.Errorf("%s: %v", what, err)
			continue
		case resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
			s.Errorf("%s: answered with %d", what, resp.StatusCode)
		case resp.StatusCode < 300 && strings.HasPrefix(r.Target, "/no-such"):
			s.Errorf("%s: what is not there was answered with %d", what, resp.StatusCode)
		}
		s.sound(what, resp, notes)
	}
	s.answered()
}

// failing: an error of the directory is an error of the answer.
func (s *provisionerSuite) failing() {
	s.configured()
	d := s.h.Directory("acme")
	var asked bool
	d.FailWith(func(string) error {
		asked = true
		return problem.New(problem.Unavailable, "the store is away").WithRetryAfter(time.Second)
	})
	for _, name := range slices.Sorted(maps.Keys(s.f.Requests)) {
		asked = false
		resp, _, err := s.h.Handle(s.Context(), s.name(), s.f.Requests[name].request())
		if asked && err == nil && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
			s.Errorf("%s: a directory that fails was answered with %d", name, resp.StatusCode)
		}
	}
	d.FailWith(nil)
	s.answered()
}

const provisionerCalls = 200

// parallel: each request has its own answer, while the instance is replaced.
func (s *provisionerSuite) parallel() {
	s.configured()
	names := slices.Sorted(maps.Keys(s.f.Requests))
	if len(names) == 0 {
		s.Skip("the fixture has no requests")
	}
	var all []*http.Request
	for i := range provisionerCalls {
		all = append(all, s.f.Requests[names[i%len(names)]].request())
	}
	stop, replaced := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				replaced <- nil
				return
			default:
			}
			if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
				replaced <- fmt.Errorf("the good configuration was refused: %v %w", ds, err)
				return
			}
		}
	}()
	responses, _, errs := s.h.handleTogether(s.Context(), s.name(), all)
	close(stop)
	if err := <-replaced; err != nil {
		s.Error(err)
	}
	for i, resp := range responses {
		if errs[i] != nil || resp.StatusCode > 299 {
			s.Errorf("%s beside others: %+v, %v", names[i%len(names)], resp, errs[i])
		}
	}
}

// abandoned: a stream that ends with requests on it takes nothing with it.
func (s *provisionerSuite) abandoned() {
	s.configured()
	for range 20 {
		ctx, cancel := context.WithCancel(s.Context())
		go cancel()
		for _, r := range s.f.Requests {
			request := r.request()
			request.Body = io.NopCloser(bytes.NewReader([]byte(r.Body)))
			_, _, _ = s.h.Handle(ctx, s.name(), request) // whatever it is, it is nobody's
		}
		cancel()
	}
	s.answered()
}

func (s *provisionerSuite) restart() {
	s.configured()
	s.answered()
	s.h.Restart(s.Context())
	s.answered()
}
