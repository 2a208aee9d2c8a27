package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const maxProblem = 64 << 10 // bytes

// Problem returns nil for an answer below 400, whose body it leaves alone.
// For others it reads problem details (RFC 9457) from the body and returns an
// error that carries a *problem.Problem: test it with problem.Is, read code,
// hint and missing permission with problem.As. Without problem details, such
// as from the application itself, the code follows from the status. It does
// not close the body.
func Problem(resp *http.Response) error {
	if resp.StatusCode < http.StatusBadRequest {
		return nil
	}
	p := &problem.Problem{Code: codeOf(resp.StatusCode), Detail: http.StatusText(resp.StatusCode)}
	trace := ""
	if doc, ok := readDocument(resp); ok {
		if doc.Code.Status() == resp.StatusCode && doc.Code != "" {
			p.Code = doc.Code
		}
		p.Detail, p.Hint, p.Permission = doc.Detail, doc.Hint, doc.Permission
		trace = doc.TraceID
	}
	if wait, ok := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()); ok {
		p.RetryAfter = wait
	}
	if trace != "" {
		return fmt.Errorf("answered %d (trace %q): %w", resp.StatusCode, trace, p)
	}
	return fmt.Errorf("answered %d: %w", resp.StatusCode, p)
}

func readDocument(resp *http.Response) (doc problem.Document, ok bool) {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || media != problem.MediaType {
		return doc, false
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return doc, false
	}
	return doc, json.Unmarshal(body, &doc) == nil
}

func codeOf(status int) problem.Code {
	switch status {
	case http.StatusUnauthorized:
		return problem.Unauthenticated
	case http.StatusForbidden:
		return problem.Forbidden
	case http.StatusNotFound:
		return problem.NotFound
	case http.StatusConflict:
		return problem.Conflict
	case http.StatusRequestEntityTooLarge:
		return problem.TooLarge
	case http.StatusTooManyRequests:
		return problem.Throttled
	case http.StatusNotImplemented:
		return problem.Unsupported
	case http.StatusBadGateway:
		return problem.BadUpstream
	case http.StatusServiceUnavailable:
		return problem.Unavailable
	case http.StatusGatewayTimeout:
		return problem.UpstreamTimeout
	}
	if status < http.StatusInternalServerError {
		return problem.Invalid
	}
	return problem.Internal
}
