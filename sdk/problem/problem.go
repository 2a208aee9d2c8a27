// Package problem is the one typed error of Gatehouse. It carries a stable
// code, a sentence for the caller, what the caller can do, and for how long to
// wait; it crosses the plugin boundary intact and is answered over HTTP as
// problem details (RFC 9457).
//
// A Problem never carries a secret or another organization's data: its Detail
// and Hint are written for whoever made the request. What only an operator may
// read is the wrapped cause, which is logged and never sent.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of failure. The words are stable: programs and dashboards
// may depend on them.
type Code string

// The closed list of codes. Each has one HTTP status and one gRPC code.
const (
	Invalid         Code = "invalid_request"    // 400: the request itself is malformed
	Unauthenticated Code = "unauthenticated"    // 401: no credential, or one that does not verify
	Expired         Code = "credential_expired" // 401: right credential, past its end
	NotYetValid     Code = "not_yet_valid"      // 401: right credential, before its start
	// InsufficientAuthentication is RFC 9470 §3: somebody has signed on too long
	// ago, or with too little, for what they ask.
	InsufficientAuthentication Code = "insufficient_user_authentication" // 401
	Network                    Code = "network_refused"                  // 403: right credential, from a network it may not be used from
	Forbidden                  Code = "permission_denied"                // 403: known principal without the permission
	NotFound                   Code = "not_found"                        // 404
	Conflict                   Code = "conflict"                         // 409: taken, or in the way of what is there
	Changed                    Code = "changed"                          // 412: changed by somebody else since it was read
	TooLarge                   Code = "too_large"                        // 413: over a configured size
	Throttled                  Code = "throttled"                        // 429: over a limit; RetryAfter says when it will do
	Internal                   Code = "internal"                         // 500: a defect of ours
	BadUpstream                Code = "upstream_failed"                  // 502: the application did not answer as HTTP asks
	Unavailable                Code = "unavailable"                      // 503: something we need is not there now
	UpstreamTimeout            Code = "upstream_timeout"                 // 504: the application took too long
	Unsupported                Code = "unsupported"                      // 501: the plugin does not do this
	DeadlineExceeded           Code = "deadline_exceeded"                // 503: our own time limit passed
)

// Problem is an error with a code. Make one with New or Wrap; read one with As.
type Problem struct {
	Code       Code
	Detail     string        // what happened, to whom; shown to the caller
	Hint       string        // what to do about it; shown to the caller
	Permission string        // with Forbidden: the permission that was missing
	RetryAfter time.Duration // when a repetition may succeed; 0 says nothing
	cause      error
}

// New returns a Problem whose detail is formatted as by fmt.Sprintf.
func New(code Code, format string, args ...any) *Problem {
	return &Problem{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Wrap returns a Problem that keeps cause for the operator's log. The cause is
// never part of what the caller sees.
func Wrap(cause error, code Code, format string, args ...any) *Problem {
	p := New(code, format, args...)
	p.cause = cause
	return p
}

// WithHint adds what the caller can do.
func (p *Problem) WithHint(format string, args ...any) *Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// WithRetryAfter says when a repetition may succeed.
func (p *Problem) WithRetryAfter(d time.Duration) *Problem {
	p.RetryAfter = d
	return p
}

// WithPermission names the permission that was missing.
func (p *Problem) WithPermission(name string) *Problem {
	p.Permission = name
	return p
}

// Error implements error: code, detail and cause, for logs.
func (p *Problem) Error() string {
	s := string(p.Code) + ": " + p.Detail
	if p.cause != nil {
		s += ": " + p.cause.Error()
	}
	return s
}

// Unwrap gives the cause to errors.Is and errors.As.
func (p *Problem) Unwrap() error { return p.cause }

// As finds the Problem in err. An error without one is Internal, with a detail
// that tells the caller nothing else.
func As(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return Wrap(err, Internal, "an internal error stopped this request")
}

// Is reports whether err carries a Problem with this code.
func Is(err error, code Code) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == code
}
