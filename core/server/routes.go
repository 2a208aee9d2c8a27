package server

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// own is the prefix under which everything of ours can be reached, whatever the
// application has for paths.
const own = "/.gatehouse"

// routes are the paths of ours, without the prefix.
type routes struct {
	exact  map[string]http.HandlerFunc
	prefix map[string]http.Handler // by a path that ends with a slash
}

// ways returns the routes of the two listeners. With an admin listener, what
// shows or changes the inside is on that one only.
func (s *Server) ways() (public, inside routes) {
	outside := map[string]http.HandlerFunc{
		"/auth/check":            s.check,
		"/.well-known/jwks.json": s.jwks,
		"/jwks.json":             s.jwks,
	}
	inside = routes{
		exact:  map[string]http.HandlerFunc{"/healthz": s.healthz, "/readyz": s.readyz, "/metrics": s.metrics},
		prefix: map[string]http.Handler{"/api/admin/v1/": s.Admin},
	}
	if s.AdminListen != "" {
		return routes{exact: outside}, inside
	}
	maps.Copy(outside, inside.exact)
	return routes{exact: outside, prefix: inside.prefix}, inside
}

// short are the routes that are ours without the prefix as well, unless that is
// switched off. /jwks.json is not: it is the application's.
func (t routes) short(path string) bool { return path != "/jwks.json" }

func (t routes) find(path string) (http.Handler, bool) {
	if h, ok := t.exact[path]; ok {
		return h, true
	}
	for p, h := range t.prefix {
		if strings.HasPrefix(path, p) {
			return h, true
		}
	}
	return nil, false
}

// ServeHTTP brings the path into its one form, and calls one room.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, err := reqpath.FromTarget(r)
	if err != nil {
		s.refuse(w, r, &access.Request{Header: r.Header, Method: r.Method}, err)
		return
	}
	if rest, ok := strings.CutPrefix(path, own+"/"); ok {
		s.routes.serve(w, r, "/"+rest, s.Limits.BodyBytes)
		return
	}
	if s.ShortRoutes && s.routes.short(path) {
		if _, ours := s.routes.find(path); ours {
			s.routes.serve(w, r, path, s.Limits.BodyBytes)
			return
		}
	}
	s.application(w, r, path)
}

// adminOnly serves what is ours and nothing else: the admin listener.
func (s *Server) adminOnly(w http.ResponseWriter, r *http.Request) {
	path, err := reqpath.FromTarget(r)
	if err != nil {
		problem.Write(w, err, access.TraceID(r.Header))
		return
	}
	s.inside.serve(w, r, strings.TrimPrefix(path, own), s.Limits.BodyBytes)
}

// bodyTime is how long a caller may take to send the body of a request to a
// route of ours.
const bodyTime = 30 * time.Second

func (t routes) serve(w http.ResponseWriter, r *http.Request, path string, limit int64) {
	h, ok := t.find(path)
	if !ok {
		problem.Write(w, problem.New(problem.NotFound, "Gatehouse has nothing at this path"), access.TraceID(r.Header))
		return
	}
	r.URL.Path, r.URL.RawPath = path, ""
	if r.ContentLength != 0 {
		// A body that comes by the byte holds nobody up for ever. The server sets
		// another deadline for the next request.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	h.ServeHTTP(w, r)
}
