package signon

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Keys ends the keys that users own; a credential.Records does.
type Keys interface {
	StopOwned(ctx context.Context, tx *store.Tx, by credential.By, users []string) error
	RevokeOwned(ctx context.Context, tx *store.Tx, by credential.By, users []string) error
}

// logout ends the session of a browser, here and at the IdP. A page of another
// site cannot do it: it shows a button there, and the button counts from here only.
func (s *SignOn) logout(w http.ResponseWriter, r *http.Request) {
	at, code := s.Host(r), r.URL.Query().Get("code")
	switch {
	case at != s.home() && code != "":
		s.astray(w, r, at)
	case code != "":
		s.logoutFrom(w, r, code)
	case !ours(r):
		s.show(w, r, http.StatusOK, page{Title: "Sign out", Text: "Do you want to sign out?", Post: true, Stay: true})
	case at != s.home():
		s.logoutAt(w, r, at)
	default:
		session.ClearCookie(w.Header())
		had, _, err := s.Sessions.Find(r.Context(), session.TokenOf(r.Header))
		s.leave(w, r, had, err)
	}
}

// logoutAt sends somebody who signs out at another host to the public one, which
// knows what the IdP is to be told. Without a session here they may have one there,
// and are asked.
func (s *SignOn) logoutAt(w http.ResponseWriter, r *http.Request, at string) {
	to := s.Base() + "/logout"
	had, ok := s.had(r)
	session.ClearCookie(w.Header())
	if ok {
		code, err := s.code(toSignOut, handover{Session: had.Parent, Connection: had.Connection, Instance: had.Instance, Host: at})
		if err != nil {
			s.fail(w, r, err)
			return
		}
		to += "?" + url.Values{"code": {code}}.Encode()
	}
	s.forward(w, r, authn.Begun{URL: to})
}

// logoutFrom ends the session that another host says, with the IdP's where it is this
// browser's: nobody is signed out at their IdP by a link that a stranger has made.
func (s *SignOn) logoutFrom(w http.ResponseWriter, r *http.Request, code string) {
	h, err := s.opened(r, toSignOut, code)
	if err == nil {
		err = s.counts(r, h)
	}
	var denied *authn.Denied
	switch had, ok := s.had(r); {
	case errors.As(err, &denied):
		s.deny(w, r, denied)
	case err != nil:
		s.fail(w, r, err)
	case ok && had.ID == h.Session:
		session.ClearCookie(w.Header())
		s.leave(w, r, had, nil)
	default:
		_, err := s.Sessions.End(r.Context(), session.By{Actor: "connection:" + h.Connection, TraceID: tracing.ID(r.Context())}, session.SignedOut, h.Session)
		if err != nil && !problem.Is(err, problem.NotFound) {
			s.fail(w, r, err)
			return
		}
		s.gone(w, r)
	}
}

// leave ends the session that a browser has, if it has one.
func (s *SignOn) leave(w http.ResponseWriter, r *http.Request, had session.Session, err error) {
	if problem.Is(err, problem.Unauthenticated) {
		s.gone(w, r)
		return
	}
	var kept authn.Session
	if err == nil {
		kept, err = s.Sessions.Kept(r.Context(), had.ID)
	}
	if err == nil {
		_, err = s.Sessions.End(r.Context(), session.By{Actor: "user:" + had.User, TraceID: tracing.ID(r.Context())}, session.SignedOut, had.ID)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.Seen(had.Connection, "signed_out")
	s.logoutThere(w, r, had, kept)
}

// logoutThere ends the session at the IdP too, where it can be told. The one here
// is over whatever comes of it.
func (s *SignOn) logoutThere(w http.ResponseWriter, r *http.Request, had session.Session, kept authn.Session) {
	c, ok := s.connection(had.Connection)
	if !ok {
		s.gone(w, r)
		return
	}
	for _, a := range c.Authenticators {
		if a.Instance != had.Instance || !a.LogsOut {
			continue
		}
		relay, err := s.newRelay()
		if err != nil {
			break
		}
		begun, err := s.Plugin(a.Instance, c.Organization).Logout(r.Context(), s.endpoints(c, a), relay, kept)
		if err != nil {
			s.Logger.WarnContext(r.Context(), "the identity provider could not be told of a sign-out", "connection", c.Label, "error", err)
			break
		}
		f := flow{Relay: relay, Instance: a.Instance, Connection: c.Label, Return: "/", State: begun.State, Logout: true, Begun: s.Clock()}
		if begun.URL == "" || s.keep(w, r, f) != nil {
			break
		}
		s.forward(w, r, begun)
		return
	}
	s.gone(w, r)
}

func (s *SignOn) gone(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, page{Title: "You are signed out", Text: "You are signed out of this application.", Hint: "Your company's sign-on may go on, and sign you on again without asking."})
}

