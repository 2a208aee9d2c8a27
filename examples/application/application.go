// Package application is a small application behind Gatehouse, the one that
// `gatehouse dev` runs. It shows how an application learns who is there, and
// answers with what it learned. Which permission a route needs is not decided
// here: Gatehouse has the route rules, and lets nobody through without.
package application

import (
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// StreamLimit is how long an event stream or a WebSocket lasts; then the
// client comes again, with a fresh assertion. As a reverse proxy Gatehouse
// closes streams when their principal is refused; behind nginx, Caddy or
// Traefik nobody does, so this is the bound there.
const StreamLimit = 5 * time.Minute

// Handler serves the application. Everything but /healthz needs an assertion
// that v accepts.
func Handler(v *identity.Verifier) http.Handler {
	private := http.NewServeMux()
	private.HandleFunc("GET /{$}", page)
	private.HandleFunc("GET /api/v1/whoami", whoami)
	private.HandleFunc("POST /api/v1/query/execute", execute)
	private.HandleFunc("GET /api/v1/admin/policies", policies)
	private.HandleFunc("GET /api/v1/events", events)
	private.HandleFunc("GET /api/v1/echo", echo)
	private.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, problem.New(problem.NotFound, "the application has no %s %s", r.Method, r.URL.Path).
			WithHint("GET / shows what there is"), "")
	})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("/", v.Middleware(private))
	return mux
}

// caller is the part of the principal that the answers show.
type caller struct {
	Subject      string   `json:"subject"`
	Name         string   `json:"name,omitempty"`  // of a person
	Email        string   `json:"email,omitempty"` // the same
	Kind         string   `json:"kind"`
	Organization string   `json:"organization"`
	Roles        []string `json:"roles"`
}

// callerOf returns who makes the request. The Middleware let nobody through
// without a principal.
func callerOf(r *http.Request) caller {
	p, _ := identity.From(r.Context())
	roles := p.Roles
	if roles == nil {
		roles = []string{} // a list in JSON too
	}
	return caller{Subject: p.Subject, Name: p.Name, Email: p.Email, Kind: p.Kind, Organization: p.Organization, Roles: roles}
}
