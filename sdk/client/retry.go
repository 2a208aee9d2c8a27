package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 5 * time.Second
	maxDiscard   = 64 << 10 // bytes read of an answer to keep its connection
)

// again says whether to send req once more after this answer or error, and
// how long to wait before.
func (t *Transport) again(req *http.Request, resp *http.Response, err error, attempt int, began time.Time) (time.Duration, bool) {
	ctx := req.Context()
	if attempt >= t.attempts || ctx.Err() != nil || !repeatable(req) {
		return 0, false
	}
	var wait time.Duration
	switch {
	case err != nil:
		if !idempotent(req.Method) || permanent(err) {
			return 0, false
		}
	default:
		var told bool
		wait, told = t.retryAfter(resp)
		if !told && !(idempotent(req.Method) && passing(resp.StatusCode)) {
			return 0, false
		}
	}
	// Never earlier than told; spread, so that many do not come back at once.
	backoff := min(firstBackoff<<min(attempt-1, 10), lastBackoff)
	wait += time.Duration(float64(backoff) * (1 + t.jitter()) / 2)

	next := t.clock().Add(wait)
	if deadline, ok := ctx.Deadline(); ok && !next.Before(deadline) {
		return 0, false
	}
	return wait, next.Sub(began) <= t.maxWait
}

// repeatable reports whether the request can be sent a second time at all.
func repeatable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// idempotent reports whether doing it twice is doing it once (RFC 9110 §9.2.2).
func idempotent(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// passing reports whether a status is likely to be another one soon.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusBadGateway || status == http.StatusServiceUnavailable
}

// permanent reports whether an error will be the same the next time.
func permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, ErrOtherHost)
}

// retryAfter reads Retry-After of a 429 or 503, in both of its forms (RFC 9110
// §10.2.3).
func (t *Transport) retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	return parseRetryAfter(resp.Header.Get("Retry-After"), t.clock())
}

func parseRetryAfter(text string, now time.Time) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// discard ends an answer that nobody will read.
func discard(resp *http.Response) {
	if resp == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
	_ = resp.Body.Close()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
