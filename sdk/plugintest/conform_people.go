package plugintest

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// PeopleFixture is what the suite has to know of an authenticator of people.
type PeopleFixture struct {
	Kind       string
	Config     any                  // a good configuration, as for Harness.Configure
	BadConfigs map[string]BadConfig // what the plugin itself has to refuse

	// Web answers what the plugin fetches; nil where that is nothing.
	Web http.Handler

	// Answer plays the IdP and the browser: it is what comes back of a Begin, and
	// signs somebody on. It is called many times, also for a Begin whose answer
	// never comes, and in the test's own goroutine.
	Answer Answer

	// Denied are answers that sign nobody on.
	Denied map[string]DeniedAnswer

	// Unbound says that the IdP's protocol has no way to bind an answer to a Begin.
	Unbound bool
}

// Answer is what an IdP has a browser bring back. What was asked is in the
// request, and in what the plugin made of it.
type Answer func(t testing.TB, r authn.BeginRequest, b authn.Begun) authn.Incoming

// DeniedAnswer is an answer that signs nobody on.
type DeniedAnswer struct {
	Answer Answer
	Reason string // of the *authn.Denied; empty is any
}

// RunPeople puts an authenticator of people through what the host expects of
// every one. Start is called once for each part, with New or with Exec.
//
// It checks the description; that bad configurations are refused, and change
// nothing; that a browser is sent to an absolute address, with the relay; that
// the identity is one which the host takes; that an answer counts once, for its
// own Begin, also after a restart, beside others and where the host cannot
// remember it; that input which is empty, huge, binary, cut or doubled ends in an
// *authn.Denied; calls that nobody waits for; many at once while the instance is
// replaced; the metadata; what the kind says that it does beside; that nothing is
// left after Remove; and that no secret appears in a log, an error or a denial.
func RunPeople(t *testing.T, start func(t *testing.T) *Harness, f PeopleFixture) {
	if f.Answer == nil {
		t.Fatal("the fixture has no Answer")
	}
	parts := []struct {
		name string
		run  func(s *peopleSuite)
	}{
		{"the description is sound", (*peopleSuite).description},
		{"bad configurations are refused", (*peopleSuite).badConfigs},
		{"an instance that is not configured", (*peopleSuite).notConfigured},
		{"a sign-on", (*peopleSuite).signOn},
		{"answers that sign nobody on", (*peopleSuite).denied},
		{"an answer counts once", (*peopleSuite).replayed},
		{"an answer counts for its own Begin", (*peopleSuite).bound},
		{"hostile answers", (*peopleSuite).hostile},
		{"hostile pushes", (*peopleSuite).pushes},
		{"calls that nobody waits for", (*peopleSuite).abandoned},
		{"many at once", (*peopleSuite).parallel},
		{"a restart", (*peopleSuite).restart},
		{"the metadata", (*peopleSuite).metadata},
		{"a session", (*peopleSuite).session},
		{"nothing is left after Remove", (*peopleSuite).leaks},
		{"secrets are not shown", (*peopleSuite).secrets},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			s := &peopleSuite{T: t, h: start(t), f: f}
			kind, ok := s.h.person(f.Kind)
			if !ok {
				t.Fatalf("the plugin describes no authenticator of people %q", f.Kind)
			}
			s.kind = kind
			s.h.HandleFetch(f.Web)
			part.run(s)
		})
	}
}

// peopleSuite is one part of the suite, with a plugin of its own.
type peopleSuite struct {
	*testing.T
	h    *Harness
	f    PeopleFixture
	kind authn.PersonKind
}

func (s *peopleSuite) name() string { return "acme/" + s.f.Kind }

func (s *peopleSuite) configured() {
	s.Helper()
	if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
		s.Fatalf("the good configuration was refused: %v %v\nthe plugin's log:\n%s", ds, err, s.h.Logs())
	}
}

