// Package server is the way in: listeners, TLS, limits, and the routes, each of
// which calls one room below. It decides nothing itself.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/tracing"
)

// Limits bound what one connection can hold. They count for as long as the
// server runs.
type Limits struct {
	HeaderBytes       int
	ReadHeaderTimeout time.Duration
	IdleTimeout       time.Duration
}

// Options are what a Server is made from.
type Options struct {
	Listen      string
	AdminListen string // empty: our own routes are on Listen only
	TLS         *tls.Config
	Limits      Limits

	// Now returns the generation in force. It is called for each request, from
	// many goroutines.
	Now func() *Generation

	Admin http.Handler

	// Provisioning serves the paths that it says it does: those of IdPs.
	Provisioning interface {
		http.Handler
		Serves(path string) bool

		// Refuse answers for a path that it serves, and that could be read in two
		// ways.
		Refuse(w http.ResponseWriter, r *http.Request, path string, err error)
	}

	// SignOn serves the paths that it says it does: those of people who sign on.
	SignOn interface {
		http.Handler
		Serves(path string) bool
		Open() bool // whether anybody can
	}

	AdminToken func(*http.Request) error // nil error: the request carries a valid admin token
	JWKS       func() jose.JSONWebKeySet
	JWKSAge    time.Duration // for how long applications may keep it
	Ready      func(context.Context) []Condition
	Metrics    http.Handler
	Registry   prometheus.Registerer
	Logger     *slog.Logger
	Tracer     *tracing.Tracer // nil: no request is traced
	Decisions  *decided.Sealer // makes the ids of decisions; nil: they have none
	AccessLog  *slog.Logger    // where the lines of requests go; nil: nowhere
}

// Server serves.
type Server struct {
	Options
	routes    routes // on Listen
	inside    routes // on AdminListen
	decisions map[string]*counters
	failures  *failureLog
	servers   []*http.Server
	listeners []net.Listener
}

// New opens the listeners, so that an address in use is known before anything
// else is started. Nothing is accepted before Serve.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{Options: o, decisions: newCounters(o.Registry), failures: newFailureLog(o.Logger, time.Now)}
	s.routes, s.inside = s.ways()
	if err := s.listen(ctx, "listen", o.Listen, s, o.TLS, nil); err != nil {
		return nil, err
	}
	if o.AdminListen == "" {
		return s, nil
	}
	admin := func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, adminListener{}, true)
	}
	if err := s.listen(ctx, "admin_listen", o.AdminListen, http.HandlerFunc(s.adminOnly), o.TLS, admin); err != nil {
		return nil, errors.Join(err, s.closeListeners())
	}
	return s, nil
}

// listen opens the listener that an attribute of the server block says.
func (s *Server) listen(ctx context.Context, attribute, address string, h http.Handler, tlsConfig *tls.Config, conn func(context.Context, net.Conn) context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return cannotListen(attribute, address, err)
	}
	s.listeners = append(s.listeners, l)
	s.servers = append(s.servers, &http.Server{
		Handler: h, ConnContext: conn, TLSConfig: tlsConfig,
		ReadHeaderTimeout: s.Limits.ReadHeaderTimeout, IdleTimeout: s.Limits.IdleTimeout, MaxHeaderBytes: s.Limits.HeaderBytes,
		ErrorLog: slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
	})
	return nil
}

// Address is where the server listens; a port of 0 has become a real one.
func (s *Server) Address() string { return s.listeners[0].Addr().String() }

// AdminAddress is where the admin listener is, or "".
func (s *Server) AdminAddress() string {
	if len(s.listeners) < 2 {
		return ""
	}
	return s.listeners[1].Addr().String()
}

// Serve accepts until Shutdown; its error is a listener's.
func (s *Server) Serve() error {
	failed := make(chan error, len(s.servers))
	for i, one := range s.servers {
		go func() {
			if one.TLSConfig != nil {
				failed <- one.ServeTLS(s.listeners[i], "", "") // the certificate is in TLSConfig
				return
			}
			failed <- one.Serve(s.listeners[i])
		}()
	}
	for range s.servers {
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
	}
	return nil
}

// Shutdown accepts nothing more and waits for the requests in flight, for the
// drain timeout at most; what is still open then is cut.
func (s *Server) Shutdown(ctx context.Context) error {
	limit := s.Now().DrainTimeout
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var errs []error
	for _, one := range s.servers {
		if err := one.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests were cut after the drain timeout of %s: %w", limit, err), one.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
