package server

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// own is the prefix under which everything of ours can be reached, whatever the
// application has for paths.
const own = "/.gatehouse"

// handler answers a request and ends its turn.
type handler func(http.ResponseWriter, *http.Request, turn)

// routes are the paths of ours, without the prefix.
type routes struct {
	exact  map[string]handler
	prefix map[string]handler // by a path that ends with a slash
}

// undecided is a handler of what is not decided on.
func undecided(h http.HandlerFunc) handler {
	return func(w http.ResponseWriter, r *http.Request, t turn) {
		t.end()
		h(w, r)
	}
}

// ways returns the routes of the two listeners. With an admin listener, what
// shows or changes the inside is on that one only.
func (s *Server) ways() (public, inside routes) {
	outside := map[string]handler{
		"/auth/check":            s.check,
		"/.well-known/jwks.json": undecided(s.jwks),
		"/jwks.json":             undecided(s.jwks),
	}
	inside = routes{
		exact:  map[string]handler{"/healthz": undecided(s.healthz), "/readyz": s.readyz, "/metrics": s.metrics},
		prefix: map[string]handler{"/api/admin/v1/": undecided(s.Admin.ServeHTTP)},
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

func (t routes) find(path string) (handler, bool) {
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
	t := s.begin()
	path, err := reqpath.FromTarget(r)
	if err != nil {
		if squeezed, worse := reqpath.Squeezed(r); worse == nil {
			if below, ok := s.mounted(squeezed, t); ok {
				s.provision(w, r, below, t)
				return
			}
		}
		// Whoever asks for a path that is refused is told so in the form of what
		// the path begins like.
		if raw, _, _ := strings.Cut(r.RequestURI, "?"); raw != "" {
			if below, ok := s.mounted(raw, t); ok {
				t.end()
				s.Provisioning.Refuse(w, r, below, err)
				return
			}
		}
		asked := &access.Request{Header: r.Header, Method: r.Method}
		if s.watches(t) {
			var seen *sight
			o := t.originOf(r)
			asked.Client = o.client
			w, r, seen = s.watch(w, r, t, o, asked, proxied)
			defer seen.end()
			seen.decided(access.Decision{}, err)
		}
		t.end()
		s.seal(w, t, asked, decided.Proxied, &access.Decision{}, err)
		s.refuse(w, r, asked, err)
		return
	}
	if below, ok := s.mounted(path, t); ok {
		s.provision(w, r, below, t)
		return
	}
	if below, ok := s.signsOn(path, t); ok {
		t.end()
		r.URL.Path, r.URL.RawPath = below, ""
		s.SignOn.ServeHTTP(w, r)
		return
	}
	if rest, ok := strings.CutPrefix(path, own+"/"); ok {
		s.routes.serve(w, r, "/"+rest, t)
		return
	}
	if t.ShortRoutes && s.routes.short(path) {
		if _, ours := s.routes.find(path); ours {
			s.routes.serve(w, r, path, t)
			return
		}
	}
	s.application(w, r, path, t)
}

// signsOn is a path of signing on without our prefix, if it is one.
func (s *Server) signsOn(path string, t turn) (below string, ok bool) {
	if rest, ours := strings.CutPrefix(path, own+"/"); ours {
		path = "/" + rest
	} else if !t.ShortRoutes {
		return "", false
	}
	return path, s.SignOn != nil && s.SignOn.Serves(path)
}

// mounted is an identity provider's path without our prefix, if it is one.
func (s *Server) mounted(path string, t turn) (below string, ok bool) {
	if rest, ours := strings.CutPrefix(path, own+"/"); ours {
		path = "/" + rest
	} else if !t.ShortRoutes {
		return "", false
	}
	return path, s.Provisioning != nil && s.Provisioning.Serves(path)
}

// provision serves the request of an identity provider, which has its own limits
// of size and time.
func (s *Server) provision(w http.ResponseWriter, r *http.Request, path string, t turn) {
	t.end()
	r.URL.Path, r.URL.RawPath = path, ""
	s.Provisioning.ServeHTTP(w, r)
}

// adminOnly serves what is ours and nothing else: the admin listener.
func (s *Server) adminOnly(w http.ResponseWriter, r *http.Request) {
	path, err := reqpath.FromTarget(r)
	if err != nil {
		problem.Write(w, err, access.TraceID(r.Header))
		return
	}
	s.inside.serve(w, r, strings.TrimPrefix(path, own), s.begin())
}

// bodyTime is how long a caller may take to send the body of a request to a
// route of ours.
const bodyTime = 30 * time.Second

func (t routes) serve(w http.ResponseWriter, r *http.Request, path string, in turn) {
	h, ok := t.find(path)
	if !ok {
		in.end()
		problem.Write(w, problem.New(problem.NotFound, "Gatehouse has nothing at this path"), access.TraceID(r.Header))
		return
	}
	r.URL.Path, r.URL.RawPath = path, ""
	if r.ContentLength != 0 {
		// A body that comes by the byte holds nobody up for ever. The server sets
		// another deadline for the next request.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		r.Body = http.MaxBytesReader(w, r.Body, in.BodyBytes)
	}
	h(w, r, in)
}