// asked is a sign-on as it is begun.
func (s *peopleSuite) asked() authn.BeginRequest {
	return authn.BeginRequest{Endpoints: s.h.Endpoints(s.name()), Relay: rand.Text(), LoginHint: "somebody@example.com"}
}

// answered begins a sign-on and has the IdP answer: what comes back is not
// completed yet.
func (s *peopleSuite) answered(answer Answer) (authn.BeginRequest, authn.CompleteRequest) {
	s.Helper()
	r, at := s.asked(), time.Now()
	begun, err := s.h.Begin(s.Context(), s.name(), r)
	if err != nil {
		s.Fatalf("Begin: %v\nthe plugin's log:\n%s", err, s.h.Logs())
	}
	return r, authn.CompleteRequest{Endpoints: r.Endpoints, Incoming: answer(s.T, r, begun), State: begun.State, Begun: at}
}

// signsOn: a sign-on from its beginning to its end is a success.
func (s *peopleSuite) signsOn(what string) authn.Identity {
	s.Helper()
	_, r := s.answered(s.f.Answer)
	identity, err := s.h.Complete(s.Context(), s.name(), r)
	if err != nil {
		s.Errorf("%s: nobody was signed on: %v\nthe plugin's log:\n%s", what, err, s.h.Logs())
	}
	return identity
}

// signsNobodyOn: a message is denied, for a reason.
func (s *peopleSuite) signsNobodyOn(what string, r authn.CompleteRequest) (reason string) {
	s.Helper()
	identity, err := s.h.Complete(s.Context(), s.name(), r)
	denied := (*authn.Denied)(nil)
	switch {
	case err == nil:
		s.Errorf("%s: it signed %q on", what, identity.Subject)
	case !errors.As(err, &denied):
		s.Errorf("%s: %v, want a *authn.Denied\nthe plugin's log:\n%s", what, err, s.h.Logs())
	default:
		if err := checkDenied(denied); err != nil {
			s.Errorf("%s: %v", what, err)
		}
		reason = denied.Reason
	}
	return reason
}

func (s *peopleSuite) description() {
	if err := withNew(s.h.Describe()).Check(); err != nil {
		s.Errorf("the description:\n%v", err)
	}
}

func (s *peopleSuite) badConfigs() {
	s.configured()
	for _, name := range slices.Sorted(maps.Keys(s.f.BadConfigs)) {
		bad := s.f.BadConfigs[name]
		ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), bad.Values)
		about := func(d diag.Diagnostic) bool { return d.Severity == diag.Error && slices.Equal(d.Path, bad.Path) }
		if err != nil || !slices.ContainsFunc(ds, about) {
			s.Errorf("%s: diagnostics %v, error %v; want an error about %q", name, ds, err, bad.Path)
		}
		for _, d := range ds {
			if d.Summary == "" || !exists(s.kind.Schema, d.Path) {
				s.Errorf("%s: a diagnostic without a summary, or about what is not in the schema: %v", name, d)
			}
		}
		if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), bad.Values); err != nil || !ds.HasErrors() {
			s.Errorf("%s: Configure refuses it, Validate does not: %v %v", name, ds, err)
		}
	}
	s.signsOn("after bad configurations")
}

func (s *peopleSuite) notConfigured() {
	if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
		s.Errorf("the good configuration does not validate: %v %v", ds, err)
	}
	for _, a := range s.kind.Schema.Attributes {
		if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config, a.Name); err != nil || ds.HasErrors() {
			s.Errorf("it complains while %q is not known: %v %v", a.Name, ds, err)
		}
	}
	if _, err := s.h.Begin(s.Context(), s.name(), s.asked()); !problem.Is(err, problem.Unavailable) {
		s.Errorf("Begin of an instance that is not configured: %v, want %s", err, problem.Unavailable)
	}
	if _, err := s.h.Complete(s.Context(), s.name(), authn.CompleteRequest{}); !problem.Is(err, problem.Unavailable) {
		s.Errorf("Complete of an instance that is not configured: %v, want %s", err, problem.Unavailable)
	}
}
