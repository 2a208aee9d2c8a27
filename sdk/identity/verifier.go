package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Header is the request header that carries the assertion.
const Header = "X-Gatehouse-Assertion"

const (
	defaultLeeway   = 5 * time.Second
	maxLeeway       = time.Minute
	defaultMaxStale = time.Hour
)

// Options say whose assertions to accept. Issuer and Audience are required.
type Options struct {
	Issuer   string // Gatehouse's public_url, exactly as configured there
	Audience string // label of the upstream block that names this application

	// JWKSURL is where the keys are; by default /.well-known/jwks.json under
	// Issuer. It must be https, or a loopback address: who can change the
	// keys on their way can be anybody. AllowHTTP permits plain http, for a
	// network that you trust with that.
	JWKSURL   string
	AllowHTTP bool

	// Keys is a JWKS document (RFC 7517 §5) to start with, such as a file
	// saved earlier. It counts until the first fetch succeeds.
	Keys []byte

	// MaxStale is for how long after their lifetime keys still count while
	// Gatehouse cannot be asked. By default an hour.
	MaxStale time.Duration

	// Leeway is by how much the two clocks may differ, in whole seconds: 5 by
	// default, 60 at most.
	Leeway time.Duration

	HTTPClient *http.Client     // for the keys; by default one that follows no redirects
	Clock      func() time.Time // by default time.Now
	Logger     *slog.Logger     // by default silent
}

// Verifier checks assertions. It may be used by many goroutines, and needs no
// closing: it runs a goroutine only while it fetches keys.
type Verifier struct {
	issuer, audience string
	leeway           time.Duration
	clock            func() time.Time
	log              *slog.Logger
	keys             *keySet
}

// New returns a Verifier. It asks nobody: an application starts without
// Gatehouse, and fetches the keys with the first request. The error says which
// option is wrong.
func New(o Options) (*Verifier, error) {
	if o.Issuer == "" || o.Audience == "" {
		return nil, errors.New("identity: Issuer (public_url) and Audience (the upstream's label) are required")
	}
	if o.JWKSURL == "" {
		o.JWKSURL = strings.TrimSuffix(o.Issuer, "/") + "/.well-known/jwks.json"
	}
	if err := checkURL(o.JWKSURL, o.AllowHTTP); err != nil {
		return nil, fmt.Errorf("identity: the JWKS URL: %w", err)
	}
	if o.Leeway < 0 || o.Leeway > maxLeeway || o.MaxStale < 0 {
		return nil, fmt.Errorf("identity: Leeway must be between 0 and %v, MaxStale not negative", maxLeeway)
	}
	if o.Leeway == 0 {
		o.Leeway = defaultLeeway
	}
	if o.MaxStale == 0 {
		o.MaxStale = defaultMaxStale
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	keys := &keySet{
		fetch:    fetcher{url: o.JWKSURL, client: o.HTTPClient}.fetch,
		clock:    o.Clock,
		log:      o.Logger,
		maxStale: o.MaxStale,
	}
	if len(o.Keys) > 0 {
		parsed, err := parseJWKS(o.Keys)
		if err != nil {
			return nil, fmt.Errorf("identity: Keys: %w", err)
		}
		keys.current.Store(&snapshot{keys: parsed, given: true})
	}
	return &Verifier{
		issuer: o.Issuer, audience: o.Audience, leeway: o.Leeway,
		clock: o.Clock, log: o.Logger, keys: keys,
	}, nil
}

func checkURL(text string, allowHTTP bool) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("not a URL") // what url.Parse says may repeat a password
	}
	host := u.Hostname()
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	switch {
	case host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q must have a host, and neither credentials nor fragment", u.Redacted())
	case u.Scheme == "https", u.Scheme == "http" && (loopback || allowHTTP):
		return nil
	}
	return fmt.Errorf("%q must be https, unless its host is a loopback address or AllowHTTP is set", u.Redacted())
}

// Middleware lets a request through to next if it carries exactly one valid
// assertion, with the Principal in its context. Others are answered here as
// problem details: 401, or 503 while there are no keys to check with.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := v.request(r)
		if err != nil {
			v.log.DebugContext(r.Context(), "request refused", "error", err)
			if problem.As(err).Code.Status() == http.StatusUnauthorized {
				// RFC 9110 §15.5.2 asks for a challenge with every 401.
				w.Header().Set("WWW-Authenticate", "Gatehouse-Assertion")
			}
			problem.Write(w, err, "")
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), p)))
	})
}

func (v *Verifier) request(r *http.Request) (Principal, error) {
	values := r.Header[Header]
	switch {
	case len(values) == 0, len(values) == 1 && values[0] == "": // a proxy may send it empty on public routes
		return Principal{}, problem.New(problem.Unauthenticated, "the request carries no assertion of Gatehouse").
			WithHint("send it through Gatehouse at %s, not to the application directly; behind nginx, Caddy or Traefik check that %s is copied from the answer of /auth/check", v.issuer, Header)
	case len(values) == 1:
		return v.Verify(r.Context(), values[0])
	default:
		// Whoever added the second one hopes that two parties read different ones.
		return Principal{}, problem.New(problem.Unauthenticated, "the request carries %d assertions", len(values)).
			WithHint("the proxy before the application must replace %s, not add to it", Header)
	}
}

// Verify checks one assertion, the value of the header. The error is a
// *problem.Problem: Unauthenticated, Expired or NotYetValid for an assertion
// that does not count, Unavailable (to be tried again) while there are no keys
// to check it with.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	a, err := parse(token)
	if err != nil {
		return Principal{}, refuse(err, "the assertion is malformed", "only the value of "+Header+" as Gatehouse sent it is accepted")
	}
	key, err := v.keys.find(ctx, a.keyID)
	if err != nil {
		return Principal{}, err
	}
	c, err := a.verify(key)
	if err != nil {
		return Principal{}, refuse(err, "the assertion's signature or claims are wrong", "only the value of "+Header+" as Gatehouse sent it is accepted")
	}
	if err := v.check(c); err != nil {
		return Principal{}, err
	}
	return c.principal(), nil
}

func refuse(cause error, detail, hint string) *problem.Problem {
	return problem.Wrap(cause, problem.Unauthenticated, "%s", detail).WithHint("%s", hint)
}
