//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// The servers that the figures stand beside. Each runs as a process of its own,
// this binary with -serve.
const (
	serveBare     = "bare"     // net/http, 200 and a header: the floor of a check
	serveUpstream = "upstream" // a small application
	serveProxy    = "proxy"    // httputil.ReverseProxy before the application: the floor of the proxy
)

func serve(kind, addr, target string) error {
	var h http.Handler
	switch kind {
	case serveBare:
		h = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Gatehouse-Subject", "somebody")
		})
	case serveUpstream:
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, "{\"path\":%q}\n", r.URL.Path)
		})
	case serveProxy:
		to, err := url.Parse(target)
		if err != nil {
			return err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = connections // the default of 2 would measure connecting
		h = &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
		}}
	default:
		return fmt.Errorf("there is no server %q", kind)
	}
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	return s.ListenAndServe()
}

// floor is one of those servers, running.
type floor struct {
	*process
	addr string
}

// startFloor starts a server, and returns once it answers.
func startFloor(ctx context.Context, kind, target string) (floor, time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return floor{}, 0, err
	}
	addr, err := freeAddress(ctx)
	if err != nil {
		return floor{}, 0, err
	}
	core := serverCore
	if kind == serveUpstream {
		core = loadCore // the proxies alone are measured; the load leaves room enough
	}
	p, err := launch(ctx, core, os.Stderr, nil, self, "-serve", kind, "-listen", addr, "-target", target)
	if err != nil {
		return floor{}, 0, err
	}
	took, err := p.waitFor(ctx, addr, "/", 10*time.Second)
	if err != nil {
		p.stop()
		return floor{}, 0, err
	}
	return floor{p, addr}, took, nil
}
