package plugin

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// Handle answers each request of a stream on a goroutine of its own, until the
// host ends the stream.
func (s *server) Handle(stream grpc.BidiStreamingServer[provisionv1.HandleRequest, provisionv1.HandleResponse]) error {
	h := handling{server: s, ctx: stream.Context(), stream: stream, live: map[string]*exchange{}}
	// An error is the host's end of the stream: that is how it ends.
	for message, err := stream.Recv(); err == nil; message, err = stream.Recv() {
		h.take(message)
	}
	h.cancelAll()
	h.working.Wait()
	return nil
}

// handling is one stream.
type handling struct {
	server  *server
	ctx     context.Context //nolint:containedctx // the stream's own
	stream  grpc.BidiStreamingServer[provisionv1.HandleRequest, provisionv1.HandleResponse]
	working sync.WaitGroup

	sending sync.Mutex // one message at a time

	mu   sync.Mutex
	live map[string]*exchange // by handle
}

// take passes a message on to its request. What is for a request that was
// answered meanwhile is dropped.
func (h *handling) take(m *provisionv1.HandleRequest) {
	handle := m.GetHandle()
	if begin := m.GetBegin(); begin != nil {
		h.begin(handle, begin)
		return
	}
	h.mu.Lock()
	e := h.live[handle]
	h.mu.Unlock()
	switch part := m.GetPart().(type) {
	case *provisionv1.HandleRequest_Body:
		if e != nil {
			e.body.put(part.Body)
		}
	case *provisionv1.HandleRequest_Cancel:
		if e != nil {
			e.cancel()
		}
	case *provisionv1.HandleRequest_Passed:
		if e != nil {
			e.window.give(int(part.Passed))
		}
	}
}

func (h *handling) begin(handle string, begin *provisionv1.HandleBegin) {
	ctx, cancel := context.WithCancel(h.ctx)
	e := &exchange{handling: h, handle: handle, cancel: cancel, body: newBody(ctx), window: newWindow()}
	e.body.put(begin.GetBody())
	h.mu.Lock()
	h.live[handle] = e
	h.mu.Unlock()
	h.working.Go(func() {
		defer cancel()
		e.answer(ctx, begin)
		h.mu.Lock()
		delete(h.live, handle)
		h.mu.Unlock()
	})
}

func (h *handling) cancelAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.live {
		e.cancel()
	}
}

func (h *handling) send(m *provisionv1.HandleResponse) error {
	h.sending.Lock()
	defer h.sending.Unlock()
	return h.stream.Send(m)
}

// exchange is one request and its answer.
type exchange struct {
	handling *handling
	handle   string
	cancel   context.CancelFunc
	body     *body
	window   *window
}

// answer has the instance answer, and always ends the answer.
func (e *exchange) answer(ctx context.Context, begin *provisionv1.HandleBegin) {
	w := &responseWriter{exchange: e, ctx: ctx}
	if err := e.serve(ctx, begin, w); err != nil {
		e.fail(err)
		return
	}
	if err := w.end(); err != nil {
		e.fail(problem.Wrap(err, problem.Unavailable, "the answer did not reach the host"))
	}
}

func (e *exchange) fail(err error) {
	// If it does not arrive, then the stream is over and nobody waits.
	_ = e.handling.send(&provisionv1.HandleResponse{
		Handle: e.handle, Part: &provisionv1.HandleResponse_Problem{Problem: problemToProto(problem.As(err))},
	})
}

func (e *exchange) serve(ctx context.Context, begin *provisionv1.HandleBegin, w *responseWriter) (err error) {
	s := e.handling.server
	ctx, end := s.begin(ctx, begin.GetCall(), "Handle")
	defer end(&err)
	return s.serveHTTP(ctx, begin, e.body, w)
}
