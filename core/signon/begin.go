package signon

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// wish is what somebody asks for at /login.
type wish struct {
	connection, organization, email string
	authenticator                   string // of the connection: "saml", "oidc.new"; "" is the first
	to                              string // where they wanted to go
	fresh                           bool
	factors                         bool // more than one is asked for
	maxAge                          time.Duration
}

// login finds the connection of whoever wants to sign on: by its name, by their
// organization, by the domain of their e-mail address, or because there is one
// only; else it asks.
func (s *SignOn) login(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			s.fail(w, r, problem.Wrap(err, problem.Invalid, "the form cannot be read"))
			return
		}
		q = r.PostForm
	}
	if at := s.Host(r); at != s.home() {
		s.sendHome(w, r, at, q)
		return
	}
	one := wish{connection: q.Get("connection"), organization: q.Get("organization"), authenticator: q.Get("authenticator"), email: strings.TrimSpace(q.Get("email")), to: local(q.Get("return_to"))}
	one.factors, one.maxAge = q.Get("mfa") != "", maxAge(q.Get("max_age"))
	if had, ok := s.had(r); ok && one.stronger() && one.connection+one.organization+one.email == "" {
		if c, ok := s.connection(had.Connection); ok { // the person is known, and how they sign on
			for _, a := range c.Authenticators {
				if a.Instance == had.Instance {
					s.begin(w, r, c, a, one)
					return
				}
			}
		}
	}
	found, err := s.meant(r.Context(), one)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case len(found) == 1:
		a, ok := found[0].chosen(one.authenticator)
		if !ok {
			s.fail(w, r, problem.New(problem.NotFound, "connection %s has no authenticator %q", found[0].Label, one.authenticator).WithHint("check the link that you followed"))
			return
		}
		s.begin(w, r, found[0], a, one)
	case len(found) > 1:
		s.choose(w, r, found, one)
	default:
		s.ask(w, r, one, one.connection+one.organization+one.email != "")
	}
}

// chosen is the authenticator of a connection by which somebody signs on: that which
// their link names, else the first of its block. So an operator tries another one
// while everybody goes on with the first.
func (c Connection) chosen(name string) (Authenticator, bool) {
	for _, a := range c.Authenticators {
		if name == "" || a.Instance == c.Label+"/"+name {
			return a, true
		}
	}
	return Authenticator{}, false
}

// stronger reports whether a sign-on of a kind is asked for, as a route does.
func (one wish) stronger() bool { return one.factors || one.maxAge > 0 }

// maxAge reads seconds. What somebody writes there can only make it harder for
// them: what is none asks for a sign-on of now.
func maxAge(text string) time.Duration {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return time.Second
	}
	return time.Duration(n) * time.Second
}

// had is the session that a browser has.
func (s *SignOn) had(r *http.Request) (session.Session, bool) {
	token := session.TokenOf(r.Header)
	if token == "" {
		return session.Session{}, false
	}
	found, _, err := s.Sessions.Find(r.Context(), token)
	return found, err == nil
}

// meant are the connections that somebody may mean.
func (s *SignOn) meant(ctx context.Context, one wish) (list []Connection, err error) {
	var all []Connection
	for _, c := range s.Connections() {
		if len(c.Authenticators) > 0 {
			all = append(all, c)
		}
	}
	owner := ""
	if one.email != "" && one.connection+one.organization == "" {
		if owner, err = s.Domains().Owner(ctx, domain.Of(one.email)); err != nil {
			return nil, err
		}
	}
	for _, c := range all {
		switch {
		case one.connection != "":
			if c.Label == one.connection {
				list = append(list, c)
			}
		case one.organization != "":
			if c.Organization == one.organization {
				list = append(list, c)
			}
		case one.email != "":
			if owner != "" && c.Organization == owner {
				list = append(list, c)
			}
		case oneOrganization(all):
			list = append(list, c)
		}
	}
	return list, nil
}

// oneOrganization reports whether all connections are of one: then naming them
// tells nobody of other customers.
func oneOrganization(all []Connection) bool {
	return !slices.ContainsFunc(all, func(c Connection) bool { return c.Organization != all[0].Organization })
}

// begin sends the browser to an IdP.
func (s *SignOn) begin(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator, one wish) {
	relay, err := s.newRelay()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	begun, err := s.Plugin(a.Instance, c.Organization).Begin(r.Context(), authn.BeginRequest{
		Endpoints: s.endpoints(c, a), Relay: relay, LoginHint: one.email, Fresh: one.fresh, MultiFactor: c.RequireMFA || one.factors, MaxAge: one.maxAge,
	})
	if err != nil {
		s.Seen(c.Label, "not_begun")
		s.fail(w, r, err)
		return
	}
	f := flow{Relay: relay, Instance: a.Instance, Connection: c.Label, Return: one.to, State: begun.State, Fresh: one.fresh, MaxAge: one.maxAge, Factors: one.factors, Begun: s.Clock()}
	if err := s.keep(w, r, f); err != nil {
		s.fail(w, r, err)
		return
	}
	s.forward(w, r, begun)
}
