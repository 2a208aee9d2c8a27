package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Condition is one thing that has to hold before the host is ready.
type Condition struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // why not, and what to do
}

// healthz says that the process answers. It asks nobody: a store that is down
// is no reason to restart the host.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header()["Cache-Control"] = []string{"no-store"}
	_, _ = w.Write([]byte("ok\n"))
}

// readyLimit bounds the questions behind one answer of /readyz.
const readyLimit = 3 * time.Second

// readyz says whether requests can be decided now; to somebody local or with a
// credential also what is missing.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request, t turn) {
	t.end()
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	conditions := s.Ready(ctx)
	body := struct {
		Ready      bool        `json:"ready"`
		Conditions []Condition `json:"conditions,omitempty"`
	}{Ready: true}
	for _, c := range conditions {
		body.Ready = body.Ready && c.OK
	}
	if s.mayInspect(r, t.Generation) == nil {
		body.Conditions = conditions
	}
	status := http.StatusOK
	if !body.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header()["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request, t turn) {
	t.end()
	if err := s.mayInspect(r, t.Generation); err != nil {
		problem.Write(w, err, access.TraceID(r.Header))
		return
	}
	s.Metrics.ServeHTTP(w, r)
}

// mayInspect lets those see the inside who are on this machine, on the admin
// listener, or who have an admin token.
func (s *Server) mayInspect(r *http.Request, g *Generation) error {
	if r.Context().Value(adminListener{}) != nil || g.originOf(r).local() {
		return nil
	}
	return s.AdminToken(r)
}

type adminListener struct{}

// jwks publishes the keys that assertions are verified with.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := json.Marshal(s.JWKS())
	if err != nil {
		problem.Write(w, err, access.TraceID(r.Header))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(s.JWKSAge.Seconds())))
	_, _ = w.Write(body)
}
