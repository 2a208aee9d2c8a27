// Package fetch makes HTTP requests for plugins, which have no network of their
// own. It connects to public addresses only, and to those that the operator
// allows: what counts is the address that is dialled, for every connection. It
// bounds what a request may cost, takes no credential to another origin, and
// keeps answers as long as HTTP lets a private cache keep them, apart for each
// instance and organization.
package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The limits of one request.
const (
	RequestLimit  = 1 << 20 // bytes of its body
	ResponseLimit = 4 << 20 // bytes of the response's body, decompressed
	TimeLimit     = 30 * time.Second
	maxRedirects  = 5
	maxMarked     = 16
)

// Scope is in whose name a request is made. What one scope has fetched, and the
// connections that it has open, are nothing to another.
type Scope struct{ Plugin, Instance, Organization string }

// Request is what a plugin asks for.
type Request struct {
	Scope       Scope
	Method      string // GET, HEAD, POST, PUT, PATCH or DELETE
	URL         string
	Header      http.Header
	Body        []byte
	Credentials []string // names of header fields that carry one, beside Authorization, Cookie and those that are not known
	MaxBytes    int64    // of the response's body; 0 is ResponseLimit, more is not given
}

// Response is the answer, of whatever status.
type Response struct {
	Status    int
	Header    http.Header // the fields that plugins get to see
	Body      []byte
	URL       string // where it came from, after redirects
	FromCache bool
}

// Result says how a request ended, in a few words for metrics.
type Result string

// The results.
const (
	Answered Result = "answered"
	Cached   Result = "cached"
	Refused  Result = "refused" // by the guard, or by the form of the request
	Limited  Result = "limited" // too large, or too many at once
	TimedOut Result = "timed_out"
	Failed   Result = "failed"
)

// Settings are what an operator can change while the host runs.
type Settings struct {
	Allow        []netip.Prefix // addresses that are reached though they are not public
	Certificates string         // in PEM, trusted beside the system's; may be empty
}

// Options are what a Client needs. Logger, Clock and Observe are required.
type Options struct {
	Settings Settings
	Plain    bool   // http URLs too: in development
	Version  string // of the host, for User-Agent
	Resolver *net.Resolver
	Logger   *slog.Logger
	Clock    func() time.Time
	Observe  func(plugin string, r Result)
}

// Client makes requests. It is for use by many at once.
type Client struct {
	options Options
	parts   *partitions
	slots   slots
	log     refusalLog
}

// New returns a Client. It fails if Certificates holds none.
func New(o Options) (*Client, error) {
	c := &Client{
		options: o,
		parts:   newPartitions(o.Resolver),
		slots:   slots{plugins: map[string]int{}, hosts: map[[2]string]int{}},
		log:     newRefusalLog(o.Logger, o.Clock),
	}
	return c, c.Use(o.Settings)
}

// Check says what is wrong with the settings.
func (s Settings) Check() error {
	_, err := s.pool()
	return err
}

func (s Settings) pool() (*x509.CertPool, error) {
	if s.Certificates == "" {
		return nil, nil //nolint:nilnil // nil is the system's
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM([]byte(s.Certificates)) {
		return nil, errors.New("the file of certificates has no certificate in it")
	}
	return pool, nil
}

// Use takes other settings from now on. If they differ, everything that was
// kept is forgotten: it may have come from where nobody may go any more.
func (c *Client) Use(s Settings) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	c.parts.use(s, pool)
	return nil
}

// Close closes the connections that are idle.
func (c *Client) Close() error {
	c.parts.clear()
	return nil
}

// Fetch makes a request, until ctx ends or TimeLimit is over. Every answer of
// the other side is a Response. An error is a *problem.Problem: Invalid and
// Forbidden were not sent; TooLarge and Throttled are over a limit;
// DeadlineExceeded, Unavailable and BadUpstream are the other side's failure.
func (c *Client) Fetch(ctx context.Context, r Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, TimeLimit)
	defer cancel()
	got, err := c.fetch(ctx, r)
	c.options.Observe(r.Scope.Plugin, resultOf(got, err))
	return got, err
}

