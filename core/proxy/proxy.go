// Package proxy is the application behind Gatehouse: it passes requests on to
// it, or answers another proxy's question whether it may, and in both cases
// settles what the application sees: who is there, and nothing that claims so
// without being true.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Upstream is an application behind.
type Upstream struct {
	Label           string
	URL             *url.URL // scheme and host; the path is the request's
	Hosts           []string // that it owns; none is every host that no other owns
	Names           Names
	PreserveHost    bool          // the application sees the host that the client asked for
	ConnectTimeout  time.Duration // to a connection
	ResponseTimeout time.Duration // from the request to the response's header; streams go on after that
	CAFile          string        // certificates that an https upstream is checked against; empty is the system's
}

// Proxy passes requests on.
type Proxy struct {
	upstreams []upstream
	byHost    map[string]int
	other     int // the upstream of hosts that nobody owns; -1 is none
	ours      identityHeaders
	strip     func(http.Header)
	streams   *Streams
	problem   func(http.ResponseWriter, *http.Request, error)
	failed    func(upstream string, how Failure, err error)
}

type upstream struct {
	Upstream
	names     Names
	transport *transport
}

// Options are what a Proxy is made from.
type Options struct {
	Upstreams []Upstream
	Strip     func(http.Header)                               // removes credentials that were Gatehouse's
	Streams   *Streams                                        // shared by the proxies that follow one another
	Problem   func(http.ResponseWriter, *http.Request, error) // answers with a problem

	// Failed is told of each request that an upstream failed, if it is not nil.
	Failed func(upstream string, how Failure, err error)

	// Before is the proxy that this one is to replace, or nil: connections to
	// upstreams that stay as they are go on to be used.
	Before *Proxy
}

// New returns a Proxy.
func New(o Options) (*Proxy, error) {
	p := &Proxy{byHost: map[string]int{}, other: -1, strip: o.Strip, problem: o.Problem, failed: o.Failed, streams: o.Streams}
	if p.failed == nil {
		p.failed = func(string, Failure, error) {}
	}
	var all []Names
	for i, u := range o.Upstreams {
		transport, err := o.Before.transport(u)
		if err != nil {
			return nil, fmt.Errorf("upstream %q: %w", u.Label, err)
		}
		p.upstreams = append(p.upstreams, upstream{Upstream: u, names: u.Names.canonical(), transport: transport})
		all = append(all, p.upstreams[i].names)
		for _, h := range u.Hosts {
			p.byHost[strings.ToLower(h)] = i
		}
		if len(u.Hosts) == 0 {
			p.other = i
		}
	}
	p.ours = newIdentityHeaders(all)
	if o.Before == nil {
		p.streams.now.Store(p)
	}
	return p, nil
}

// For finds the upstream that owns a host. ok is false where nobody does. The name is
// the host's as the configuration has it, "" of one that only the upstream for all
// others takes.
func (p *Proxy) For(host string) (index int, name string, ok bool) {
	if len(p.byHost) > 0 {
		name := strings.ToLower(host)
		if h, _, err := net.SplitHostPort(name); err == nil {
			name = h
		}
		name = strings.TrimSuffix(name, ".")
		if i, found := p.byHost[name]; found {
			return i, name, true
		}
	}
	return p.other, "", p.other >= 0
}

// Outside is what is known of where a request came from.
type Outside struct {
	Client string // address
	Proto  string // "http" or "https"
	Host   string
}

var buffers = &bufferPool{sync.Pool{New: func() any { return make([]byte, 32<<10) }}}

type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte    { return b.pool.Get().([]byte) }
func (b *bufferPool) Put(buf []byte) { b.pool.Put(buf) } //nolint:staticcheck // the slice header's allocation is nothing beside 32 KiB

// silent is where ReverseProxy writes what its ErrorHandler is told as well.
var silent = log.New(discard{}, "", 0)

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Serve passes the request on. path is canonical: the application gets the
// very path that the rule was matched against.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, asked *access.Request, d access.Decision, out Outside) {
	u := &p.upstreams[asked.Upstream]
	ctx, span := tracing.Child(r.Context(), "upstream")
	defer span.End(nil)
	span.Set("gatehouse.upstream", u.Label)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	held := &stream{upstream: u.Label, asked: asked, cancel: cancel, answer: answer{w, p.ours}}
	held.decision.Store(&d)
	held.within.Store(p)
	defer p.streams.remove(held)
	if r.ContentLength < 0 { // an upload may go on long before there is a response
		if err := p.streams.hold(ctx, held); err != nil {
			p.problem(w, r, err)
			return
		}
	}
	rp := httputil.ReverseProxy{
		Transport:  u.transport,
		BufferPool: buffers,
		ErrorLog:   silent,
		Rewrite: func(pr *httputil.ProxyRequest) {
			p.rewrite(pr, u, asked.Path, d.Identity, out)
		},
		ModifyResponse: func(resp *http.Response) error {
			p.ours.strip(resp.Header) // an application's echo of an identity is no business of the client's
			p.ours.strip(resp.Trailer)
			if d.ID != nil {
				w.Header()[problem.DecisionHeader] = d.ID // once more: an interim answer (1xx) has cleared the header
			}
			if resp.StatusCode == http.StatusSwitchingProtocols || resp.ContentLength < 0 {
				if err := p.streams.hold(ctx, held); err != nil {
					return err
				}
			}
			if resp.StatusCode != http.StatusSwitchingProtocols {
				resp.Body = &body{resp.Body, resp, p.ours, func(err error) { p.brokeOff(ctx, u.Label, err) }}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.unanswered(ctx, u.Label, err)
			err = failure(ctx, u.Label, err)
			span.Fail(err)
			p.problem(w, r, err)
		},
	}
	rp.ServeHTTP(&held.answer, r.WithContext(ctx))
}

func (p *Proxy) rewrite(pr *httputil.ProxyRequest, u *upstream, path string, id *access.Identity, out Outside) {
	o := pr.Out
	p.ours.strip(o.Header)
	p.ours.strip(o.Trailer)
	stripForwarded(o.Header)
	p.strip(o.Header)
	u.names.set(o.Header, id)
	o.URL.Scheme, o.URL.Host = u.URL.Scheme, u.URL.Host
	o.URL.RawPath = path
	o.URL.Path, _ = url.PathUnescape(path) // it is canonical, so it unescapes
	o.Host = ""
	if u.PreserveHost {
		o.Host = out.Host
	}
	tracing.Inject(pr.In.Context(), o.Header)
	o.Header.Set("X-Forwarded-For", out.Client)
	o.Header.Set("X-Forwarded-Proto", out.Proto)
	o.Header.Set("X-Forwarded-Host", out.Host)
}

// failure says what an upstream did wrong, to the caller and to the operator.
func failure(ctx context.Context, label string, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	err = fmt.Errorf("upstream %q: %w", label, err)
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return problem.Wrap(err, problem.BadUpstream, "the request was given up before the application answered")
	case errors.As(err, &timeout) && timeout.Timeout():
		return problem.Wrap(err, problem.UpstreamTimeout, "the application behind did not answer in time").
			WithHint("try again; if it goes on, tell the operator of this service that upstream %q hangs", label)
	}
	return problem.Wrap(err, problem.BadUpstream, "the application behind cannot be reached or answered wrongly").
		WithHint("try again; if it goes on, tell the operator of this service that upstream %q is down", label)
}
