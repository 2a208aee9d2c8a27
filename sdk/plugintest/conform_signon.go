package plugintest

import (
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// signOn: a browser is sent on, comes back, and the host takes who it is.
func (s *peopleSuite) signOn() {
	s.configured()
	for name, change := range map[string]func(r *authn.BeginRequest){
		"plainly":             func(*authn.BeginRequest) {},
		"without a hint":      func(r *authn.BeginRequest) { r.LoginHint = "" },
		"with an odd hint":    func(r *authn.BeginRequest) { r.LoginHint = "a&state=x\"<'%00\r\nb#@" },
		"anew":                func(r *authn.BeginRequest) { r.Fresh = true },
		"with two factors":    func(r *authn.BeginRequest) { r.MultiFactor = true },
		"no longer ago":       func(r *authn.BeginRequest) { r.MaxAge = 3600e9 },
		"with a short relay":  func(r *authn.BeginRequest) { r.Relay = "r" },
		"with its characters": func(r *authn.BeginRequest) { r.Relay = "Az09-_.~" },
	} {
		r := s.asked()
		change(&r)
		begun, err := s.h.Begin(s.Context(), s.name(), r)
		if err == nil {
			err = checkBegun(begun, r.Relay)
		}
		if err != nil {
			s.Errorf("Begin %s: %v", name, err)
		}
	}
	identity := s.signsOn("a good answer")
	if err := checkIdentity(identity); err != nil {
		s.Errorf("the identity: %v", err)
	}
	if again := s.signsOn("another good answer"); !identity.Transient && (again.Issuer != identity.Issuer || again.Subject != identity.Subject) {
		s.Error("the same person has another issuer or subject at the next sign-on, and is not Transient")
	}
}

// denied: the fixture's own.
func (s *peopleSuite) denied() {
	s.configured()
	for _, name := range slices.Sorted(maps.Keys(s.f.Denied)) {
		bad := s.f.Denied[name]
		_, r := s.answered(bad.Answer)
		if reason := s.signsNobodyOn(name, r); reason != "" && bad.Reason != "" && reason != bad.Reason {
			s.Errorf("%s: denied as %q, want %q", name, reason, bad.Reason)
		}
	}
	s.signsOn("after answers that sign nobody on")
}

// replayed: an answer counts once, and not at all where nobody can remember it.
func (s *peopleSuite) replayed() {
	s.configured()
	_, r := s.answered(s.f.Answer)
	if _, err := s.h.Complete(s.Context(), s.name(), r); err != nil {
		s.Fatalf("a good answer: %v", err)
	}
	for range 2 {
		s.signsNobodyOn("an answer that has counted", r)
	}
	services := s.h.Describe().HostServices
	if !slices.Contains(services, hostsvc.OnceService) {
		return
	}
	_, r = s.answered(s.f.Answer)
	s.h.Grant(slices.DeleteFunc(slices.Clone(services), func(name string) bool { return name == hostsvc.OnceService })...)
	if identity, err := s.h.Complete(s.Context(), s.name(), r); err == nil {
		s.Errorf("an answer that the host could not remember signed %q on", identity.Subject)
	}
	s.h.Grant(services...)
	s.signsOn("once the host can again")
}

// bound: what answers one Begin answers no other.
func (s *peopleSuite) bound() {
	s.configured()
	if s.f.Unbound {
		s.Skip("the fixture says that its protocol cannot")
	}
	_, one := s.answered(s.f.Answer)
	_, other := s.answered(s.f.Answer)
	one.State, other.State = other.State, one.State
	s.signsNobodyOn("an answer to another Begin", one)
	for name, state := range map[string][]byte{
		"none": nil, "a byte": {0}, "text": []byte("state"), "JSON": []byte(`{"a":[null]}`), "a list": []byte(`[]`),
		"half of it": one.State[:len(one.State)/2], "it twice": append(slices.Clone(one.State), one.State...), "much": make([]byte, stateLimit),
	} {
		_, r := s.answered(s.f.Answer)
		r.State = state
		s.signsNobodyOn("with a state that is "+name, r)
	}
	if s.kind.Unsolicited {
		_, r := s.answered(s.f.Answer)
		r.State, r.Unsolicited = nil, true
		s.signsNobodyOn("an answer to a Begin, as one that nobody asked for", r)
	}
	s.signsOn("after answers to others")
}

func (s *peopleSuite) restart() {
	s.configured()
	_, used := s.answered(s.f.Answer)
	if _, err := s.h.Complete(s.Context(), s.name(), used); err != nil {
		s.Errorf("a good answer: %v", err)
	}
	_, r := s.answered(s.f.Answer)
	s.h.Restart(s.Context())
	s.h.HandleFetch(s.f.Web)
	if _, err := s.h.Complete(s.Context(), s.name(), r); err != nil {
		s.Errorf("an answer to a Begin of before: %v", err)
	}
	s.signsNobodyOn("an answer that had counted before", used)
	s.signsOn("after a restart")
}

func (s *peopleSuite) metadata() {
	s.configured()
	e := s.h.Endpoints(s.name())
	m, err := s.h.Metadata(s.Context(), s.name(), e)
	if err == nil {
		err = checkMetadata(m)
	}
	if err != nil {
		s.Errorf("the metadata: %v", err)
	}
	if len(m.Document)+len(m.Values) == 0 {
		s.Error("there is no metadata: what is the IdP's administrator to be given?")
	}
	s.h.Grant() // an IdP that is away is no reason to show none
	if _, err := s.h.Metadata(s.Context(), s.name(), e); problem.Is(err, problem.Internal) {
		s.Errorf("without host services: %v", err)
	}
}

// session: what the kind says that it does with one.
func (s *peopleSuite) session() {
	s.configured()
	e, identity := s.h.Endpoints(s.name()), s.signsOn("a good answer")
	session := authn.Session{Issuer: identity.Issuer, Subject: identity.Subject, Keep: identity.Keep}
	if s.kind.Refreshes && identity.Refreshable {
		again, err := s.h.Refresh(s.Context(), s.name(), e, session)
		if err == nil {
			err = checkIdentity(again)
		}
		if err != nil || again.Issuer != session.Issuer || again.Subject != session.Subject {
			s.Errorf("Refresh: %q of %q, %v", again.Subject, again.Issuer, err)
		}
	}
	if s.kind.LogsOut {
		relay := s.asked().Relay
		begun, err := s.h.Logout(s.Context(), s.name(), e, relay, session)
		if err == nil && begun.URL != "" {
			err = checkBegun(begun, relay)
		}
		if err != nil {
			s.Errorf("Logout: %v", err)
		}
	}
	for _, keep := range [][]byte{nil, {0}, []byte("null"), []byte("{}"), []byte(`[1]`), make([]byte, keepLimit)} {
		session.Keep = keep // of an older version of the plugin, say
		if s.kind.Refreshes {
			if _, err := s.h.Refresh(s.Context(), s.name(), e, session); err == nil || problem.Is(err, problem.Internal) {
				s.Errorf("Refresh with %.10q: %v", keep, err)
			}
		}
		if s.kind.LogsOut {
			if _, err := s.h.Logout(s.Context(), s.name(), e, "r", session); problem.Is(err, problem.Internal) {
				s.Errorf("Logout with %.10q: %v", keep, err)
			}
		}
	}
}
