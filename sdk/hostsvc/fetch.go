package hostsvc

import (
	"context"
	"net/http"

	"google.golang.org/grpc"

	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of one request with Fetch.
const (
	FetchRequestLimit  = 1 << 20 // bytes of its body
	FetchResponseLimit = 4 << 20 // bytes of the response's body, decompressed
)

// fetchMessageLimit bounds the message with a response: the body, and its header.
const fetchMessageLimit = FetchResponseLimit + 256<<10

// FetchRequest is an HTTP request that the host makes.
type FetchRequest struct {
	Method string // GET, HEAD, POST, PUT, PATCH or DELETE; empty is GET
	URL    string // absolute; https, in development also http
	Header http.Header
	Body   []byte

	// Credentials are the names of header fields that carry a credential. The host
	// takes Authorization, Cookie and all that it does not know for such anyway.
	// None of them follows a redirect to another origin, and what was answered to
	// one is not cached.
	Credentials []string

	// MaxBytes is how much of a body the plugin takes, after decompression. 0 is
	// FetchResponseLimit, which is also the most.
	MaxBytes int
}

// FetchResponse is what was answered, with whatever status.
type FetchResponse struct {
	Status    int
	Header    http.Header // the fields that the host hands on, without cookies
	Body      []byte      // whole, and decompressed
	URL       string      // where it came from, after redirects
	FromCache bool        // of the host, which asks again when HTTP says so
}

// Fetch has the host make an HTTP request. The host connects to public
// addresses only, and to those that its operator allows; it follows at most five
// redirects of a GET or HEAD, and none of another method. A request ends with
// the call, and after 30 seconds at the latest. It needs the service "fetch" in
// the plugin's description and in the operator's grant.
//
// Every answer is a FetchResponse. An error is a *problem.Problem: Invalid for a
// request that is not one, Forbidden for an address or a redirect that is
// refused, TooLarge, Throttled with too many requests at once, DeadlineExceeded,
// and Unavailable or BadUpstream for what the other side did.
func (h Host) Fetch(ctx context.Context, r FetchRequest) (FetchResponse, error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return FetchResponse{}, err
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	out := &hostv1.FetchRequest{
		Handle: handle, Method: r.Method, Url: r.URL, Body: r.Body, CredentialHeaders: r.Credentials,
		MaxBytes: uint32(min(max(r.MaxBytes, 0), FetchResponseLimit)),
	}
	for name, values := range r.Header {
		out.Headers = append(out.Headers, &hostv1.Header{Name: name, Values: values})
	}
	got, err := hostv1.NewFetchServiceClient(h.conn).Fetch(ctx, out, grpc.MaxCallRecvMsgSize(fetchMessageLimit))
	if err != nil {
		return FetchResponse{}, received(err)
	}
	resp := FetchResponse{Status: int(got.GetStatus()), Header: http.Header{}, Body: got.GetBody(), URL: got.GetUrl(), FromCache: got.GetFromCache()}
	for _, field := range got.GetHeaders() {
		resp.Header[http.CanonicalHeaderKey(field.GetName())] = field.GetValues()
	}
	return resp, nil
}
