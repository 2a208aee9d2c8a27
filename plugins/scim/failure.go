package scim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// errorURN is the schema of an error's body (RFC 7644 §3.12).
const errorURN = "urn:ietf:params:scim:api:messages:2.0:Error"

// The keywords of errors in pagination by cursors (RFC 9865 §3); scimerr has
// the others.
const (
	invalidCursor scimerr.Type = "invalidCursor"
	invalidCount  scimerr.Type = "invalidCount"
)

// failure is an answer that is an error.
type failure struct {
	status     int
	scimType   scimerr.Type // "" is none
	detail     string
	retryAfter time.Duration
}

func (f *failure) Error() string { return f.detail }

func fail(status int, scimType scimerr.Type, detail string) *failure {
	return &failure{status: status, scimType: scimType, detail: detail}
}

// body is the error as RFC 7644 §3.12 writes it: the status is a string.
func (f *failure) body() []byte {
	body, _ := json.Marshal(struct { // strings always encode
		Schemas  []string     `json:"schemas"`
		Status   string       `json:"status"`
		ScimType scimerr.Type `json:"scimType,omitempty"`
		Detail   string       `json:"detail"`
	}{[]string{errorURN}, strconv.Itoa(f.status), f.scimType, f.detail})
	return body
}

// retryLater is how long an IdP is told to wait where the directory does not
// say it. Okta waits five minutes without a number (OK-18).
const retryLater = 5 * time.Second

// failureOf is the answer to an error. What is no error of SCIM, and no Problem,
// is a defect, of which the IdP learns nothing.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var refused *scimerr.Error
	if errors.As(err, &refused) {
		return fail(refused.Status, refused.ScimType, refused.Detail)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fail(http.StatusRequestEntityTooLarge, "", "The body is larger than "+strconv.FormatInt(large.Limit, 10)+" bytes.")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &failure{status: http.StatusServiceUnavailable, detail: "The request took too long. Send it again.", retryAfter: retryLater}
	}
	p := problem.As(err)
	f = &failure{status: p.Code.Status(), detail: p.Detail, retryAfter: p.RetryAfter}
	switch p.Code {
	case problem.Conflict:
		f.scimType = scimerr.Uniqueness
	case problem.Invalid:
		f.scimType = scimerr.InvalidValue
	case problem.Internal:
		f.detail = "An internal error stopped this request."
	case problem.Unavailable, problem.DeadlineExceeded, problem.Throttled:
		f.retryAfter = max(f.retryAfter, time.Second)
	default:
	}
	if p.Hint != "" && p.Code != problem.Internal {
		f.detail += ". " + p.Hint
	}
	return f
}
