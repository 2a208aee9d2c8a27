package plugintest_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestPeopleConformance(t *testing.T) {
	t.Parallel()
	t.Run("in this process", func(t *testing.T) {
		t.Parallel()
		plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, portalPlugin(soundPortal)) }, portalFixture())
	})
	t.Run("as a binary", func(t *testing.T) {
		t.Parallel()
		plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, os.Args[0], portalArgument) }, portalFixture())
	})
}

func TestHarnessOfSignOns(t *testing.T) {
	t.Parallel()
	h := plugintest.New(t, portalPlugin(soundPortal))
	want, got := portalPlugin(soundPortal), h.Describe()
	want.People[0].New = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the description changed on its way (-want +got):\n%s", diff)
	}
	const name = "acme/portal"
	if ds, err := h.Configure(t.Context(), "portal", name, portalFixture().Config); err != nil || ds.HasErrors() {
		t.Fatal(ds, err)
	}
	e := h.Endpoints(name)
	if e.CompleteURL != "https://gatehouse.example/sso/acme/callback" {
		t.Errorf("its endpoints are %+v", e)
	}
	push := func(s statement) authn.ReceiveRequest {
		s.ID, s.Expires = s.Ends+s.Subject, time.Now().Add(time.Minute).Unix()
		return authn.ReceiveRequest{Endpoints: e, Incoming: authn.Incoming{Method: "POST", Body: []byte(idp.say(s))}}
	}
	received, err := h.Receive(t.Context(), name, push(statement{Ends: "ada"}))
	if diff := cmp.Diff(authn.Received{Ended: []authn.Ended{{Issuer: "https://portal.example", Subject: "ada"}}, Status: 204}, received); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := h.Receive(t.Context(), name, push(statement{Ends: "ada"})); !cmp.Equal(err, error(&authn.Denied{Reason: "replay", Detail: "it has been used", Status: 400})) {
		t.Errorf("a push that comes again: %v", err)
	}
	begun, err := h.Logout(t.Context(), name, e, "r", authn.Session{Subject: "ada", Keep: []byte("1")})
	if diff := cmp.Diff(authn.Begun{URL: "https://portal.example/logout", Fields: []authn.Field{{Name: "state", Value: "r"}}, State: []byte("ada")}, begun); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := h.Refresh(t.Context(), name, e, authn.Session{Keep: []byte("2")}); !cmp.Equal(err, error(&authn.Denied{Reason: "over", Detail: "the portal knows no such session"})) {
		t.Errorf("a session that is over: %v", err)
	}
}

// Keys are the instance's own, outlive a restart, and one takes over from another
// while both are published.
func TestHarnessRotatesPairs(t *testing.T) {
	t.Parallel()
	h := plugintest.New(t, portalPlugin(soundPortal))
	for _, name := range []string{"acme/portal", "umbrella/portal"} {
		if ds, err := h.Configure(t.Context(), "portal", name, portalFixture().Config); err != nil || ds.HasErrors() {
			t.Fatal(ds, err)
		}
	}
	published := func(name string) (n int, certificate string) {
		t.Helper()
		m, err := h.Metadata(t.Context(), name, h.Endpoints(name))
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Published   int
			Certificate string
		}
		if err := json.Unmarshal(m.Document, &document); err != nil {
			t.Fatal(err)
		}
		return document.Published, document.Certificate
	}
	_, first := published("acme/portal")
	if _, other := published("umbrella/portal"); other == first {
		t.Error("two instances have one key")
	}
	h.Restart(t.Context())
	if _, again := published("acme/portal"); again != first {
		t.Error("the key does not outlive a restart")
	}
	h.StagePair("acme/portal", hostsvc.KeySign)
	n, second := published("acme/portal")
	if n != 2 || second == first {
		t.Errorf("%d keys are published", n)
	}
	h.UseNewestPair("acme/portal", hostsvc.KeySign, true)
	if n, last := published("acme/portal"); n != 1 || last != second {
		t.Errorf("in the end %d keys are published", n)
	}
	h.Grant()
	if _, err := h.Metadata(t.Context(), "acme/portal", h.Endpoints("acme/portal")); !problem.Is(err, problem.Forbidden) {
		t.Errorf("without the grant: %v", err)
	}
}

// changed is the portal with a Begin or a Complete of another make.
type changed struct {
	*portal
	begin    func(r authn.BeginRequest) (authn.Begun, error)
	complete func(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error)
}

func (c changed) Begin(ctx context.Context, r authn.BeginRequest) (authn.Begun, error) {
	if c.begin == nil {
		return c.portal.Begin(ctx, r)
	}
	return c.begin(r)
}

func (c changed) Complete(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
	if c.complete == nil {
		return c.portal.Complete(ctx, r)
	}
	return c.complete(ctx, r)
}

