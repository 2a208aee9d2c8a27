//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// exchanges are the streams to the provisioners of a process: one that stays open
// for the requests that fit into a message, and one for each of the others, whose
// bodies would hold up everybody's.
type exchanges struct {
	life   context.Context //nolint:containedctx // streams end with the process, not with a call
	client provisionv1.ProvisionerServiceClient
	log    *slog.Logger
	failed func(error) error // what an answer that cannot be is to its caller

	mu      sync.Mutex
	shared  *handleStream
	opening bool
}

// stream finds or opens a stream for a request, which it expects an answer to.
func (x *exchanges) stream(ctx context.Context, e *exchange, alone bool) (*handleStream, error) {
	if !alone {
		s, err := x.share(ctx)
		if err != nil {
			return nil, err
		}
		if s != nil {
			if s.expect(e) {
				return s, nil
			}
			return nil, problem.New(problem.Throttled, "the plugin has more requests under way than the host sends at once").WithRetryAfter(retrySoon)
		}
	}
	s, err := x.open(ctx, true)
	if err != nil {
		return nil, err
	}
	s.expect(e)
	return s, nil
}

// share returns the stream that is open, or opens it; nil is that somebody else
// is about to.
func (x *exchanges) share(ctx context.Context) (*handleStream, error) {
	x.mu.Lock()
	shared := x.shared
	if shared != nil && !shared.isOver() {
		x.mu.Unlock()
		return shared, nil
	}
	if x.opening {
		x.mu.Unlock()
		return nil, nil
	}
	x.opening = true
	x.mu.Unlock()
	shared, err := x.open(ctx, false)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.shared, x.opening = shared, false
	return shared, err
}

// open opens a stream. One for a single request ends with it.
func (x *exchanges) open(ctx context.Context, single bool) (*handleStream, error) {
	life, cancel := context.WithCancel(x.life)
	impatient := context.AfterFunc(ctx, cancel)
	stream, err := x.client.Handle(life)
	if err != nil || !impatient() {
		cancel()
		return nil, errors.Join(err, ctx.Err())
	}
	s := &handleStream{
		BidiStreamingClient: stream, cancel: cancel, single: single, failed: x.failed,
		asked: make(chan *provisionv1.HandleRequest, 1), over: make(chan struct{}),
		waiting: map[string]*exchange{}, abandoned: map[string]struct{}{},
	}
	go s.send()
	go x.receive(s)
	return s, nil
}

// receive hands out a stream's answers until it ends.
func (x *exchanges) receive(s *handleStream) {
	if err := s.receive(); errors.Is(err, errStrayAnswer) {
		x.log.Error("the plugin answered a request that it was not asked; those that wait on its stream fail")
	}
}

// handleStream is one stream with the requests that are on it.
type handleStream struct {
	grpc.BidiStreamingClient[provisionv1.HandleRequest, provisionv1.HandleResponse]
	cancel context.CancelFunc
	single bool
	failed func(error) error
	asked  chan *provisionv1.HandleRequest
	over   chan struct{} // closed when there will be no more answers

	mu        sync.Mutex
	ended     bool
	waiting   map[string]*exchange // by handle
	abandoned map[string]struct{}  // handles whose answer has not ended yet
}

func (s *handleStream) expect(e *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		e.fail(errStreamOver)
		return true
	}
	if len(s.waiting) == waitingMost {
		return false
	}
	s.waiting[e.handle] = e
	return true
}

var errStreamOver = problem.New(problem.Unavailable, "the stream to the plugin is over").WithRetryAfter(retrySoon)

// done takes a request from the stream. If its answer has not ended, the plugin
// is told that nobody waits.
func (s *handleStream) done(e *exchange) {
	if s.single {
		s.cancel()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.waiting[e.handle]; !ok {
		return
	}
	delete(s.waiting, e.handle)
	s.abandoned[e.handle] = struct{}{}
	if len(s.abandoned) > abandonedMost {
		s.cancel()
	}
	go func() { // a plugin that does not listen holds up nobody
		select {
		case s.asked <- &provisionv1.HandleRequest{Handle: e.handle, Part: &provisionv1.HandleRequest_Cancel{Cancel: true}}:
		case <-s.over:
		}
	}()
}

// send passes messages on in the order in which they were asked.
func (s *handleStream) send() {
	for {
		select {
		case m := <-s.asked:
			if s.Send(m) != nil {
				return // why is what Recv says
			}
		case <-s.over:
			return
		}
	}
}

// receive hands out parts of answers until the stream ends.
func (s *handleStream) receive() error {
	for {
		m, err := s.Recv()
		if err == nil {
			err = s.deliver(m)
		}
		if err != nil {
			s.end(err)
			return err
		}
	}
}

func (s *handleStream) deliver(m *provisionv1.HandleResponse) error {
	handle := m.GetHandle()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.waiting[handle]; ok {
		last, err := e.deliver(m)
		if err != nil {
			e.fail(s.failed(err))
		}
		if last || err != nil {
			delete(s.waiting, handle)
		}
		if err != nil && !last {
			s.abandoned[handle] = struct{}{}
		}
		return nil
	}
	if _, late := s.abandoned[handle]; !late {
		return errStrayAnswer
	}
	if m.GetProblem() != nil || m.GetBody().GetLast() || m.GetAnswer().GetBody().GetLast() {
		delete(s.abandoned, handle)
	}
	return nil
}

// end tells those who wait that no answer will come.
func (s *handleStream) end(err error) {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	close(s.over)
	for _, e := range s.waiting {
		e.fail(err)
	}
	s.waiting = nil
}

func (s *handleStream) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}
