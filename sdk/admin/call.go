package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// call sends one request and decodes its answer into out, unless that is nil.
func (h *Host) call(ctx context.Context, method, path string, in, out any) error {
	return h.send(ctx, method, path, http.Header{"Content-Type": {"application/json"}}, in, out)
}

// send is call with headers of the request.
func (h *Host) send(ctx context.Context, method, path string, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, h.base+Prefix+path, body)
	if err != nil {
		return err
	}
	req.Header = header
	req.Header.Set("Authorization", "Bearer "+h.token.Reveal())
	req.Header.Set("Accept", "application/json")
	if h.once != "" && method != http.MethodGet {
		req.Header.Set("Idempotency-Key", `"`+h.once+`"`)
	}
	if in == nil {
		req.Header.Del("Content-Type")
	}
	res, err := h.http.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil {
		return unreachable(ctx, err)
	}
	if len(text) > answerLimit {
		return foreign(res, nil)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return refusal(res, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return foreign(res, err)
	}
	return nil
}

// unreachable says that there was no answer. The cause of an ended context is
// kept for errors.Is; a transport's error may name the URL, never the token.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var in *url.Error
	if errors.As(err, &in) && in.Timeout() {
		return problem.Wrap(err, problem.DeadlineExceeded, "the host did not answer within %s", callLimit)
	}
	return problem.Wrap(err, problem.Unavailable, "the host does not answer").WithHint("is it running? start one: gatehouse serve, or gatehouse dev")
}

// refusal reads problem details (RFC 9457).
func refusal(res *http.Response, text []byte) error {
	var doc struct {
		problem.Document
		Report   string          `json:"report"`
		Mistakes []ImportMistake `json:"mistakes"`
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind != problem.MediaType || json.Unmarshal(text, &doc) != nil || doc.Code == "" {
		return foreign(res, nil)
	}
	p := problem.New(doc.Code, "%s", doc.Detail).WithHint("%s", doc.Hint).WithPermission(doc.Permission)
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return &Error{Problem: p, TraceID: doc.TraceID, Report: doc.Report, Mistakes: doc.Mistakes}
}

// foreign says that somebody else answered. What he said is not repeated.
func foreign(res *http.Response, cause error) error {
	return problem.Wrap(cause, problem.BadUpstream, "the answer (%s) is not one of the admin API", res.Status).
		WithHint("is the URL that of Gatehouse, or of something in front of it? are both of one version?")
}

// element writes an id as one segment of a path.
func element(id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", problem.New(problem.Invalid, "%q is no id", id)
	}
	return url.PathEscape(id), nil
}
