package pluginhost_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// signOnCalls are all calls of an authenticator of people, each with a word.
func signOnCalls(p *pluginhost.People) map[string]func(ctx context.Context, word string) error {
	receive := func(ctx context.Context, word string, browser bool) error {
		_, err := p.Receive(ctx, authn.ReceiveRequest{Incoming: authn.Incoming{RawQuery: word}, Browser: browser})
		return err
	}
	session := func(word string) authn.Session { return authn.Session{Issuer: "i", Subject: "s", Keep: []byte(word)} }
	return map[string]func(ctx context.Context, word string) error{
		"Begin": func(ctx context.Context, word string) error {
			_, err := p.Begin(ctx, authn.BeginRequest{LoginHint: word})
			return err
		},
		"Complete": func(ctx context.Context, word string) error {
			_, err := p.Complete(ctx, authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: word}})
			return err
		},
		"Refresh": func(ctx context.Context, word string) error {
			_, err := p.Refresh(ctx, authn.Endpoints{}, session(word))
			return err
		},
		"Logout": func(ctx context.Context, word string) error {
			_, err := p.Logout(ctx, authn.Endpoints{}, "r", session(word))
			return err
		},
		"Metadata": func(ctx context.Context, word string) error {
			_, err := p.Metadata(ctx, authn.Endpoints{EntityID: word, CompleteURL: "https://app.example.com/"})
			return err
		},
		"Receive":           func(ctx context.Context, word string) error { return receive(ctx, word, false) },
		"Receive (browser)": func(ctx context.Context, word string) error { return receive(ctx, word, true) },
	}
}

func TestSignOnOfWhatAnInstanceDoesNotDo(t *testing.T) {
	t.Parallel()
	h, plain := signOns(t, "plain")
	if got, err := h.Configure(t.Context(), configuration("signon", "acme/program", "")); err == nil {
		t.Errorf("a kind that there is not was configured: %v", got)
	}
	c := configuration("signon", "acme/program", "")
	c.Kind = "program"
	if got, err := h.Configure(t.Context(), c); err != nil || got.Diagnostics.HasErrors() {
		t.Fatal(got, err)
	}
	for name, call := range signOnCalls(plain) {
		does := name == "Begin" || name == "Complete" || name == "Metadata"
		if err := call(t.Context(), ""); does && err != nil || !does && !problem.Is(err, problem.Unsupported) {
			t.Errorf("%s of one that only signs on: %v", name, err)
		}
	}
	for name, call := range signOnCalls(h.People("acme/program", "acme")) {
		if err := call(t.Context(), ""); !problem.Is(err, problem.Unsupported) {
			t.Errorf("%s of an authenticator of programs: %v", name, err)
		}
	}
	for name, call := range signOnCalls(h.People("acme/nobody", "acme")) {
		if err := call(t.Context(), ""); !problem.Is(err, problem.Unavailable) {
			t.Errorf("%s of none: %v", name, err)
		}
	}
	if _, err := plain.Complete(t.Context(), authn.CompleteRequest{Unsolicited: true}); !problem.Is(err, problem.Unsupported) {
		t.Errorf("what nobody asked for, of one that does not take it: %v", err)
	}
	if _, err := h.Programs("acme-okta/plain").Verify(t.Context(), "acme", present("right")); !problem.Is(err, problem.Unsupported) {
		t.Errorf("a secret of a program: %v", err)
	}
	if _, _, err := h.asked(t, "acme-okta/plain", request("GET", "/Users", "")); !problem.Is(err, problem.Unsupported) {
		t.Errorf("a request for a provisioner: %v", err)
	}
	if _, _, err := h.Sync(t.Context(), "acme-okta/plain", "acme", ""); !problem.Is(err, problem.Unsupported) {
		t.Errorf("a pass of a provisioner: %v", err)
	}
}

func TestSignOnThatBoasts(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start(t, h.bundled("signon"))
	for _, kind := range []string{"boasts-of-refreshing", "boasts-of-logging-out", "boasts-of-receiving"} {
		got, err := h.Configure(t.Context(), pluginhost.Configure{Plugin: "signon", Kind: kind, Instance: "acme-okta/" + kind, Values: json.RawMessage(`{}`)})
		if err == nil && !got.Diagnostics.HasErrors() {
			t.Errorf("an instance of %q was configured", kind)
		}
	}
}