func (c *Client) fetch(ctx context.Context, r Request) (Response, error) {
	x, err := c.prepare(r)
	if err != nil {
		return Response{}, err
	}
	in := c.parts.of(r.Scope)
	for redirects := 0; ; redirects++ {
		a, err := c.exchange(ctx, in, x)
		if err != nil {
			return Response{}, err
		}
		location := a.header.Get("Location")
		if !x.follows(a.status) || location == "" {
			return Response{Status: a.status, Header: shown(a.header), Body: a.body, URL: x.url.String(), FromCache: a.cached}, nil
		}
		if redirects == maxRedirects {
			return Response{}, problem.New(problem.BadUpstream, "%s redirects more than %d times", x.url.Hostname(), maxRedirects)
		}
		if x, err = x.redirected(location, c.options.Plain); err != nil {
			return Response{}, err
		}
	}
}

// outgoing is a request that has been checked.
type outgoing struct {
	scope  Scope
	method string
	url    *url.URL
	header http.Header
	body   []byte
	marked []string
	secret bool // it may carry a credential, or follows one that did
	limit  int64
}

func (c *Client) prepare(r Request) (outgoing, error) {
	u, err := parseURL(r.URL, c.options.Plain)
	if err != nil {
		return outgoing{}, err
	}
	h, err := header(r.Header)
	switch {
	case err != nil:
		return outgoing{}, err
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method):
		return outgoing{}, problem.New(problem.Invalid, "the method is none of GET, HEAD, POST, PUT, PATCH and DELETE")
	case len(r.Body) > RequestLimit:
		return outgoing{}, problem.New(problem.TooLarge, "the body has %d bytes, %d are allowed", len(r.Body), RequestLimit)
	case len(r.Body) > 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return outgoing{}, problem.New(problem.Invalid, "a %s request has no body", r.Method)
	case len(r.Credentials) > maxMarked:
		return outgoing{}, problem.New(problem.Invalid, "%d header fields are marked as credentials, %d are allowed", len(r.Credentials), maxMarked)
	}
	x := outgoing{
		scope: r.Scope, method: r.Method, url: u, header: h, body: r.Body, marked: r.Credentials,
		secret: carriesSecret(h, r.Credentials), limit: ResponseLimit,
	}
	if r.MaxBytes > 0 {
		x.limit = min(x.limit, r.MaxBytes)
	}
	return x, nil
}

// follows reports whether an answer is a redirect that is followed. What has
// been sent to one place is never sent to another by itself.
func (x outgoing) follows(status int) bool {
	if x.method != http.MethodGet && x.method != http.MethodHead {
		return false
	}
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected is the request that follows a redirect.
func (x outgoing) redirected(location string, plain bool) (outgoing, error) {
	if len(location) > urlLimit {
		return outgoing{}, problem.New(problem.BadUpstream, "%s redirects to a URL of %d bytes", x.url.Hostname(), len(location))
	}
	to, err := x.url.Parse(location)
	if err != nil {
		return outgoing{}, problem.New(problem.BadUpstream, "%s redirects to what is no URL", x.url.Hostname())
	}
	if err := checkURL(to, plain && x.url.Scheme == "http"); err != nil {
		return outgoing{}, problem.New(problem.Forbidden, "%s redirects to where it is not followed: %s", x.url.Hostname(), problem.As(err).Detail)
	}
	if origin(to) != origin(x.url) {
		x.header = withoutSecrets(x.header, x.marked)
	}
	x.url = to
	return x, nil
}

// userAgent says who asks.
func (c *Client) userAgent() string {
	return strings.TrimSuffix("Gatehouse/"+c.options.Version, "/")
}

func resultOf(r Response, err error) Result {
	if err == nil {
		if r.FromCache {
			return Cached
		}
		return Answered
	}
	switch problem.As(err).Code {
	case problem.Invalid, problem.Forbidden:
		return Refused
	case problem.TooLarge, problem.Throttled:
		return Limited
	case problem.DeadlineExceeded:
		return TimedOut
	default:
		return Failed
	}
}
