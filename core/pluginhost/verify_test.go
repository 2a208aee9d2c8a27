package pluginhost_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	for name, c := range map[string]struct {
		secret string
		want   authn.VerifyResponse
		code   problem.Code
	}{
		"right":   {secret: "right", want: authn.Accept("r1")},
		"wrong":   {secret: "wrong", want: authn.Refuse(authn.WrongSecret)},
		"panic":   {secret: "panic", code: problem.Unavailable},
		"problem": {secret: "complain", code: problem.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Verify(t.Context(), "acme", present(c.secret))
			if c.code != "" {
				if !problem.Is(err, c.code) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestLiesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	records := h.ready(t, "liar")
	if _, err := h.Configure(t.Context(), pluginhost.Configure{Plugin: "liar", Kind: "token", Instance: "token"}); err != nil {
		t.Fatal(err)
	}
	tokens := h.Programs("token")
	for _, word := range []string{
		"other-record", "no-record", "no-result", "unknown-reason", "no-reason", "huge-verifier", "subject-of-record",
		"subject", "stream-nothing",
	} {
		t.Run("records/"+word, func(t *testing.T) {
			t.Parallel()
			if got, err := records.Verify(t.Context(), "acme", present(word)); !problem.Is(err, problem.Internal) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	for _, word := range []string{
		"right", "no-record", "no-result", "unknown-reason", "subject-of-record", "year-one", "year-million", "no-revocation",
		"no-organization", "odd-organization", "control-characters", "line-break", "many-scopes", "huge-attribute",
	} {
		t.Run("tokens/"+word, func(t *testing.T) {
			t.Parallel()
			if got, err := tokens.Verify(t.Context(), "", authn.VerifyRequest{Secret: present(word).Secret}); !problem.Is(err, problem.Internal) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	for _, word := range []string{"huge-reply", "stream-problem"} {
		t.Run("broken/"+word, func(t *testing.T) {
			t.Parallel()
			_, err := records.Verify(t.Context(), "acme", present(word))
			// On a machine that is slow enough the time of the call is over first.
			if !problem.Is(err, problem.Unavailable) && !problem.Is(err, problem.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if _, err := records.Verify(t.Context(), "acme", present("right")); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
	t.Run("the truth is not", func(t *testing.T) {
		t.Parallel()
		got, err := tokens.Verify(t.Context(), "", authn.VerifyRequest{Secret: "subject"})
		want := authn.AcceptSubject(authn.Subject{ID: "s", Organization: "acme", RevocationID: "j"})
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(authn.Subject{}, "Expires")); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		got, err = tokens.Verify(t.Context(), "", authn.VerifyRequest{Secret: "expired"})
		if err != nil || got.Reason != authn.Expired {
			t.Errorf("expired: %v, %v", got, err)
		}
	})
}

// TestAStreamThatLies asks beside honest requests. What the stream said is
// nobody's answer then: each that waited is asked by a call of its own.
func TestAStreamThatLies(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"stream-error", "stream-another", "stream-twice"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			records := newHost(t).ready(t, "liar")
			var honest sync.WaitGroup
			for range 8 {
				honest.Go(func() {
					for range 20 {
						if got, err := records.Verify(t.Context(), "acme", present("right")); err != nil || got.RecordID != "r1" {
							t.Errorf("an honest request beside it: %v, %v", got, err)
						}
					}
				})
			}
			for range 5 {
				got, err := records.Verify(t.Context(), "acme", present(word))
				if word != "stream-twice" && (err != nil || got.Reason != authn.WrongSecret) {
					t.Errorf("got %v, %v; alone the plugin refuses it", got, err)
				}
			}
			honest.Wait()
		})
	}
}

// TestALateAnswerIsNobodys abandons a request; its answer comes with that of
// the next one.
func TestALateAnswerIsNobodys(t *testing.T) {
	t.Parallel()
	records := newHost(t).ready(t, "liar")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got, err := records.Verify(ctx, "acme", present("stream-late")); !problem.Is(err, problem.DeadlineExceeded) {
		t.Errorf("got %v, %v", got, err)
	}
	for range 2 {
		got, err := records.Verify(t.Context(), "acme", present("right"))
		if diff := cmp.Diff(authn.Accept("r1"), got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	if got, err := records.Verify(t.Context(), "acme", present("stream-now")); err != nil || got.RecordID != "r1" {
		t.Errorf("with the late answer: %v, %v", got, err)
	}
}

func TestVerifyHasItsLimits(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	for name, c := range map[string]struct {
		programs *pluginhost.Programs
		request  authn.VerifyRequest
		code     problem.Code
	}{
		"a huge secret":        {p, present(strings.Repeat("x", 100_000)), problem.TooLarge},
		"no records":           {p, authn.VerifyRequest{Secret: "right"}, problem.Internal},
		"an unknown instance":  {h.Programs("other"), present("right"), problem.Unavailable},
		"a thousand records":   {p, authn.VerifyRequest{Secret: "right", Records: make([]authn.Record, 1000)}, problem.Internal},
		"a name that is weird": {h.Programs("../x"), present("right"), problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := c.programs.Verify(t.Context(), "acme", c.request); !problem.Is(err, c.code) {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

func TestPluginWithoutStreams(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "unary")
	for range 3 {
		if got, err := p.Verify(t.Context(), "acme", present("right")); err != nil || got.RecordID != "r1" {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestMoreCallsThanStreams(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	file := filepath.Join(t.TempDir(), "go")
	var calls sync.WaitGroup
	for range 150 {
		calls.Go(func() {
			if got, err := p.Verify(t.Context(), "acme", present("wait-for "+file)); err != nil || got.RecordID != "r1" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	// All of them wait in the plugin while this one is answered.
	if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Error(err)
	}
	write(t, file, "", 0o600)
	calls.Wait()
}

func BenchmarkVerify(b *testing.B) {
	h := newHost(b)
	h.start(b, h.bundled("good"))
	p := h.configured(b, "good", "good")
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Verify(b.Context(), "acme", present("right")); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestHangingCallEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	for name, within := range map[string]time.Duration{"the caller's": 50 * time.Millisecond, "the host's": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			if _, err := p.Verify(ctx, "acme", present("hang")); !lateness(err) {
				t.Errorf("got %v", err)
			}
			if got, err := p.Verify(t.Context(), "acme", present("right")); err != nil || got.RecordID != "r1" {
				t.Errorf("afterwards: %v, %v", got, err)
			}
		})
	}
}

// lateness is what a call says that took too long. The plugin knows the deadline
// too, and may be the first to see it pass.
func lateness(err error) bool {
	return problem.Is(err, problem.DeadlineExceeded) || problem.Is(err, problem.Unavailable)
}

func TestPanicShowsNoSecret(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	_, err := p.Verify(t.Context(), "acme", present("panic"))
	if err == nil || strings.Contains(err.Error(), "secret-in-panic") {
		t.Errorf("got %v", err)
	}
	// This one ends the process, and twice: it is repeated once.
	if _, err := p.Verify(t.Context(), "acme", present("crash")); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the panic is logged", func() bool { return len(h.log.entries(t, "panic: [redacted]")) > 0 })
	if h.log.entries(t, "goroutine ") == nil {
		t.Error("the stack is not logged")
	}
	for _, text := range []string{"secret-in-panic", "secret-in-second-line"} {
		if strings.Contains(h.log.String(), text) {
			t.Errorf("the log shows %s", text)
		}
	}
}

func TestProblemShowsNoSecret(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	_, err := p.Verify(t.Context(), "acme", present("complain about-this"))
	if !problem.Is(err, problem.Throttled) || problem.As(err).RetryAfter != time.Minute {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "about-this") {
		t.Errorf("%v repeats the secret", err)
	}
}

func TestIssue(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	got, err := p.Issue(t.Context(), "acme", authn.IssueRequest{RecordID: "abc", ClientID: "c"})
	if err != nil || got.Secret.Reveal() != "new-abc" || string(got.Verifier) != "hash" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := p.Issue(t.Context(), "acme", authn.IssueRequest{RecordID: "abc", ClientID: "plain"}); !problem.Is(err, problem.Internal) {
		t.Errorf("a verifier that is the secret: %v", err)
	}
	liar := h.ready(t, "liar")
	if _, err := liar.Issue(t.Context(), "acme", authn.IssueRequest{RecordID: "abc"}); !problem.Is(err, problem.Unsupported) {
		t.Errorf("a kind that does not issue: %v", err)
	}
}
