package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Logged says which requests have a line in the access log.
type Logged string

// What is logged. The zero value is as LogNone.
const (
	LogNone    Logged = "off"
	LogRefused Logged = "refused"
	LogAll     Logged = "all"
)

// sight is what is noted of one request while tracing or the access log is on.
// Nobody sees a nil one: that is the way of a request while both are off.
type sight struct {
	server  *Server
	logged  Logged
	way     string
	asked   *access.Request
	origin  origin
	began   time.Time
	context context.Context //nolint:containedctx // of the request, whose end is noted with it
	span    tracing.Span
	status  *status

	outcome  string
	decision access.Decision
}

// watches reports whether anything is to be noted of requests.
func (s *Server) watches(t turn) bool { return s.Tracer != nil || (t.Log != "" && t.Log != LogNone) }

// watch begins to note a request, which goes on with what is returned.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, t turn, o origin, asked *access.Request, way string) (http.ResponseWriter, *http.Request, *sight) {
	v := &sight{
		server: s, logged: t.Log, way: way, asked: asked, origin: o, began: time.Now(), status: &status{ResponseWriter: w}, context: r.Context(),
	}
	if s.Tracer != nil {
		v.context, v.span = s.Tracer.Begin(r.Context(), r.Header, o.trusted, way)
		asked.Trace = tracing.ID(v.context)
		r = r.WithContext(v.context)
	}
	return v.status, r, v
}

// decided notes the decision.
func (v *sight) decided(d access.Decision, err error) {
	if v == nil {
		return
	}
	v.decision, v.outcome = d, "allowed"
	if err != nil {
		v.outcome = string(problem.As(err).Code)
	}
	if v.span.Recorded() {
		v.span.Set("http.request.method", knownMethod(v.asked.Method))
		v.span.Set("gatehouse.decision", v.outcome)
		v.span.Set("gatehouse.route", d.Rule.Pattern)
		v.span.Fail(err)
	}
}

// end notes that the answer is complete.
func (v *sight) end() {
	v.span.SetNumber("http.response.status_code", v.status.code())
	v.span.End(nil)
	refused := v.outcome != "allowed"
	if v.server.AccessLog == nil || (v.logged != LogAll && (v.logged != LogRefused || !refused)) {
		return
	}
	attrs := []slog.Attr{
		slog.String("way", v.way), slog.String("method", v.asked.Method), slog.String("path", v.asked.Path),
		slog.Int("status", v.status.code()), slog.String("outcome", v.outcome),
		slog.Float64("seconds", time.Since(v.began).Seconds()), slog.String("trace_id", v.asked.TraceID()),
	}
	if v.origin.client.IsValid() {
		attrs = append(attrs, slog.String("source", v.origin.client.String()))
	}
	if p := v.decision.Principal; p != nil {
		attrs = append(attrs, slog.String("principal", p.ID), slog.String("organization", p.Organization()))
	}
	v.server.AccessLog.LogAttrs(v.context, slog.LevelInfo, "request", attrs...)
}

// knownMethod keeps the number of different methods small (OpenTelemetry's
// conventions for HTTP).
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return m
	}
	return "_OTHER"
}

// status is a ResponseWriter that remembers the status. Everything else that
// the one below can do is reached through Unwrap, by http.ResponseController.
type status struct {
	http.ResponseWriter
	sent int
}

// WriteHeader implements http.ResponseWriter.
func (s *status) WriteHeader(code int) {
	if s.sent == 0 && (code >= http.StatusOK || code == http.StatusSwitchingProtocols) {
		s.sent = code
	}
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *status) code() int {
	if s.sent == 0 {
		return http.StatusOK // what net/http sends for a handler that says none
	}
	return s.sent
}
