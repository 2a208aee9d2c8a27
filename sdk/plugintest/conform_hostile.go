package plugintest

import (
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// hostile: whatever comes back is denied. None of it is an error of the plugin's,
// since everybody can send it.
func (s *peopleSuite) hostile() {
	s.configured()
	_, good := s.answered(s.f.Answer)
	for name, in := range garbage() {
		r := good
		r.Incoming = in
		s.signsNobodyOn(name, r)
		if s.kind.Unsolicited {
			r.State, r.Unsolicited = nil, true
			s.signsNobodyOn(name+", which nobody asked for", r)
		}
	}
	asked, good := s.answered(s.f.Answer)
	names := slices.Sorted(maps.Keys(bent(good.Incoming, asked.Relay)))
	for _, name := range names { // each of an answer of its own: one of them may have counted
		asked, r := s.answered(s.f.Answer)
		in, ok := bent(r.Incoming, asked.Relay)[name]
		if !ok {
			continue // the next answer has other parameters
		}
		r.Incoming = in
		s.signsNobodyOn(name, r)
	}
	if len(names) == 0 {
		s.Error("a good answer has no parameter but the relay: what does it prove?")
	}
	s.signsOn("after hostile answers")
}

// pushes: what an IdP has not sent ends nobody's session.
func (s *peopleSuite) pushes() {
	if !s.kind.LogsOut && !s.kind.Receives {
		s.Skip("it receives nothing")
	}
	s.configured()
	for name, in := range garbage() {
		for _, browser := range []bool{true, false} {
			if browser && !s.kind.LogsOut || !browser && !s.kind.Receives {
				continue
			}
			r := authn.ReceiveRequest{Endpoints: s.h.Endpoints(s.name()), Incoming: in, Browser: browser}
			got, err := s.h.Receive(s.Context(), s.name(), r)
			denied := (*authn.Denied)(nil)
			if !errors.As(err, &denied) {
				s.Errorf("%s (by a browser: %t): %+v, %v; want a *authn.Denied\nthe plugin's log:\n%s", name, browser, got, err, s.h.Logs())
			} else if err := checkDenied(denied); err != nil {
				s.Errorf("%s: %v", name, err)
			}
		}
	}
	s.signsOn("after hostile pushes")
}
