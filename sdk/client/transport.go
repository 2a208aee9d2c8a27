package client

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrOtherHost is what a request fails with that would take the credential to
// a host which it was not made for, by a redirect for example.
var ErrOtherHost = errors.New("the credential is not for this host")

// Transport is an http.RoundTripper that adds the credential, and repeats what
// may be repeated:
//
//   - any request that was answered 429 or 503 with Retry-After, after that
//     time: the answer says that the request was not processed. This holds for
//     POST too; an application that answers so must mean it.
//   - an idempotent one (RFC 9110 §9.2.2) also after 429, 502 or 503 without
//     Retry-After, and after a failure of the connection.
//
// A request with a body is repeated only if it has GetBody, as those made by
// http.NewRequest from bytes or strings do. When the time does not suffice to
// wait, the answer that asked for it is returned. It is safe for concurrent
// use.
type Transport struct {
	origin     string
	credential func(http.Header)
	headers    []string // that credential sets

	base     http.RoundTripper
	attempts int
	maxWait  time.Duration
	clock    func() time.Time
	jitter   func() float64
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.admit(req); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // RoundTripper's contract: closed also on errors
		}
		return nil, err
	}
	began := t.clock()
	for attempt := 1; ; attempt++ {
		out, err := t.prepare(req, attempt)
		if err != nil {
			return nil, err
		}
		resp, err := t.base.RoundTrip(out)
		if resp != nil {
			resp.Request = req // the one without the credential
		}
		wait, again := t.again(req, resp, err, attempt, began)
		if !again {
			return resp, err
		}
		discard(resp)
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// admit refuses a request that the credential must not go with.
func (t *Transport) admit(req *http.Request) error {
	if req.URL == nil || req.URL.Host == "" {
		return errors.New("client: the request has no host")
	}
	if to := origin(req.URL); to != t.origin {
		return fmt.Errorf("client: request to %s, credential for %s: %w", to, t.origin, ErrOtherHost)
	}
	if req.Host != "" && authority(req.URL.Scheme, req.Host) != authority(req.URL.Scheme, req.URL.Host) {
		return fmt.Errorf("client: request with Host %q, credential for %s: %w", req.Host, t.origin, ErrOtherHost)
	}
	for _, name := range t.headers {
		if len(req.Header.Values(name)) > 0 {
			return fmt.Errorf("client: the request brings its own %s", name)
		}
	}
	return nil
}

// prepare returns a copy of req with the credential and a body to be read from
// its beginning.
func (t *Transport) prepare(req *http.Request, attempt int) (*http.Request, error) {
	out := req.Clone(req.Context())
	if out.Header == nil {
		out.Header = http.Header{}
	}
	t.credential(out.Header)
	if attempt > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("client: the body once more: %w", err)
		}
		out.Body = body
	}
	return out, nil
}
