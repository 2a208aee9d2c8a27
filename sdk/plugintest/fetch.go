package plugintest

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// fetchService serves HTTP requests out of a handler of the test.
type fetchService struct {
	hostv1.UnimplementedFetchServiceServer
	host *host
}

// Fetch has the handler answer, if the plugin may ask.
func (f fetchService) Fetch(ctx context.Context, r *hostv1.FetchRequest) (*hostv1.FetchResponse, error) {
	handler, err := f.host.web(r.GetHandle())
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(r.GetUrl())
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		return nil, problem.New(problem.Invalid, "only https URLs with a host and without a user are fetched")
	case len(r.GetBody()) > hostsvc.FetchRequestLimit:
		return nil, problem.New(problem.TooLarge, "the body is larger than %d bytes", hostsvc.FetchRequestLimit)
	}
	req := httptest.NewRequestWithContext(ctx, r.GetMethod(), u.String(), bytes.NewReader(r.GetBody()))
	req.RemoteAddr = ""
	for _, field := range r.GetHeaders() {
		for _, v := range field.GetValues() {
			req.Header.Add(field.GetName(), v)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	limit := hostsvc.FetchResponseLimit
	if r.GetMaxBytes() > 0 {
		limit = min(limit, int(r.GetMaxBytes()))
	}
	if w.Body.Len() > limit {
		return nil, problem.New(problem.TooLarge, "the answer of %s is larger than %d bytes", u.Hostname(), limit)
	}
	header := w.Result().Header
	header.Del("Set-Cookie")
	resp := &hostv1.FetchResponse{Status: uint32(w.Code), Body: w.Body.Bytes(), Url: u.String()}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		resp.Headers = append(resp.Headers, &hostv1.Header{Name: name, Values: header[name]})
	}
	return resp, nil
}

// web is who answers the HTTP requests of a live call.
func (h *host) web(handle string) (http.Handler, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.scope(handle, hostsvc.FetchService); err != nil {
		return nil, err
	}
	if h.handler == nil {
		return nil, problem.New(problem.Unavailable, "nothing can be fetched: the test has set no handler with HandleFetch")
	}
	return h.handler, nil
}

// HandleFetch sets who answers the plugin's HTTP requests with the host service
// "fetch", whatever host they are for. The host of a harness reaches nothing
// else: it has no cache, follows no redirect, and knows no addresses. nil takes
// the handler away.
func (h *Harness) HandleFetch(handler http.Handler) {
	h.host.mu.Lock()
	defer h.host.mu.Unlock()
	h.host.handler = handler
}
