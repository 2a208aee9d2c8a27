package signon

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// again is the field of a form that this host has its own page post once more: a
// browser leaves out cookies of a form that another site's page posts.
const again = "gatehouse_again"

// relayNames are what an IdP hands the relay back as: SAML Bindings §3.4.3, RFC
// 6749 §4.1.2.
var relayNames = []string{"RelayState", "state"}

// complete reads what a browser came back with.
func (s *SignOn) complete(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator) {
	in, relay, repeated, err := incoming(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f, begun := s.flow(r, relay)
	switch {
	case begun && f.Instance == a.Instance && !f.Logout:
		s.drop(w, nameOf(relay))
		s.answered(w, r, c, a, f, in)
	case !begun && r.Method == http.MethodPost && !repeated:
		s.repost(w, r, in)
	case begun:
		// An answer of one IdP for what another was asked: RFC 9207 §1, mix-up.
		s.Seen(c.Label, "mixed_up")
		s.deny(w, r, authn.Deny("mixed_up", "the answer came to connection %s, and %s was asked", c.Label, f.Connection))
	case a.Unsolicited && isMessage(in):
		s.unasked(w, r, c, a, in)
	default:
		s.Seen(c.Label, "not_begun_here")
		s.deny(w, r, authn.Deny("not_begun_here", "this browser has not begun a sign-on with this answer, or too long ago"))
	}
}

// unasked is an answer that nobody asked for, as from a portal of the IdP. It is
// taken only where the operator says so; else it begins a sign-on, which the IdP
// answers without asking anybody: so the answer that counts is to this browser.
func (s *SignOn) unasked(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator, in authn.Incoming) {
	if !c.Unsolicited {
		s.begin(w, r, c, a, wish{to: "/"})
		return
	}
	identity, err := s.Plugin(a.Instance, c.Organization).Complete(r.Context(), authn.CompleteRequest{Endpoints: s.endpoints(c, a), Incoming: in, Unsolicited: true})
	s.arrived(w, r, c, a, flow{Return: "/"}, identity, err)
}

// answered is an answer to what this browser has begun. It counts once, also where
// the plugin would take it twice.
func (s *SignOn) answered(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator, f flow, in authn.Incoming) {
	first, err := s.Once.Take(r.Context(), a.Instance, "relay", f.Relay, f.Begun.Add(flowLife+time.Minute))
	if err == nil && !first {
		err = authn.Deny("answered_before", "this sign-on was answered before")
	}
	var identity authn.Identity
	if err == nil {
		identity, err = s.Plugin(a.Instance, c.Organization).Complete(r.Context(), authn.CompleteRequest{
			Endpoints: s.endpoints(c, a), Incoming: in, State: f.State, Fresh: f.Fresh, MaxAge: f.MaxAge, Begun: f.Begun,
		})
	}
	s.arrived(w, r, c, a, f, identity, err)
}

// arrived signs on whom an identity means, or says why not.
func (s *SignOn) arrived(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator, f flow, identity authn.Identity, err error) {
	if err == nil && (c.RequireMFA || f.Factors) && identity.Authentication.MultiFactor != authn.MultiFactorYes {
		err = authn.Deny("mfa_required", "the IdP does not say that more than one factor was used: context %q, methods %q", identity.Authentication.Context, identity.Authentication.Methods)
	}
	if at := identity.Authentication.Time; err == nil && f.MaxAge > 0 && at.Before(f.Begun.Add(-f.MaxAge-ageSlack)) {
		err = authn.Deny("not_fresh", "they signed on at the IdP at %s, and at most %s ago was asked for", at.UTC().Format(time.RFC3339), f.MaxAge)
	}
	var token secret.Text
	if err == nil {
		token, err = s.signOn(r, c, a, identity)
	}
	var denied *authn.Denied
	switch {
	case errors.As(err, &denied):
		s.Seen(c.Label, outcome(denied))
		s.refused(r, c, a, denied)
		s.deny(w, r, denied)
	case err != nil:
		s.Seen(c.Label, "failed")
		s.fail(w, r, err)
	default:
		s.Seen(c.Label, "signed_on")
		session.SetCookie(w.Header(), token)
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, f.Return, http.StatusSeeOther)
	}
}