// ours reports whether a request was sent by a page of this host, or typed by the
// person. Browsers say so since 2023 (Fetch Metadata); of others the origin counts.
func ours(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return r.Method == http.MethodPost || r.Header.Get("Sec-Fetch-Site") == "same-origin"
	case "":
		u, err := url.Parse(r.Header.Get("Origin"))
		return r.Method == http.MethodPost && err == nil && u.Host == r.Host
	}
	return false
}

// receiveBrowser is a message of logout that a browser brings: the IdP's own, or
// the answer to ours.
func (s *SignOn) receiveBrowser(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator) {
	in, relay, repeated, err := incoming(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f, begun := s.flow(r, relay)
	if !begun && len(relay) == relayLength && r.Method == http.MethodPost && !repeated {
		s.repost(w, r, in)
		return
	}
	asked := authn.ReceiveRequest{Endpoints: s.endpoints(c, a), Incoming: in, Browser: true}
	if begun && f.Logout && f.Instance == a.Instance {
		s.drop(w, nameOf(relay))
		asked.State = f.State
	}
	got, err := s.received(r, c, a, asked)
	var denied *authn.Denied
	switch {
	case errors.As(err, &denied):
		s.Seen(c.Label, outcome(denied))
		s.Logger.WarnContext(r.Context(), "a message of logout counts for nothing", "connection", c.Label, "instance", a.Instance, "reason", denied.Reason, "detail", denied.Detail, "trace_id", tracing.ID(r.Context()))
		s.deny(w, r, denied)
	case err != nil:
		s.fail(w, r, err)
	case got.Begun.URL != "":
		s.forward(w, r, got.Begun)
	default:
		s.gone(w, r)
	}
}

// receiveServer is what a server of an IdP pushes.
func (s *SignOn) receiveServer(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator) {
	in, err := pushed(r)
	var got authn.Received
	if err == nil {
		got, err = s.received(r, c, a, authn.ReceiveRequest{Endpoints: s.endpoints(c, a), Incoming: in})
	}
	w.Header().Set("Cache-Control", "no-store") // OpenID Connect Back-Channel Logout §2.7
	var denied *authn.Denied
	switch {
	case errors.As(err, &denied):
		s.Seen(c.Label, outcome(denied))
		s.Logger.WarnContext(r.Context(), "a push of an identity provider counts for nothing", "connection", c.Label, "instance", a.Instance, "reason", denied.Reason, "detail", denied.Detail, "trace_id", tracing.ID(r.Context()))
		w.WriteHeader(max(denied.Status, http.StatusBadRequest))
	case err != nil:
		problem.Write(w, err, tracing.ID(r.Context()))
	default:
		w.WriteHeader(got.Status)
	}
}

// received asks the plugin what a message means, and does it.
func (s *SignOn) received(r *http.Request, c Connection, a Authenticator, asked authn.ReceiveRequest) (authn.Received, error) {
	ctx := r.Context()
	got, err := s.Plugin(a.Instance, c.Organization).Receive(ctx, asked)
	if err != nil || len(got.Ended) == 0 {
		return got, err
	}
	by := session.By{Actor: "connection:" + c.Label, TraceID: tracing.ID(r.Context()), Within: c.Organization}
	for _, e := range got.Ended {
		if err := s.end(ctx, by, c, e); err != nil {
			return authn.Received{}, err
		}
	}
	s.Seen(c.Label, "ended_by_idp")
	return got, nil
}

// end ends the sessions that an IdP names, of its own connection and nobody
// else's, and where it says so the keys of whose they were.
func (s *SignOn) end(ctx context.Context, by session.By, c Connection, e authn.Ended) error {
	var mailed []string
	if e.Email != "" {
		filter := sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"emails", "value"}, Value: e.Email}
		page, err := s.Directory.Find(ctx, scopeOf(c), sdk.Query{Type: sdk.User, Filter: &filter, Limit: 10})
		if err != nil {
			return err
		}
		for _, u := range page.Resources {
			mailed = append(mailed, u.ID)
		}
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		users, err := s.Sessions.EndNamed(ctx, tx, by, c.Label, e)
		if err != nil {
			return err
		}
		if len(mailed) > 0 {
			if _, err := s.Sessions.EndOf(ctx, tx, by, session.EndedByIDP, mailed); err != nil {
				return err
			}
		}
		if users = append(users, mailed...); !e.Keys || len(users) == 0 {
			return nil
		}
		as := credential.By{Actor: by.Actor, TraceID: by.TraceID, Within: by.Within}
		if err := s.Keys.StopOwned(ctx, tx, as, users); err != nil {
			return err
		}
		return s.Keys.RevokeOwned(ctx, tx, as, users)
	})
}
