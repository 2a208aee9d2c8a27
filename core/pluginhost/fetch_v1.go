//go:build unix

package pluginhost

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// fetchRequestLimit bounds the message with a request: its body and its header,
// in bytes.
const fetchRequestLimit = hostsvc.FetchRequestLimit + hostRequestLimit

// FetchRequest is an HTTP request that a plugin asks for, in the scope of the
// call during which it does. Nothing of it is checked but the scope.
type FetchRequest struct {
	Plugin       string
	Instance     string
	Organization string // empty outside of an organization's call
	Method       string
	URL          string
	Header       http.Header
	Body         []byte
	Credentials  []string // names of header fields
	MaxBytes     int64    // of the response's body; 0 is as much as there may be
}

// FetchResponse is the answer.
type FetchResponse struct {
	Status    int
	Header    http.Header // what the plugin gets to see; valid UTF-8
	Body      []byte
	URL       string
	FromCache bool
}

// Fetcher makes HTTP requests for plugins. Its errors are of *problem.Problem
// where the plugin is to learn more than that it failed.
type Fetcher interface {
	Fetch(ctx context.Context, r FetchRequest) (FetchResponse, error)
}

// fetchV1 serves HTTP requests to one process.
type fetchV1 struct {
	hostv1.UnimplementedFetchServiceServer
	plugin  string
	handles *handles
	fetcher Fetcher
	granted func() bool // asked once a handle has proved that the plugin was described
}

// Fetch makes a request in the scope of a live call, and until that call's
// deadline.
func (f *fetchV1) Fetch(ctx context.Context, r *hostv1.FetchRequest) (*hostv1.FetchResponse, error) {
	s, err := f.handles.scope(r.GetHandle(), time.Now())
	if err != nil {
		return nil, err
	}
	if f.fetcher == nil || !f.granted() {
		return nil, notGranted(hostsvc.FetchService, f.plugin)
	}
	header := http.Header{}
	for _, field := range r.GetHeaders() {
		header[field.GetName()] = append(header[field.GetName()], field.GetValues()...)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	got, err := f.fetcher.Fetch(ctx, FetchRequest{
		Plugin: f.plugin, Instance: s.Instance, Organization: s.Organization,
		Method: r.GetMethod(), URL: r.GetUrl(), Header: header, Body: r.GetBody(),
		Credentials: r.GetCredentialHeaders(), MaxBytes: int64(r.GetMaxBytes()),
	})
	if err != nil {
		return nil, problem.As(err)
	}
	out := &hostv1.FetchResponse{
		Status: uint32(got.Status),
		Body:   got.Body, Url: got.URL, FromCache: got.FromCache,
	}
	for _, name := range slices.Sorted(maps.Keys(got.Header)) {
		out.Headers = append(out.Headers, &hostv1.Header{Name: name, Values: got.Header[name]})
	}
	return out, nil
}

func notGranted(service, plugin string) error {
	return problem.New(problem.Forbidden, "the host service %q is not granted to plugin %q", service, plugin).
		WithHint("Grant it in the plugin's block.")
}
