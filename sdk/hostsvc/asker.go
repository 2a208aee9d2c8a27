package hostsvc

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// asker asks the directory over one stream that stays open. It is opened by the
// first question, and anew by the first after it has ended.
type asker struct {
	client hostv1.DirectoryServiceClient

	mu   sync.Mutex
	open *askStream
}

// askStream is one stream with the questions that wait for answers.
type askStream struct {
	stream grpc.BidiStreamingClient[hostv1.AskRequest, hostv1.AskResponse]
	asked  chan *hostv1.AskRequest
	over   chan struct{} // closed when there will be no more answers

	mu      sync.Mutex
	err     error // why it is over
	number  uint64
	waiting map[uint64]*answer
}

// answer is what came of one question.
type answer struct {
	parts []*hostv1.AskResponse // for receive alone, until done is closed
	done  chan struct{}
}

// ask returns the parts of an answer.
func (a *asker) ask(ctx context.Context, r *hostv1.AskRequest) ([]*hostv1.AskResponse, error) {
	s, err := a.stream()
	if err != nil {
		return nil, err
	}
	got := &answer{done: make(chan struct{})}
	s.mu.Lock()
	s.number++
	r.Number = s.number
	s.waiting[r.GetNumber()] = got
	s.mu.Unlock()
	select {
	case s.asked <- r:
	case <-s.over:
	case <-ctx.Done():
		s.giveUp(r.GetNumber(), false)
		return nil, errTooLate(ctx)
	}
	select {
	case <-got.done:
	case <-s.over:
		select {
		case <-got.done: // it came before the end
		default:
			return nil, s.ended()
		}
	case <-ctx.Done():
		s.giveUp(r.GetNumber(), true)
		return nil, errTooLate(ctx)
	}
	last := got.parts[len(got.parts)-1]
	if p := last.GetProblem(); p != nil {
		return nil, problemFromProto(p)
	}
	return got.parts, nil
}

func errTooLate(ctx context.Context) error {
	return problem.Wrap(ctx.Err(), problem.DeadlineExceeded, "the directory did not answer before the call ended")
}

func problemFromProto(p *basev1.Problem) error {
	return &problem.Problem{
		Code: problem.Code(p.GetCode()), Detail: p.GetDetail(), Hint: p.GetHint(), Permission: p.GetPermission(),
		RetryAfter: time.Duration(p.GetRetryAfterMillis()) * time.Millisecond,
	}
}

// stream finds or opens the stream. It belongs to no call, and ends with the
// connection to the host.
func (a *asker) stream() (*askStream, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open != nil && a.open.ended() == nil {
		return a.open, nil
	}
	stream, err := a.client.Ask(context.Background(), grpc.MaxCallRecvMsgSize(outcomesLimit))
	if err != nil {
		return nil, received(err)
	}
	a.open = &askStream{
		stream: stream, asked: make(chan *hostv1.AskRequest, 1), over: make(chan struct{}), waiting: map[uint64]*answer{},
	}
	go a.open.send()
	go a.open.receive()
	return a.open, nil
}

func (s *askStream) send() {
	for {
		select {
		case r := <-s.asked:
			if s.stream.Send(r) != nil {
				return // why is what Recv says
			}
		case <-s.over:
			return
		}
	}
}

// receive hands out answers until the stream ends.
func (s *askStream) receive() {
	for {
		part, err := s.stream.Recv()
		s.mu.Lock()
		if err != nil {
			if s.err = received(err); status.Code(err) == codes.Canceled || errors.Is(err, context.Canceled) {
				s.err = problem.Wrap(err, problem.Unavailable, "the host has ended")
			}
			close(s.over)
			s.mu.Unlock()
			return
		}
		if got, ok := s.waiting[part.GetNumber()]; ok {
			got.parts = append(got.parts, part)
			if !part.GetMore() {
				delete(s.waiting, part.GetNumber())
				close(got.done)
			}
		}
		s.mu.Unlock()
	}
}

// giveUp forgets a question, and tells the host if it was asked.
func (s *askStream) giveUp(number uint64, asked bool) {
	s.mu.Lock()
	delete(s.waiting, number)
	s.mu.Unlock()
	if asked {
		go func() { // a host that does not listen holds up nobody
			select {
			case s.asked <- &hostv1.AskRequest{Number: number, Question: &hostv1.AskRequest_Cancel{Cancel: true}}:
			case <-s.over:
			}
		}()
	}
}

// ended says why the stream is over; nil is that it is not.
func (s *askStream) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
