package hostsvc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// HTTPClient returns a client for libraries that want one, which has the host
// make its requests as Fetch does. It is good during the call that ctx belongs
// to, whatever context a request has, and ends its requests with ctx too. The
// names are those of header fields that carry a credential, as
// FetchRequest.Credentials.
//
// The host follows the redirects of GET and HEAD. Those of other methods are
// answers: the client does not follow them either.
func (h Host) HTTPClient(ctx context.Context, credentials ...string) *http.Client {
	return &http.Client{
		Transport:     transport{host: h, call: ctx, credentials: credentials},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport has the host make requests.
type transport struct {
	host        Host
	call        context.Context // of which the handle is
	credentials []string
}

var _ http.RoundTripper = transport{}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(t.call)
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	header := r.Header.Clone()
	for _, name := range []string{"Accept-Encoding", "User-Agent"} { // libraries set them, and they are the host's
		header.Del(name)
	}
	got, err := t.host.Fetch(ctx, FetchRequest{Method: r.Method, URL: r.URL.String(), Header: header, Body: body, Credentials: t.credentials})
	if err != nil {
		return nil, err
	}
	from := r
	if u, err := url.Parse(got.URL); err == nil && got.URL != r.URL.String() {
		from = r.Clone(r.Context())
		from.URL = u
	}
	length := int64(len(got.Body))
	if r.Method == http.MethodHead {
		length = -1
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", got.Status, http.StatusText(got.Status)), StatusCode: got.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: got.Header, Body: io.NopCloser(bytes.NewReader(got.Body)), ContentLength: length, Uncompressed: true, Request: from,
	}, nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, FetchRequestLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the body of the request: %w", err)
	case len(body) > FetchRequestLimit:
		return nil, problem.New(problem.TooLarge, "the body is larger than %d bytes", FetchRequestLimit)
	}
	return body, nil
}
