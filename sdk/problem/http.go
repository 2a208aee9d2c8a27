package problem

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// MediaType is what a problem details body is served as (RFC 9457 §3).
const MediaType = "application/problem+json"

var statuses = map[Code]int{
	Invalid: http.StatusBadRequest, Unauthenticated: http.StatusUnauthorized,
	Expired: http.StatusUnauthorized, NotYetValid: http.StatusUnauthorized,
	InsufficientAuthentication: http.StatusUnauthorized,
	Network:                    http.StatusForbidden, Forbidden: http.StatusForbidden,
	NotFound: http.StatusNotFound, Conflict: http.StatusConflict,
	Changed:  http.StatusPreconditionFailed,
	TooLarge: http.StatusRequestEntityTooLarge, Throttled: http.StatusTooManyRequests,
	Internal: http.StatusInternalServerError, Unsupported: http.StatusNotImplemented,
	BadUpstream: http.StatusBadGateway, Unavailable: http.StatusServiceUnavailable,
	UpstreamTimeout: http.StatusGatewayTimeout, DeadlineExceeded: http.StatusServiceUnavailable,
}

// Status is the HTTP status of a code; an unknown code is a 500.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Document is the body of a problem details answer (RFC 9457 §3.1) with our
// extension members.
type Document struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail,omitempty"`
	Code       Code   `json:"code"`
	Hint       string `json:"hint,omitempty"`
	Permission string `json:"permission,omitempty"`
	TraceID    string `json:"trace_id,omitempty"`
	Decision   string `json:"decision,omitempty" doc:"the id of the decision that refused the request, for gatehouse explain --decision"`
}

// DecisionHeader is the header of an answer that has the id of the decision on the
// request. An operator opens it with gatehouse explain --decision.
const DecisionHeader = "X-Gatehouse-Decision"

// Document renders the problem for its caller; the cause stays behind.
func (p *Problem) Document(traceID string) Document {
	status := p.Code.Status()
	return Document{
		Type: "urn:gatehouse:problem:" + string(p.Code), Title: http.StatusText(status), Status: status,
		Detail: p.Detail, Code: p.Code, Hint: p.Hint, Permission: p.Permission, TraceID: traceID,
	}
}

// Write answers with err as problem details: status, Retry-After where it is
// known, and a body that nobody may cache. The id of a decision is taken from the
// header, if it is set.
func Write(w http.ResponseWriter, err error, traceID string) {
	p := As(err)
	doc := p.Document(traceID)
	h := w.Header()
	doc.Decision = h.Get(DecisionHeader)
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", RetryAfterSeconds(p.RetryAfter))
	}
	w.WriteHeader(doc.Status)
	body, _ := json.Marshal(doc) // a struct of strings and an int always encodes
	_, _ = w.Write(append(body, '\n'))
}

// RetryAfterSeconds is the delay-seconds form of Retry-After (RFC 9110
// §10.2.3), rounded up so that nobody comes back too early.
func RetryAfterSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}