// ageSlack is how far the IdP's clock may be behind.
const ageSlack = time.Minute

// outcome is how a refusal is counted: by the reasons that are ours. Those of
// plugins are in the log and the audit records; there may be any number.
func outcome(d *authn.Denied) string {
	if _, ours := said[d.Reason]; ours {
		return d.Reason
	}
	return "denied"
}

// signOn finds who it is, and starts their session. All of it is one transaction
// with the look at whether they are active.
func (s *SignOn) signOn(r *http.Request, c Connection, a Authenticator, identity authn.Identity) (token secret.Text, err error) {
	ctx := r.Context()
	user, err := s.find(ctx, c, a, identity)
	if err != nil {
		return "", err
	}
	had, _ := s.had(r)
	by := session.By{Actor: "connection:" + c.Label, TraceID: tracing.ID(r.Context())}
	err = s.Store.Write(ctx, func(tx *store.Tx) (err error) {
		if err := s.pin(ctx, tx, c, a, identity, user); err != nil {
			return err
		}
		_, token, err = s.Sessions.Start(ctx, tx, by, session.Start{
			Organization: c.Organization, User: user, Connection: c.Label, Instance: a.Instance, Identity: identity,
			Host: s.Host(r), Agent: r.UserAgent(), Address: s.Source(r).String(), Before: had.ID,
		})
		return err
	})
	return token, err
}

// refused writes down a sign-on that was refused. Whoever comes here has an answer
// of the IdP to something that their browser has begun.
func (s *SignOn) refused(r *http.Request, c Connection, a Authenticator, d *authn.Denied) {
	trace := tracing.ID(r.Context())
	s.Logger.WarnContext(r.Context(), "a sign-on is refused", "connection", c.Label, "instance", a.Instance, "reason", d.Reason, "detail", d.Detail, "trace_id", trace)
	err := s.Store.Write(r.Context(), func(tx *store.Tx) error {
		return s.Audit.Append(r.Context(), tx, audit.Record{
			Actor: "connection:" + c.Label, Action: audit.SignOnRefused, Organization: c.Organization, Subject: a.Instance, TraceID: trace,
			After: map[string]any{"reason": d.Reason, "detail": d.Detail, "address": s.Source(r).String()},
		})
	})
	if err != nil { // they are refused all the same
		s.Logger.ErrorContext(r.Context(), "a refused sign-on could not be recorded", "connection", c.Label, "error", err)
	}
}

// messageLimit bounds a message of an IdP, in bytes. An assertion with 20,000
// groups has 1.2 MiB.
const messageLimit = 3 << 20

// incoming reads a message, and the relay in it.
func incoming(r *http.Request) (in authn.Incoming, relay string, repeated bool, err error) {
	in = authn.Incoming{Method: r.Method, RawQuery: r.URL.RawQuery}
	if r.Method != http.MethodPost {
		relay = first(r.URL.Query(), relayNames)
		return in, relay, false, nil
	}
	if err := r.ParseForm(); err != nil {
		return in, "", false, problem.Wrap(err, problem.Invalid, "what the identity provider sent cannot be read")
	}
	for name, values := range r.PostForm {
		if name == again {
			repeated = true
			continue
		}
		for _, v := range values {
			in.Form = append(in.Form, authn.Field{Name: name, Value: v})
		}
	}
	return in, first(r.PostForm, relayNames), repeated, nil
}

func first(values url.Values, names []string) string {
	for _, name := range names {
		if list := values[name]; len(list) == 1 {
			return list[0]
		}
	}
	return ""
}

// isMessage reports whether something came that could be an answer of a SAML IdP,
// and not somebody who opened the address.
func isMessage(in authn.Incoming) bool {
	for _, f := range in.Form {
		if f.Name == "SAMLResponse" {
			return true
		}
	}
	return strings.Contains(in.RawQuery, "SAMLResponse=")
}