func TestSignOnFailures(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	for name, call := range signOnCalls(p) {
		for word, want := range map[string]problem.Code{"panic": problem.Unavailable, "fail": problem.Unavailable, "throttled": problem.Throttled} {
			err := call(t.Context(), word)
			if !problem.Is(err, want) || strings.Contains(problem.As(err).Detail, "words") {
				t.Errorf("%s, %s: %v, want %s", name, word, err, want)
			}
			if word == "throttled" && problem.As(err).RetryAfter != time.Minute {
				t.Errorf("%s does not say when to try again: %v", name, err)
			}
		}
		if err := call(t.Context(), ""); err != nil {
			t.Errorf("%s after it: %v", name, err)
		}
	}
	if _, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: "latin-1"}}); !problem.Is(err, problem.Unavailable) || strings.Contains(err.Error(), "Lovelac") {
		t.Errorf("a name that is not UTF-8: %v", err)
	}
	if log := h.log.String(); strings.Contains(log, "secret-in-panic") || strings.Contains(log, "Lovelac") {
		t.Error("what the plugin panicked with, or a name, is in the log")
	}
	if s := h.status(t, "signon"); s.Restarts != 0 {
		t.Errorf("it was restarted %d times", s.Restarts)
	}
}

// What nobody waits for ends in the plugin too.
func TestSignOnThatHangs(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		eventually(t, "a call in flight", func() bool { return h.left("hanging") == 1 })
		cancel()
	}()
	if err := signOnCalls(p)["Complete"](ctx, "hang"); !problem.Is(err, problem.DeadlineExceeded) || problem.As(err).RetryAfter == 0 {
		t.Errorf("it ended with %v", err)
	}
	eventually(t, "the end of the call in the plugin", func() bool { return h.left("cancelled") == 1 })
	if err := signOnCalls(p)["Complete"](t.Context(), ""); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// A code or an assertion counts once, and a refresh token may: what asks about
// one is not repeated. The rest is repeated once.
func TestSignOnThatDies(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"Begin": 2, "Logout": 2, "Metadata": 2, "Complete": 1, "Refresh": 1, "Receive": 1, "Receive (browser)": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := signOns(t, "all")
			call := signOnCalls(p)[name]
			if err := call(t.Context(), "die"); !problem.Is(err, problem.Unavailable) || problem.As(err).RetryAfter == 0 {
				t.Errorf("it ended with %v", err)
			}
			if n := h.left("deaths"); n != want {
				t.Errorf("it ended %d processes, want %d", n, want)
			}
			if err := call(t.Context(), "die-once"); (err == nil) != (want == 2) || err != nil && !problem.Is(err, problem.Unavailable) {
				t.Errorf("where only the first call is deadly: %v", err)
			}
			if err := call(t.Context(), ""); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// What came in is refused where no plugin should have to look at it.
func TestSignOnOfMessagesThatAreTooMuch(t *testing.T) {
	t.Parallel()
	_, p := signOns(t, "all")
	for name, in := range map[string]authn.Incoming{
		"a query":                  {RawQuery: strings.Repeat("x", 3<<20+1)},
		"a body":                   {Body: make([]byte, 3<<20+1)},
		"a header":                 {Authorization: strings.Repeat("x", 3<<20+1)},
		"a type":                   {ContentType: strings.Repeat("x", 3<<20+1)},
		"a field":                  {Form: []authn.Field{{Name: "SAMLResponse", Value: strings.Repeat("x", 3<<20)}}},
		"a name of a field":        {Form: []authn.Field{{Name: strings.Repeat("x", 3<<20+1)}}},
		"the sum of many fields":   {Form: slices.Repeat([]authn.Field{{Name: "a", Value: strings.Repeat("x", 200<<10)}}, 20)},
		"the number of its fields": {Form: slices.Repeat([]authn.Field{{Name: "a"}}, 33)},
	} {
		if _, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: in}); !problem.Is(err, problem.TooLarge) {
			t.Errorf("%s, completed: %v", name, err)
		}
		if _, err := p.Receive(t.Context(), authn.ReceiveRequest{Incoming: in}); !problem.Is(err, problem.TooLarge) {
			t.Errorf("%s, received: %v", name, err)
		}
	}
	// What is not UTF-8 is handed on in a form that can be sent.
	odd := authn.Incoming{RawQuery: "\xff", ContentType: "\xff", Authorization: "\xff", Form: []authn.Field{{Name: "\xff", Value: "\xff"}}}
	got, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: odd})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got.Keep, authn.CompleteRequest{Incoming: authn.Incoming{
		RawQuery: "\uFFFD", ContentType: "\uFFFD", Authorization: "\uFFFD", Form: []authn.Field{{Name: "\uFFFD", Value: "\uFFFD"}},
	}})
	begun, err := p.Begin(t.Context(), authn.BeginRequest{LoginHint: "a\xff"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, begun.State, authn.BeginRequest{LoginHint: "a\uFFFD"})
}
