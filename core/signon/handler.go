package signon

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// LoginPath is where somebody begins; the others are beside it.
const LoginPath = "/login"

// Serves reports whether a path is one of signing on. It is none while nobody can:
// then it is the application's.
func (s *SignOn) Serves(path string) bool {
	return (path == LoginPath || path == "/logout" || strings.HasPrefix(path, "/sso/")) && s.Open()
}

// Open reports whether there is a connection by which people sign on.
func (s *SignOn) Open() bool {
	for _, c := range s.Connections() {
		if len(c.Authenticators) > 0 {
			return true
		}
	}
	return false
}

// ServeHTTP implements http.Handler. The path has been brought into its one form
// before.
func (s *SignOn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// One id for all that is said of the request: the page, the log, the records and
	// what plugins and the store write down.
	r = r.WithContext(tracing.WithID(r.Context(), s.TraceID(r.Header)))
	r.Body = http.MaxBytesReader(w, r.Body, messageLimit)
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		s.show(w, r, http.StatusMethodNotAllowed, page{Title: "This does not work", Text: "This address is opened, or posted to."})
		return
	}
	switch r.URL.Path {
	case LoginPath:
		s.login(w, r)
		return
	case "/logout":
		s.logout(w, r)
		return
	case minePath:
		s.mine(w, r)
		return
	case handoverPath:
		s.handOver(w, r)
		return
	}
	c, a, part, ok := s.place(r.URL.Path)
	switch {
	case !ok:
	case part == a.Callback:
		s.complete(w, r, c, a)
		return
	case part == "slo" && a.LogsOut:
		s.receiveBrowser(w, r, c, a)
		return
	case part == "receive" && a.Receives && r.Method == http.MethodPost:
		s.receiveServer(w, r, c, a)
		return
	case part == "metadata" && r.Method == http.MethodGet:
		s.metadata(w, r, c, a)
		return
	}
	s.fail(w, r, problem.New(problem.NotFound, "there is nothing at this address").WithHint("the operator of this application knows the addresses of its connections"))
}

// place takes a path apart: /sso/{connection}/{part}, with the label of an
// authenticator between them where it has one.
func (s *SignOn) place(path string) (c Connection, a Authenticator, part string, ok bool) {
	segments := strings.Split(strings.TrimPrefix(path, "/sso/"), "/")
	if len(segments) < 2 || len(segments) > 3 {
		return c, a, "", false
	}
	if c, ok = s.connection(segments[0]); !ok {
		return c, a, "", false
	}
	label := ""
	if len(segments) == 3 {
		if label = segments[1]; label == "" {
			return c, a, "", false
		}
	}
	a, ok = c.authenticator(label)
	return c, a, segments[len(segments)-1], ok
}

// metadata is what an administrator of the IdP has to be given.
func (s *SignOn) metadata(w http.ResponseWriter, r *http.Request, c Connection, a Authenticator) {
	m, err := s.Plugin(a.Instance, c.Organization).Metadata(r.Context(), s.endpoints(c, a))
	if err != nil {
		problem.Write(w, err, tracing.ID(r.Context()))
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	if len(m.Document) > 0 {
		h.Set("Content-Type", m.ContentType)
		_, _ = w.Write(m.Document)
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	for _, v := range m.Values {
		_, _ = fmt.Fprintf(w, "%s: %s\n", v.Name, v.Value)
	}
}

// pushed reads what a server sends.
func pushed(r *http.Request) (in authn.Incoming, err error) {
	in = authn.Incoming{Method: r.Method, RawQuery: r.URL.RawQuery, Authorization: r.Header.Get("Authorization")}
	in.ContentType, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	if in.ContentType == "application/x-www-form-urlencoded" {
		form, _, _, err := incoming(r)
		in.Form = form.Form
		return in, err
	}
	if in.Body, err = io.ReadAll(r.Body); err != nil {
		return in, problem.Wrap(err, problem.Invalid, "the push cannot be read")
	}
	return in, nil
}
