package pluginhost_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// web is what plugins reach, and what they have asked of it.
type web struct {
	mu    sync.Mutex
	asked []pluginhost.FetchRequest
	fail  error
}

func (w *web) Fetch(ctx context.Context, r pluginhost.FetchRequest) (pluginhost.FetchResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r)
	if _, ok := ctx.Deadline(); !ok {
		return pluginhost.FetchResponse{}, problem.New(problem.Internal, "the request has no deadline")
	}
	if w.fail != nil {
		return pluginhost.FetchResponse{}, w.fail
	}
	body := []byte("answer")
	if strings.HasSuffix(r.URL, "/large") {
		body = bytes.Repeat([]byte("x"), 4<<20)
	}
	return pluginhost.FetchResponse{
		Status: 200, Header: http.Header{"Content-Type": {"text/plain"}, "Link": {"a", "b"}}, Body: body, URL: "https://idp.example/end", FromCache: true,
	}, nil
}

func (w *web) all() []pluginhost.FetchRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]pluginhost.FetchRequest{}, w.asked...)
}

func TestFetchHasTheScopeOfTheCall(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	if _, err := p.Verify(t.Context(), "acme", present("fetch https://idp.example/large")); err != nil {
		t.Fatal(err)
	}
	want := []pluginhost.FetchRequest{{
		Plugin: "good", Instance: "good", Organization: "acme", Method: "POST", URL: "https://idp.example/large",
		Header: http.Header{"X-Api-Key": {"k"}}, Body: bytes.Repeat([]byte("b"), 500<<10), Credentials: []string{"X-Api-Key"}, MaxBytes: 7,
	}}
	if diff := cmp.Diff(want, h.web.all()); diff != "" {
		t.Error(diff)
	}
	eventually(t, "the plugin tells what it got", func() bool { return len(h.log.entries(t, "fetched")) == 1 })
	got := h.log.entries(t, "fetched")[0]
	if got["status"] != 200.0 || got["bytes"] != float64(4<<20) || got["url"] != "https://idp.example/end" || got["cached"] != true {
		t.Errorf("the plugin got %v", got)
	}
}

func TestFetchServesLibraries(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	if _, err := p.Verify(t.Context(), "acme", present("fetch-library https://idp.example/")); err != nil {
		t.Error(err)
	}
}

func TestFetchIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		granted []string
		fail    error
		want    string
	}{
		"not granted":             {nil, nil, "permission_denied"},
		"another is granted":      {[]string{"audit"}, nil, "permission_denied"},
		"by the guard":            {[]string{"fetch"}, problem.New(problem.Forbidden, "the address is not public"), "permission_denied: the address is not public"},
		"for a reason of its own": {[]string{"fetch"}, context.Canceled, "internal: an internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.web.fail = c.fail
			spec := h.bundled("good")
			spec.HostServices = c.granted
			h.start(t, spec)
			_, err := h.configured(t, "good", "good").Verify(t.Context(), "acme", present("fetch-library https://idp.example/"))
			if !problem.Is(err, problem.Unavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n := len(h.web.all()); (n > 0) != (c.fail != nil) {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

func TestFetchWithTheHandleOfACallThatIsOver(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "liar")
	if _, err := p.Verify(t.Context(), "acme", present("show-handle fetch")); err != nil {
		t.Fatalf("its own handle: %v", err)
	}
	if _, err := p.Verify(t.Context(), "acme", present("keep-handle")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(t.Context(), "globex", present("replay-handle fetch")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("the handle of a call that is over: %v", err)
	}
	if got := h.web.all(); len(got) != 1 || got[0].Organization != "acme" {
		t.Errorf("made: %v", got)
	}
}

func TestFetchWithTheHandleOfAnotherInstance(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "liar")
	c := pluginhost.Configure{Plugin: "liar", Kind: "liar", Instance: "globex/liar", Dedicated: true}
	if _, err := h.Configure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.folder, "handle")
	shown := func(word string) authn.VerifyRequest {
		r := present(word)
		r.ID = file
		return r
	}
	ctx, cancel := context.WithCancel(t.Context())
	live := make(chan struct{})
	go func() {
		defer close(live)
		_, _ = p.Verify(ctx, "acme", shown("write-handle")) // in flight until it is cancelled
	}()
	eventually(t, "the handle is known", func() bool { text, _ := os.ReadFile(file); return len(text) == 22 })
	if _, err := h.Programs("globex/liar").Verify(t.Context(), "globex", shown("foreign-handle fetch")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	if got := h.web.all(); len(got) != 0 {
		t.Errorf("made: %v", got)
	}
	cancel()
	<-live
}
