package provisioning

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// answerTime is how long a request may take. Okta waits for 60 seconds, and
// repeats what was done all the same.
const answerTime = 50 * time.Second

// Brake notes what it has kept from happening.
type Brake interface {
	// Note looks whether err says that somebody was kept from leaving, writes that
	// down, and returns the error for whoever asked.
	Note(ctx context.Context, err error) error
}

// Options are what a Mount is made from.
type Options struct {
	Tokens      *Tokens
	Connections Connections
	Plugins     Plugins
	Brake       Brake
	Log         *traffic.Log
	Attempts    func() *throttle.Guard         // of the configuration in force
	Observe     throttle.Observer              // of what goes over its rate
	Failed      func(instance string)          // told of each request that a provisioner failed
	Source      func(*http.Request) netip.Addr // where a request came from, as far as that is known
	PublicURL   func() string                  // where the host is reached, such as "https://app.example.com"
	Clock       func() time.Time
	Random      io.Reader
	Logger      *slog.Logger
}

// Mount serves the mounts of all provisioners, as an http.Handler. A request's
// path has been brought into its one form before.
type Mount struct {
	Options
	gate      *gate
	exchanges exchanges
}

// New returns the mounts.
func New(o Options) *Mount {
	return &Mount{Options: o, gate: newGate(o.Clock(), o.Observe), exchanges: exchanges{by: map[string]*exchange{}}}
}

// Serves reports whether a path is that of a mount, or below one.
func (m *Mount) Serves(path string) bool {
	_, ok := mountOf(path, m.Connections.Mounts())
	return ok
}

// Refuse answers for a path below a mount that could be read in two ways, in the
// form of the mount. Nothing else about the request is looked at: who asks for
// such a path is no IdP that is set up as it should be.
func (m *Mount) Refuse(w http.ResponseWriter, _ *http.Request, path string, err error) {
	mount, _ := mountOf(path, m.Connections.Mounts())
	trace, broken := m.trace()
	if broken != nil {
		err = broken
	}
	refuse(w, mount.Errors, err, trace)
}

// ServeHTTP implements http.Handler.
func (m *Mount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	trace, err := m.trace()
	mount, ok := mountOf(r.URL.Path, m.Connections.Mounts())
	if err == nil && !ok {
		err = problem.New(problem.NotFound, "nothing is provisioned at this path")
	}
	if err != nil {
		refuse(w, mount.Errors, err, trace)
		return
	}
	r = r.WithContext(tracing.WithID(r.Context(), trace))
	from := m.Source(r)
	token, err := m.authenticate(r, from)
	if err != nil {
		if problem.As(err).Code.Status() >= http.StatusInternalServerError {
			m.report(r, Connection{}, Provisioner{}, err)
		}
		refuse(w, mount.Errors, err, trace)
		return
	}
	m.Tokens.mark(token.ID, m.Clock(), from)
	at := call{mount: mount, token: token, trace: trace, from: from}
	m.serve(w, r, at)
}

