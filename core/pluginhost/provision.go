//go:build unix

package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

const (
	// handleLimit is how long a request of an IdP may take, with its answer, where
	// its context says nothing shorter.
	handleLimit = 2 * time.Minute

	// syncLimit is the same of a part of a pass.
	syncLimit = 10 * time.Minute

	// smallBody is how large a body may be whose request goes with many others over
	// one stream. It fits into one message.
	smallBody = 64 << 10
)

// HTTPRequest is a request of an IdP's for a provisioner. Its credential has been
// checked, and its connection's limits are the caller's to keep.
type HTTPRequest struct {
	Method string
	Target string      // below the mount, escaped as it came, with the query: "/Users?count=2"
	Header http.Header // of which the plugin gets what it may need, and nothing that could be a credential

	// Body is read to its end, or until the response's body is closed: a Read that
	// then still waits is the caller's to end. Its error becomes that of Handle or
	// of the response's body. nil is no body.
	Body io.Reader

	BaseURL string // where the mount is seen from outside: "https://app.example.com/scim/v2"
}

// HTTPResponse is a provisioner's answer.
type HTTPResponse struct {
	Status int // 200 to 599

	// Header has Content-Type, ETag, Location, Content-Location, Last-Modified,
	// Cache-Control, Retry-After, Allow and Vary, where the plugin set them, and
	// nothing else of the plugin's. A Location is below the request's BaseURL.
	Header http.Header

	// Body has to be closed. An error of its Read means that the answer is not
	// whole: it must not look so to the IdP.
	Body io.ReadCloser

	Notes []provision.Note // how the request was understood, for the operator
}

// Handle has an instance answer an IdP's request, for an organization. It ends
// with ctx, whatever the plugin does. It is never repeated: when the plugin dies
// meanwhile it fails as Unavailable, and the IdP has to repeat it.
func (h *Host) Handle(ctx context.Context, instance, organization string, r HTTPRequest) (answer *HTTPResponse, err error) {
	ctx, span := callSpan(ctx, instance, "Handle")
	defer func() { span.End(err) }()
	begin, err := beginV1(r)
	if err != nil {
		return nil, err
	}
	rest, err := firstPiece(r.Body, begin)
	if err != nil {
		return nil, err
	}
	return observed(h, instance, "Handle", func(s *supervised, kind Kind) (*HTTPResponse, error) {
		if kind.Provisioner == nil || kind.Provisioner.Mount == "" {
			return nil, problem.New(problem.Unsupported, "instance %q answers no requests of an IdP", instance)
		}
		l, err := s.pass(ctx, instance, false)
		if err != nil {
			return nil, &turnedAway{err}
		}
		return l.slot.gen.handle(ctx, instance, organization, begin, rest, l.release)
	})
}

// firstPiece reads what fits into the first message; rest is what does not.
func firstPiece(body io.Reader, begin *provisionv1.HandleBegin) (rest io.Reader, err error) {
	if body == nil {
		begin.Body = &provisionv1.Piece{Last: true}
		return nil, nil
	}
	var first bytes.Buffer
	switch n, err := io.CopyN(&first, body, smallBody+1); {
	case errors.Is(err, io.EOF):
		begin.Body = &provisionv1.Piece{Data: first.Bytes(), Last: true}
		return nil, nil
	case err != nil:
		return nil, err
	default:
		begin.Body = &provisionv1.Piece{Data: first.Bytes()[:n]}
		return body, nil
	}
}

// Sync has an instance do a part of a pass over its IdP. It is not repeated here:
// the next call with the same cursor is the repetition.
func (h *Host) Sync(ctx context.Context, instance, organization, cursor string) (progress provision.Progress, notes []provision.Note, err error) {
	ctx, span := callSpan(ctx, instance, "Sync")
	defer func() { span.End(err) }()
	progress, err = observed(h, instance, "Sync", func(s *supervised, kind Kind) (provision.Progress, error) {
		if kind.Provisioner == nil || !kind.Provisioner.Pulls {
			return provision.Progress{}, problem.New(problem.Unsupported, "instance %q asks no IdP", instance)
		}
		return once(ctx, s.supervisor, instance, func(ctx context.Context, g *process) (provision.Progress, error) {
			ctx, cancel := context.WithTimeout(ctx, syncLimit)
			defer cancel()
			done, err := g.sync(ctx, instance, organization, cursor)
			notes = done.notes
			return done.progress, err
		})
	})
	return progress, notes, err
}

// callSpan is the host's side of a call: with the wait for a process that is
// ready, and with the second try.
func callSpan(ctx context.Context, instance, method string) (context.Context, tracing.Span) {
	ctx, span := tracing.Child(ctx, "plugin call")
	span.Set("rpc.method", method)
	span.Set("gatehouse.instance", instance)
	return ctx, span
}
