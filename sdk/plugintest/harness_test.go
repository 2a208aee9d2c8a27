package plugintest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// bothWays runs a test with the probe in this process and as a binary.
func bothWays(t *testing.T, test func(t *testing.T, h *plugintest.Harness)) {
	t.Parallel()
	t.Run("in the process", func(t *testing.T) { test(t, plugintest.New(t, probe())) })
	t.Run("binary", func(t *testing.T) { test(t, plugintest.Exec(t, os.Args[0], serveArgument)) })
}

func say(t *testing.T, h *plugintest.Harness, text string) (authn.VerifyResponse, error) {
	t.Helper()
	return h.Verify(t.Context(), "words", authn.VerifyRequest{Secret: secret.Text(text)})
}

func configure(t *testing.T, h *plugintest.Harness, kind string, values any) {
	t.Helper()
	if ds, err := h.Configure(t.Context(), kind, kind, values); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
}

func goodKeys() map[string]any { return map[string]any{"salt": "canary of salt"} }

func TestDescribe(t *testing.T) {
	bothWays(t, func(t *testing.T, h *plugintest.Harness) {
		want, got := probe(), h.Describe()
		for i := range want.Programs {
			want.Programs[i].New = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the description changed on its way (-want +got):\n%s", diff)
		}
	})
}

func TestErrorsOfAPlugin(t *testing.T) {
	bothWays(t, func(t *testing.T, h *plugintest.Harness) {
		configure(t, h, "words", nil)
		tests := map[string]struct {
			word string
			code problem.Code
			hint string
		}{
			"a panic":               {"panic:canary-in-a-panic", problem.Internal, ""},
			"an error":              {"error:the cause is logged", problem.Internal, ""},
			"a problem is kept":     {"problem:not there", problem.Unavailable, "wait"},
			"the deadline is noted": {"hang:", problem.DeadlineExceeded, ""},
		}
		for name, tt := range tests {
			ctx, cancel := t.Context(), func() {}
			if tt.word == "hang:" {
				ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
			}
			_, err := h.Verify(ctx, "words", authn.VerifyRequest{Secret: secret.Text(tt.word)})
			cancel()
			if !problem.Is(err, tt.code) {
				t.Errorf("%s: %v, want %s", name, err, tt.code)
			}
			if tt.hint != "" && problem.As(err).Hint != tt.hint {
				t.Errorf("%s: hint %q", name, problem.As(err).Hint)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "cause") {
				t.Errorf("%s: the host is told %v", name, err)
			}
		}
		if resp, err := say(t, h, "zero"); err != nil || resp.Reason != authn.WrongSecret {
			t.Errorf("an empty answer: %+v, %v; want a refusal", resp, err)
		}
		if resp, err := say(t, h, "good"); err != nil || resp.Subject == nil {
			t.Errorf("after all of these: %+v, %v", resp, err)
		}
		h.Restart(t.Context()) // by then a binary's log is complete
		if log := h.Logs(); strings.Contains(log, "canary") || !strings.Contains(log, "the cause is logged") || !strings.Contains(log, "panic in the plugin") {
			t.Errorf("the log has the text of a panic, or lacks a cause:\n%s", log)
		}
	})
}

