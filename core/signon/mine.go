package signon

import (
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// minePath is where people see their own sessions. No connection has it: what is a
// connection's has a part after its label.
const minePath = "/sso/sessions"

// mineMost is how many sessions somebody is shown: more than a user may have.
const mineMost = 1000

// everywhere is the value of a form's field that means all sessions.
const everywhere = "all"

// own is a session as its person sees it.
type own struct {
	ID      string
	Agent   string
	Address string
	Seen    string
	This    bool // the one that asks
}

// mine shows somebody their sessions, and ends those that they do not want.
func (s *SignOn) mine(w http.ResponseWriter, r *http.Request) {
	had, _, err := s.Sessions.Find(r.Context(), session.TokenOf(r.Header))
	if problem.Is(err, problem.Unauthenticated) {
		leadTo(w, ".."+LoginPath)
		return
	}
	var list []session.Session
	if err == nil {
		list, err = s.Sessions.List(r.Context(), session.Query{Organization: had.Organization, User: had.User, Limit: mineMost})
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if r.Method == http.MethodPost && ours(r) {
		s.endMine(w, r, had, list)
		return
	}
	p := page{Title: "Your sessions", Text: "Where you are signed on to this application."}
	for _, one := range list {
		if one.Parent != "" {
			continue // it ends with the one that it belongs to
		}
		p.Sessions = append(p.Sessions, own{
			ID: one.ID, Agent: one.Agent, Address: one.Address, Seen: one.SeenAt.UTC().Format(time.DateTime) + " UTC", This: one.ID == had.Root(),
		})
	}
	s.show(w, r, http.StatusOK, p)
}

// endMine ends one of somebody's sessions, or all of them. One that is not theirs
// is not in the list.
func (s *SignOn) endMine(w http.ResponseWriter, r *http.Request, had session.Session, list []session.Session) {
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, problem.Wrap(err, problem.Invalid, "the form cannot be read"))
		return
	}
	wanted, self := r.PostForm.Get("session"), false
	for _, one := range list {
		if wanted != everywhere && wanted != one.ID {
			continue
		}
		_, err := s.Sessions.End(r.Context(), session.By{Actor: "user:" + had.User, TraceID: tracing.ID(r.Context())}, session.SignedOut, one.ID)
		if err != nil && !problem.Is(err, problem.NotFound) { // it ended meanwhile
			s.fail(w, r, err)
			return
		}
		self = self || one.Root() == had.Root()
	}
	if self {
		session.ClearCookie(w.Header())
		s.gone(w, r)
		return
	}
	leadTo(w, "sessions")
}

// leadTo sends a browser to an address relative to this one (RFC 9110 §10.2.2):
// whether ours have a prefix is not known here.
func leadTo(w http.ResponseWriter, relative string) {
	w.Header().Set("Location", relative)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
