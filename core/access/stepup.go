package access

import (
	"time"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// StepUp is the cause of a refusal that a sign-on of this kind would mend
// (RFC 9470).
type StepUp struct{ policy.SignOn }

// Error implements error.
func (s *StepUp) Error() string {
	switch {
	case s.MultiFactor && s.MaxAge > 0:
		return "a sign-on with more than one factor, at most " + s.MaxAge.String() + " ago"
	case s.MultiFactor:
		return "a sign-on with more than one factor"
	}
	return "a sign-on at most " + s.MaxAge.String() + " ago"
}

// signedOnAs refuses whoever has not signed on as a route asks. How it was is a
// property of the session, and for how long it is good enough one of the moment:
// neither is in a verdict that is kept. A program has not signed on at all, with
// whosever key.
func signedOnAs(p *Principal, asked policy.SignOn, now time.Time) error {
	if asked == (policy.SignOn{}) {
		return nil
	}
	if p.session == nil {
		return problem.New(problem.Forbidden, "this path is for people who have signed on, and not for programs").
			WithHint("open it with a browser")
	}
	a := p.session.Authentication
	stale := asked.MaxAge > 0 && (!p.session.SaidWhen() || now.Sub(a.Time) > asked.MaxAge)
	if stale || asked.MultiFactor && a.MultiFactor != authn.MultiFactorYes {
		step := &StepUp{asked}
		return problem.Wrap(step, problem.InsufficientAuthentication, "this path asks for %s", step).
			WithHint("sign on again")
	}
	return nil
}