// trace makes the trace id of a request: 128 random bits, as in W3C Trace
// Context §3.2.2.3. That of the caller is not taken over, see exchanges.
func (m *Mount) trace() (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(m.Random, id[:]); err != nil {
		return "", fmt.Errorf("reading randomness for a trace id: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// authenticate finds the token of a request, unless too many attempts have
// failed. One that was right before is no guess, and is not held up.
func (m *Mount) authenticate(r *http.Request, from netip.Addr) (Token, error) {
	text, err := presented(r.Header)
	if err != nil {
		return Token{}, err
	}
	if token, ok := m.Tokens.Known(text); ok {
		return token, nil
	}
	return m.attempt(r.Context(), text, from)
}

func (m *Mount) attempt(ctx context.Context, text secret.Text, from netip.Addr) (Token, error) {
	guard, id := m.Attempts(), countedAs(text)
	if err := guard.Admit(ctx, from, id); err != nil {
		return Token{}, err
	}
	token, err := m.Tokens.Verify(ctx, text)
	guard.Ended(from, id, err)
	return token, err
}

// call is an authenticated request.
type call struct {
	mount Mounted
	token Token
	trace string
	from  netip.Addr
}

// suspended is what an IdP is told while its connection is not in force. It
// keeps what it has to say and comes again: nothing is lost.
const suspended = 5 * time.Minute

// provisioner finds who answers for a call.
func (m *Mount) provisioner(at call) (Connection, Provisioner, error) {
	c, ok := m.Connections.Connection(at.token.Connection)
	if ok && c.Organization == at.token.Organization {
		for _, p := range c.Provisioners {
			if p.Mount == at.mount.Path {
				return c, p, nil
			}
		}
	}
	return Connection{Label: at.token.Connection}, Provisioner{}, problem.New(problem.Unavailable, "the connection of this token takes no provisioning now").
		WithHint("the operator of this service has to put it into force again").WithRetryAfter(suspended)
}

// serve answers an authenticated request, and keeps it in the traffic log.
func (m *Mount) serve(w http.ResponseWriter, r *http.Request, at call) {
	began := m.Clock()
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	out := &answer{ResponseWriter: w}
	in := &capture{Reader: r.Body}
	e := &exchange{connection: at.token.Connection, domains: at.token.Domains}
	defer m.exchanges.begin(at.trace, e)()
	target, named := target(r.URL, at.mount.Path, at.token.Connection)
	base := strings.TrimSuffix(m.PublicURL(), "/") + at.mount.Path
	if named {
		base += "/" + at.token.Connection
	}
	entry := traffic.Entry{
		At: began, Connection: at.token.Connection, TraceID: at.trace, Token: at.token.ID, From: address(at.from),
		UserAgent: traffic.Path(r.Header.Get("User-Agent")), Method: r.Method,
	}
	finish := func(err error) {
		path, query, _ := strings.Cut(target, "?")
		entry.Target = traffic.Path(path)
		if query = traffic.Query(path, query); query != "" {
			entry.Target += "?" + query
		}
		entry.Duration, entry.Changes = m.Clock().Sub(began), e.changed()
		body, read := in.kept()
		entry.Request, entry.RequestBytes = traffic.Body(path, body), read
		entry.Response, entry.ResponseBytes, entry.Status = traffic.Body(path, out.begin), out.bytes, out.status
		if err != nil {
			entry.Problem = string(problem.As(err).Code)
		}
		m.Log.Add(entry)
	}
	c, p, err := m.provisioner(at)
	if err == nil {
		entry.Notes, err = m.answer(ctx, out, r, c, p, Request{Method: r.Method, Target: target, Header: passed(r.Header), Body: in, BaseURL: base})
	}
	gone := r.Context().Err() != nil && out.status == 0
	if err != nil && !gone && ours(out, err) {
		m.report(r, c, p, err)
		m.failed(r, p, in, out)
	}
	switch {
	case err == nil, gone:
	case out.status != 0: // what has begun must not look complete
		finish(err)
		panic(http.ErrAbortHandler)
	default:
		refuse(out, at.mount.Errors, err, at.trace)
	}
	finish(err)
}

// answer asks the provisioner and hands its answer through.
func (m *Mount) answer(ctx context.Context, w *answer, r *http.Request, c Connection, p Provisioner, request Request) ([]provision.Note, error) {
	leave, err := m.gate.enter(c, m.Clock())
	if err != nil {
		return nil, err
	}
	defer leave()
	if c.Limits.Body > 0 && r.ContentLength > c.Limits.Body {
		return nil, tooLarge(c.Limits.Body)
	}
	body := newBounded(request.Body, c.Limits.Body)
	request.Body = body
	res, err := m.Plugins.Handle(ctx, p.Instance, c.Organization, request)
	if body.exceeded() {
		err = errors.Join(tooLarge(c.Limits.Body), err)
	}
	if res != nil {
		defer func() { _ = res.Body.Close() }() // what is left of it is nobody's
	}
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, problem.Wrap(err, problem.DeadlineExceeded, "the request took more than %s", answerTime).WithRetryAfter(suspended / 10)
	default:
		return nil, err
	}
	maps.Copy(w.Header(), res.Header)
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(res.Status)
	_, err = io.Copy(w, res.Body)
	return res.Notes, err
}

// kept from a provisioner: the credential, those of other ways in, and what is
// between two hops only (RFC 9110 §7.6.1).
var withheld = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "X-Client-Secret", "X-License-Key", "Forwarded", "Connection", "Keep-Alive", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Proxy-Connection", "Traceparent", "Tracestate", "Baggage",
}

// passed is what a provisioner sees of a request's headers.
func passed(h http.Header) http.Header {
	seen := h.Clone()
	for _, name := range withheld {
		seen.Del(name)
	}
	for name := range seen {
		if strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-Gatehouse-") {
			delete(seen, name)
		}
	}
	return seen
}
