package pluginhost_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestAuditHasTheScopeOfTheCall(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	ctx := context.WithValue(t.Context(), traceKey{}, "trace-1")
	if _, err := p.Verify(ctx, "acme", present("audit token.late")); err != nil {
		t.Fatal(err)
	}
	want := []pluginhost.AuditEvent{{
		Plugin: "good", Instance: "good", Organization: "acme", TraceID: "trace-1",
		Event: "token.late", Attributes: map[string]string{"who": "client"},
	}}
	if diff := cmp.Diff(want, h.audit.all()); diff != "" {
		t.Error(diff)
	}
}

func TestAuditIsRefused(t *testing.T) {
	t.Parallel()
	ungranted := func(s *pluginhost.Spec) { s.HostServices = nil }
	for name, c := range map[string]struct {
		change func(*pluginhost.Spec)
		secret string
		want   string
	}{
		"not granted":        {ungranted, "audit a.b", `"audit" is not granted to plugin "good"`},
		"an odd name":        {nil, "audit DROP TABLE", "lower case words"},
		"a long name":        {nil, "audit " + strings.Repeat("a.", 100) + "a", "64 bytes"},
		"too much":           {nil, "audit-much", "1024 are allowed"},
		"the host's failure": {nil, "audit test.panic", "the host failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			spec := h.bundled("good")
			if c.change != nil {
				c.change(&spec)
			}
			h.start(t, spec)
			p := h.configured(t, "good", "good")
			_, err := p.Verify(t.Context(), "acme", present(c.secret))
			if !problem.Is(err, problem.Unavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if len(h.audit.all()) != 0 {
				t.Errorf("recorded: %v", h.audit.all())
			}
			if strings.Contains(h.log.String(), "secret-in-panic") {
				t.Error("the log shows the value of the panic")
			}
		})
	}
}

func TestHandleIsGoodDuringItsCallOnly(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "liar")
	if _, err := p.Verify(t.Context(), "acme", present("show-handle")); err != nil {
		t.Fatalf("its own handle: %v", err)
	}
	if _, err := p.Verify(t.Context(), "acme", present("keep-handle")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(t.Context(), "globex", present("replay-handle")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("the handle of a call that is over: %v", err)
	}
	if got := h.audit.all(); len(got) != 1 || got[0].Organization != "acme" {
		t.Errorf("recorded: %v", got)
	}
}

func TestHandleOfAnotherProcess(t *testing.T) {
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
	if _, err := h.Programs("globex/liar").Verify(t.Context(), "globex", shown("foreign-handle")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	// The process that it belongs to could use it: what fails is not the handle.
	if _, err := p.Verify(t.Context(), "acme", shown("foreign-handle")); err != nil {
		t.Errorf("in its own process: %v", err)
	}
	cancel()
	<-live
}
