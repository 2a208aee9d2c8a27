package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// answerLimit bounds an answer of the token and userinfo endpoints, in bytes.
const answerLimit = 256 << 10

// requestLimit is how long one request may take. A call has to end in 15 seconds.
const requestLimit = 8 * time.Second

// web makes requests by the host, which are answered with so many bytes at most, or
// not.
func (c *client) web(ctx context.Context, most int64) *http.Client {
	made := c.host.HTTPClient(ctx)
	return &http.Client{Transport: limited{made.Transport, most}, CheckRedirect: made.CheckRedirect}
}

// limited refuses answers that are too large.
type limited struct {
	next http.RoundTripper
	most int64
}

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), requestLimit)
	defer cancel() // the host hands on whole answers: nothing is read after this
	got, err := l.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if got.ContentLength > l.most {
		_ = got.Body.Close()
		return nil, problem.New(problem.BadUpstream, "%s answered with %d bytes, %d are read", r.URL.Hostname(), got.ContentLength, l.most)
	}
	got.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(got.Body, l.most), got.Body}
	return got, nil
}

// get fetches a document, and says how long it may be kept; 0 is unsaid. It comes from
// the provider itself, and not from what the host keeps of it: it is asked for when the
// one there was is too old.
func (c *client) get(ctx context.Context, url string, most int64) ([]byte, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, problem.Wrap(err, problem.BadUpstream, "%.200q is no address", url)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Cache-Control", "no-cache")
	got, err := c.web(ctx, most).Do(r)
	if err != nil {
		return nil, 0, failed(err, url)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return nil, 0, problem.New(problem.Unavailable, "%s was answered with status %d", url, got.StatusCode)
	}
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, 0, failed(err, url)
	}
	return text, maxAge(got.Header), nil
}

// maxAge is how long an answer is good for (RFC 9111 §5.2.2.1); 0 is unsaid.
func maxAge(h http.Header) time.Duration {
	for part := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil && strings.EqualFold(name, "max-age") && seconds > 0 {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

// failed is a request that was not answered, without what it carried.
func failed(err error, where string) error {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	return problem.Wrap(fmt.Errorf("a request to %s: %w", where, err), problem.Unavailable, "%s does not answer", where)
}