func TestHostServices(t *testing.T) {
	bothWays(t, func(t *testing.T, h *plugintest.Harness) {
		configure(t, h, "words", nil)
		if resp, err := say(t, h, "audit:one"); err != nil || resp.Reason != authn.Revoked {
			t.Fatalf("%+v, %v", resp, err)
		}
		if _, err := say(t, h, "stale audit"); !problem.Is(err, problem.Forbidden) {
			t.Errorf("the handle of a call that is over: %v", err)
		}
		h.Grant()
		if _, err := say(t, h, "audit:two"); !problem.Is(err, problem.Forbidden) || !strings.Contains(err.Error(), "not granted") {
			t.Errorf("a service that is not granted: %v", err)
		}
		h.Grant("audit")
		h.Restart(t.Context())
		if _, err := say(t, h, "audit:three"); err != nil {
			t.Errorf("after a restart: %v", err)
		}
		want := []plugintest.Event{
			{Instance: "words", Event: "probe.audited", Attributes: map[string]string{"word": "one"}},
			{Instance: "words", Event: "probe.audited", Attributes: map[string]string{"word": "three"}},
		}
		if diff := cmp.Diff(want, h.Audited()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestFetch(t *testing.T) {
	bothWays(t, func(t *testing.T, h *plugintest.Harness) {
		configure(t, h, "words", nil)
		if _, err := say(t, h, "fetch:https://idp.example/x"); !problem.Is(err, problem.Unavailable) || !strings.Contains(err.Error(), "HandleFetch") {
			t.Errorf("without a handler: %v", err)
		}
		h.HandleFetch(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Set-Cookie", "a=b")
			w.Header().Set("Link", "seen")
			if r.URL.Path == "/large" {
				fmt.Fprint(w, strings.Repeat("x", hostsvc.FetchResponseLimit+1))
				return
			}
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, "%s-%s-%s", r.Method, r.Host, body)
		}))
		got, err := say(t, h, "fetch:https://idp.example/x")
		want := authn.Subject{ID: "418 I'm a teapot", Organization: "POST-idp.example-body", RevocationID: "seen"}
		if err != nil || got.Subject == nil || cmp.Diff(want, *got.Subject) != "" {
			t.Errorf("got %+v, %v", got, err)
		}
		for address, code := range map[string]problem.Code{"http://idp.example/": problem.Invalid, "https://idp.example/large": problem.TooLarge} {
			if _, err := say(t, h, "fetch:"+address); !problem.Is(err, code) {
				t.Errorf("%s: %v", address, err)
			}
		}
		h.Grant("audit")
		if _, err := say(t, h, "fetch:https://idp.example/x"); !problem.Is(err, problem.Forbidden) {
			t.Errorf("a service that is not granted: %v", err)
		}
	})
}

func TestValuesAreCheckedAsTheHostDoes(t *testing.T) {
	t.Parallel()
	h := plugintest.New(t, probe())
	tests := map[string]struct {
		values any
		want   diag.Path // of the one error; nil is none
	}{
		"good":                    {goodKeys(), nil},
		"null is absent":          {map[string]any{"salt": "canary of salt", "rounds": nil}, nil},
		"missing":                 {nil, diag.Path{"salt"}},
		"another type":            {map[string]any{"salt": "canary of salt", "rounds": "1"}, diag.Path{"rounds"}},
		"not in the schema":       {map[string]any{"salt": "canary of salt", "pepper": "x"}, diag.Path{"pepper"}},
		"no block":                {map[string]any{"salt": "canary of salt", "limit": 7}, diag.Path{"limit"}},
		"missing in a block":      {map[string]any{"salt": "canary of salt", "limit": []any{map[string]any{"rate": 1}, map[string]any{}}}, diag.Path{"limit", "1", "rate"}},
		"the plugin's own":        {map[string]any{"salt": "short"}, diag.Path{"salt"}},
		"the plugin's in a block": {map[string]any{"salt": "canary of salt", "limit": []any{map[string]any{"rate": 0}}}, diag.Path{"limit", "0", "rate"}},
	}
	for name, tt := range tests {
		ds, err := h.Configure(t.Context(), "keys", "keys", tt.values)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want == nil && len(ds) > 0, tt.want != nil && (len(ds) != 1 || !cmp.Equal(ds[0].Path, tt.want)):
			t.Errorf("%s: %v, want one about %q", name, ds, tt.want)
		}
	}
	if _, err := h.Configure(t.Context(), "keys", "keys", "text"); err == nil {
		t.Error("a text was taken for a block")
	}
	if _, err := h.Configure(t.Context(), "no-such-kind", "x", nil); err == nil {
		t.Error("a kind that the plugin does not have was configured")
	}
}

func TestABinaryGetsNothingOfTheEnvironment(t *testing.T) {
	t.Setenv("GATEHOUSE_ROOT_KEY", "canary")
	h := plugintest.Exec(t, os.Args[0], serveArgument)
	configure(t, h, "words", nil)
	for _, name := range []string{"GATEHOUSE_ROOT_KEY", "HOME"} {
		if resp, err := say(t, h, "env:"+name); err != nil || resp.Subject.Organization != "false" {
			t.Errorf("%s: %+v, %v; want it unset", name, resp.Subject, err)
		}
	}
	if resp, err := say(t, h, "env:PATH"); err != nil || resp.Subject.ID != os.Getenv("PATH") {
		t.Errorf("PATH: %+v, %v", resp.Subject, err)
	}
}

func TestABinaryRunsForItsHostOnly(t *testing.T) {
	t.Parallel()
	started := func(env ...string) error {
		cmd := exec.CommandContext(t.Context(), os.Args[0], serveArgument)
		cmd.Env = env // and standard input is at its end: the host is gone
		return cmd.Run()
	}
	if err := started(); err == nil {
		t.Error("it ran without the host's cookie")
	}
	handshake := "GATEHOUSE_PLUGIN=b3f1c6de-5f0f-4a3e-8a44-gatehouse"
	if err := started(handshake, "PLUGIN_PROTOCOL_VERSIONS=1"); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("with a host that is gone: %v, want exit status 3", err)
	}
}
