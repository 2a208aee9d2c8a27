package server

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// application is every path that is not ours: decide, then pass on.
func (s *Server) application(w http.ResponseWriter, r *http.Request, path string, t turn) {
	o := t.originOf(r)
	asked := &access.Request{Header: r.Header, Method: r.Method, Path: path, Client: o.client}
	var seen *sight
	if s.watches(t) {
		w, r, seen = s.watch(w, r, t, o, asked, proxied)
		defer seen.end()
	}
	d, err := t.decide(r, asked, o.host)
	t.end()
	s.seal(w, t, asked, decided.Proxied, &d, err)
	seen.decided(d, err)
	if err != nil {
		if to := s.login(t, r.Method, r.Header, r.RequestURI, err); to != "" {
			s.count(proxied, string(problem.As(err).Code))
			sendOn(w, to)
			return
		}
		s.refuse(w, r, asked, err)
		return
	}
	s.count(proxied, "allowed")
	t.Proxy.Serve(w, r, asked, d, proxy.Outside{Client: o.client.String(), Proto: o.proto, Host: o.host})
}

// check answers another proxy's question. Only a trusted one may ask: anybody
// else could have the answer for a path and an address of his choice.
func (s *Server) check(w http.ResponseWriter, r *http.Request, t turn) {
	o := t.originOf(r)
	asked := &access.Request{Header: r.Header, Client: o.client}
	var seen *sight
	if s.watches(t) {
		w, r, seen = s.watch(w, r, t, o, asked, forwardAuth)
		defer seen.end()
	}
	if !o.trusted {
		t.end()
		// It is logged, unlike other refusals: a proxy shows its caller none of
		// it, and it is the operator who has to see it.
		err := problem.New(problem.Forbidden, "/auth/check answers trusted proxies only, and %s is none", o.peer).
			WithHint("add the proxy's address to trusted_proxies in the server block")
		seen.decided(access.Decision{}, err)
		s.failures.write(r.Context(), asked, err)
		s.count(forwardAuth, string(err.Code))
		_, asks := proxy.Asked(r.Header)
		proxy.Refuse(w, err, asked.TraceID(), asks == nil && len(r.Header["X-Original-Uri"]) > 0)
		return
	}
	q, err := proxy.Asked(r.Header)
	if err == nil {
		asked.Method = q.Method
		target, _, _ := strings.Cut(q.Target, "?")
		asked.Path, err = reqpath.Normalize(target)
		if err == nil && asked.Path != target && !reqpath.Normal(target) {
			err = problem.New(problem.Invalid, "the path is not in its normal form, which is %s", asked.Path).
				WithHint("the application would get another path than the one that was checked: ask for the normal form")
		}
	}
	var d access.Decision
	if err == nil {
		d, err = t.decide(r, asked, o.host)
	}
	t.end()
	s.seal(w, t, asked, decided.ForwardAuth, &d, err)
	seen.decided(d, err)
	if err != nil {
		s.count(forwardAuth, string(problem.As(err).Code))
		if to := s.login(t, q.Method, r.Header, q.Target, err); to != "" {
			if !q.Nginx {
				sendOn(w, to)
				return
			}
			w.Header().Set("X-Gatehouse-Location", to) // nginx knows no redirect here: its configuration makes one of these
			w.Header().Set("X-Gatehouse-Status", strconv.Itoa(http.StatusFound))
		}
		s.challenge(w, err)
		s.logFailure(r, asked, err)
		proxy.Refuse(w, err, asked.TraceID(), q.Nginx)
		return
	}
	s.count(forwardAuth, "allowed")
	t.Proxy.Allow(w, asked.Upstream, d.Identity)
}

func (g *Generation) decide(r *http.Request, asked *access.Request, host string) (access.Decision, error) {
	upstream, name, ok := g.Proxy.For(host)
	if !ok {
		return access.Decision{}, problem.New(problem.NotFound, "no application is served under this host name").
			WithHint("the operator of this service can add the name to the hosts of an upstream")
	}
	asked.Upstream, asked.Host = upstream, cmp.Or(name, g.Home)
	return g.Access.Check(r.Context(), asked)
}

// refuse answers with a problem.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, asked *access.Request, err error) {
	if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "+provisioning.TokenPrefix+"_") && problem.Is(err, problem.Unauthenticated) {
		err = misplaced()
	}
	s.count(proxied, string(problem.As(err).Code))
	s.challenge(w, err)
	s.logFailure(r, asked, err)
	problem.Write(w, err, asked.TraceID())
}

// misplaced is for an IdP that was given another base URL: its administrator would
// look for what is wrong with the token.
func misplaced() error {
	return problem.New(problem.Unauthenticated, "the token is one for provisioning, and this path is not below /scim/v2").
		WithHint("the base URL that the identity provider is given ends with /scim/v2, in lower case, or with the mount of the plugin that the connection's provisioner is of")
}

// Failed answers for the proxy when an upstream did not: the request was let
// through, so it is no decision to be counted.
func (s *Server) Failed(w http.ResponseWriter, r *http.Request, err error) {
	asked := &access.Request{Header: r.Header, Method: r.Method, Path: r.URL.EscapedPath(), Trace: tracing.ID(r.Context())}
	s.logFailure(r, asked, err)
	problem.Write(w, err, asked.TraceID())
}

// challenge names the scheme that a 401 has to name (RFC 9110 §11.6.1). Bearer,
// because a Basic challenge would open a browser's password window.
func (s *Server) challenge(w http.ResponseWriter, err error) {
	if problem.As(err).Code.Status() == http.StatusUnauthorized {
		challenge := `Bearer realm="gatehouse"`
		var step *access.StepUp
		if errors.As(err, &step) { // RFC 9470 §3
			challenge += `, error="insufficient_user_authentication"`
			if step.MaxAge > 0 {
				challenge += `, max_age="` + seconds(step.MaxAge) + `"`
			}
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
}

// logFailure notes what is not the caller's doing. A refusal is counted, not
// logged.
func (s *Server) logFailure(r *http.Request, asked *access.Request, err error) {
	if problem.As(err).Code.Status() < http.StatusInternalServerError {
		return
	}
	s.failures.write(r.Context(), asked, err)
}
