package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The limits of one connection.
const (
	connectLimit        = 10 * time.Second
	idleLimit           = 30 * time.Second
	responseHeaderLimit = 64 << 10
)

// newTransport makes the connections of one partition. There is no proxy: the
// environment's would connect for us, and past the guard.
func newTransport(g guard, pool *x509.CertPool, resolver *net.Resolver) *http.Transport {
	dialer := &net.Dialer{Timeout: connectLimit, KeepAlive: idleLimit, Resolver: resolver, ControlContext: g.control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
		TLSHandshakeTimeout:    connectLimit,
		MaxResponseHeaderBytes: responseHeaderLimit,
		MaxIdleConns:           2,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        idleLimit,
		ForceAttemptHTTP2:      true,
	}
}

// answer is a response before anything is taken from its header.
type answer struct {
	status int
	header http.Header
	body   []byte
	cached bool
}

// send makes the request of one hop, with fields beside its own.
func (c *Client) send(ctx context.Context, in *partition, x outgoing, beside http.Header) (answer, error) {
	host := x.url.Hostname()
	release, err := c.slots.take(x.scope.Plugin, host)
	if err != nil {
		return answer{}, err
	}
	defer release()
	req, err := http.NewRequestWithContext(ctx, x.method, x.url.String(), bytes.NewReader(x.body))
	if err != nil {
		return answer{}, problem.New(problem.Invalid, "this is no URL")
	}
	req.Header = x.header.Clone()
	maps.Copy(req.Header, beside)
	req.Header.Set("User-Agent", c.userAgent())
	resp, err := in.transport.RoundTrip(req)
	if err != nil {
		return answer{}, c.failure(ctx, x, err)
	}
	defer resp.Body.Close()
	if resp.ContentLength > x.limit && x.method != http.MethodHead {
		return answer{}, tooLarge(host, x.limit)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, x.limit+1))
	switch {
	case int64(len(body)) > x.limit:
		return answer{}, tooLarge(host, x.limit)
	case err != nil:
		return answer{}, c.failure(ctx, x, err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

func tooLarge(host string, limit int64) error {
	return problem.New(problem.TooLarge, "the answer of %s is larger than %d bytes", host, limit)
}

// failure says what went wrong without a word of the URL but its host.
func (c *Client) failure(ctx context.Context, x outgoing, err error) error {
	host := x.url.Hostname()
	var (
		refused *addressRefused
		name    *net.DNSError
		dial    *net.OpError
		waiting net.Error
	)
	switch {
	case errors.As(err, &refused):
		c.log.refused(ctx, x.scope, host, refused.address)
		return problem.Wrap(err, problem.Forbidden, "%s has an address that is not public", host).
			WithHint("An operator can allow its network with allow in the fetch block of the server block.")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &waiting) && waiting.Timeout():
		return problem.Wrap(err, problem.DeadlineExceeded, "%s did not answer in time", host)
	case errors.Is(err, context.Canceled):
		return problem.Wrap(err, problem.Unavailable, "the request to %s was given up", host)
	case errors.As(err, &name):
		return problem.Wrap(err, problem.Unavailable, "the name %s cannot be resolved", host)
	case errors.As(err, &dial) && dial.Op == "dial":
		return problem.Wrap(err, problem.Unavailable, "no connection to %s: %s", host, short(dial.Err))
	}
	return problem.Wrap(err, problem.Unavailable, "%s did not answer as HTTP asks: %s", host, short(err))
}

// short is what an error says, as far as it is worth reading.
func short(err error) string {
	const most = 256
	text := err.Error()
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "?")
}