// signOnDefects are plugins with one mistake each, and the part of the suite that
// has to find it.
func signOnDefects() map[string]struct {
	part   string
	change func(*portal) authn.People
} {
	type completeFunc = func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error)
	completing := func(f completeFunc) func(*portal) authn.People {
		return func(p *portal) authn.People {
			return changed{portal: p, complete: func(ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) { return f(p, ctx, r) }}
		}
	}
	beginning := func(f func(r authn.BeginRequest) authn.Begun) func(*portal) authn.People {
		return func(p *portal) authn.People {
			return changed{portal: p, begin: func(r authn.BeginRequest) (authn.Begun, error) { return f(r), nil }}
		}
	}
	return map[string]struct {
		part   string
		change func(*portal) authn.People
	}{
		"its address is relative": {"a_sign-on", beginning(func(r authn.BeginRequest) authn.Begun { return authn.Begun{URL: "/login?state=" + r.Relay} })},
		"it loses the relay":      {"a_sign-on", beginning(func(authn.BeginRequest) authn.Begun { return authn.Begun{URL: "https://portal.example/"} })},
		"it says nothing of groups": {"a_sign-on", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			i, err := p.Complete(ctx, r)
			i.GroupsState = 0
			return i, err
		})},
		"it ignores the state": {"an_answer_counts_for_its_own_Begin", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			query := strings.SplitN(r.Incoming.RawQuery+"&state=&", "state=", 2)
			state, _, _ := strings.Cut(query[1], "&")
			r.State = []byte(state)
			return p.Complete(ctx, r)
		})},
		"it takes an answer again": {"an_answer_counts_once", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			i, err := p.Complete(ctx, r)
			if denied := (*authn.Denied)(nil); errors.As(err, &denied) && denied.Reason == "replay" {
				return p.identity("ada"), nil
			}
			return i, err
		})},
		"it goes on where nobody can remember": {"an_answer_counts_once", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			i, err := p.Complete(ctx, r)
			if problem.Is(err, problem.Forbidden) {
				return p.identity("ada"), nil
			}
			return i, err
		})},
		"it remembers for one process": {"a_restart", func(p *portal) authn.People {
			var own sync.Map
			return completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
				i, err := p.Complete(ctx, r)
				_, used := own.LoadOrStore(r.Incoming.RawQuery, true)
				if denied := (*authn.Denied)(nil); !used && errors.As(err, &denied) && denied.Reason == "replay" {
					return p.identity("ada"), nil
				}
				return i, err
			})(p)
		}},
		"an odd query is its error": {"hostile_answers", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			if strings.Contains(r.Incoming.RawQuery, "%zz") {
				return authn.Identity{}, errors.New("the query cannot be read")
			}
			return p.Complete(ctx, r)
		})},
		"it panics": {"hostile_answers", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			_ = r.Incoming.RawQuery[0]
			return p.Complete(ctx, r)
		})},
		"it takes the first of two": {"hostile_answers", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			first, rest, _ := strings.Cut(r.Incoming.RawQuery, "&")
			if strings.HasPrefix(first, "proof=") && strings.HasPrefix(rest, "proof=") {
				r.Incoming.RawQuery = first
			}
			return p.Complete(ctx, r)
		})},
		"its reason is the IdP's word": {"hostile_answers", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			i, err := p.Complete(ctx, r)
			if denied := (*authn.Denied)(nil); errors.As(err, &denied) && strings.HasPrefix(r.Incoming.RawQuery, "error=") {
				denied.Reason = r.Incoming.RawQuery[6:]
			}
			return i, err
		})},
		"it logs the proof": {"secrets_are_not_shown", completing(func(p *portal, ctx context.Context, r authn.CompleteRequest) (authn.Identity, error) {
			p.logger(r.Incoming.RawQuery)
			return p.Complete(ctx, r)
		})},
		"it leaks a goroutine": {"nothing_is_left_after_Remove", func(p *portal) authn.People {
			go func() { select {} }()
			return p
		}},
	}
}

func TestThePeopleSuiteFindsDefects(t *testing.T) {
	if name := os.Getenv(defectVariable); name != "" {
		p := portalPlugin(signOnDefects()[name].change)
		plugintest.RunPeople(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, p) }, portalFixture())
		return
	}
	t.Parallel()
	for name, defect := range signOnDefects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestThePeopleSuiteFindsDefects$/^" + defect.part + "$"
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.count=1")
			cmd.Env = append(os.Environ(), defectVariable+"="+name)
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestThePeopleSuiteFindsDefects/" + defect.part
			if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "panic:") {
				t.Errorf("error %v, want %q in:\n%s", err, want, out)
			}
		})
	}
}
