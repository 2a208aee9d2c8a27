package directoryv1

import (
	"context"
	"sync"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// askedAtOnce bounds the questions of one process that are being answered over
// streams. The next one waits, and what comes after it.
const askedAtOnce = 128

// Ask answers each question of a stream on a goroutine of its own.
func (s *service) Ask(stream grpc.BidiStreamingServer[hostv1.AskRequest, hostv1.AskResponse]) error {
	a := asking{service: s, stream: stream, live: map[uint64]context.CancelFunc{}}
	ctx, cancel := context.WithCancel(stream.Context())
	defer a.working.Wait()
	defer cancel() // of what is being answered, before it is waited for
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil // it is the plugin's end of the stream: that is how it ends
		}
		if r.GetCancel() {
			a.cancel(r.GetNumber())
			continue
		}
		select {
		case s.places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		one, end := a.begin(ctx, r.GetNumber())
		a.working.Go(func() {
			defer func() { <-s.places }()
			defer end()
			if err := a.answer(one, r); err != nil {
				// Where it does not arrive the stream is over.
				_ = a.send(&hostv1.AskResponse{Number: r.GetNumber(), Answer: &hostv1.AskResponse_Problem{Problem: problemToProto(problem.As(err))}})
			}
		})
	}
}

// asking is one stream.
type asking struct {
	service *service
	stream  grpc.BidiStreamingServer[hostv1.AskRequest, hostv1.AskResponse]
	working sync.WaitGroup

	sending sync.Mutex // one message at a time

	mu   sync.Mutex
	live map[uint64]context.CancelFunc // by number
}

func (a *asking) begin(ctx context.Context, number uint64) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.live[number] = cancel
	return ctx, func() {
		cancel()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.live, number)
	}
}

func (a *asking) cancel(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel, ok := a.live[number]; ok {
		cancel()
	}
}

func (a *asking) send(m *hostv1.AskResponse) error {
	a.sending.Lock()
	defer a.sending.Unlock()
	return a.stream.Send(m)
}

// answer answers one question. A panic is an error of this one.
func (a *asking) answer(ctx context.Context, r *hostv1.AskRequest) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = a.service.panicked(ctx, "Ask", v)
		}
	}()
	s := a.service
	switch q := r.GetQuestion().(type) {
	case *hostv1.AskRequest_Find:
		return s.find(ctx, q.Find, func(m *hostv1.FindResponse, more bool) error {
			return a.send(&hostv1.AskResponse{Number: r.GetNumber(), Answer: &hostv1.AskResponse_Find{Find: m}, More: more})
		})
	case *hostv1.AskRequest_Members:
		got, err := s.Members(ctx, q.Members)
		if err != nil {
			return err
		}
		return a.send(&hostv1.AskResponse{Number: r.GetNumber(), Answer: &hostv1.AskResponse_Members{Members: got}})
	case *hostv1.AskRequest_Apply:
		got, err := s.applyOne(ctx, q.Apply)
		if err != nil {
			return err
		}
		return a.send(&hostv1.AskResponse{Number: r.GetNumber(), Answer: &hostv1.AskResponse_Apply{Apply: got}})
	}
	return problem.New(problem.Unsupported, "this host does not know the question")
}

// applyOne makes the changes of one message.
func (s *service) applyOne(ctx context.Context, r *hostv1.ApplyRequest) (*hostv1.ApplyResponse, error) {
	d, ctx, end, err := s.open(ctx, r.GetHandle())
	if err != nil {
		return nil, err
	}
	defer end()
	c := collector{bytes: int64(proto.Size(r))}
	defer func() { s.held.Add(-c.bytes) }()
	if err := s.hold(c.bytes); err != nil {
		return nil, err
	}
	if err := c.take(r.GetChanges()); err != nil {
		return nil, err
	}
	changes, err := c.done()
	if err != nil {
		return nil, err
	}
	outcomes, err := d.Apply(ctx, changes)
	if err != nil {
		return nil, problem.As(err)
	}
	return outcomesToProto(outcomes), nil
}

func problemToProto(p *problem.Problem) *basev1.Problem {
	out := &basev1.Problem{
		Code: string(p.Code), Detail: p.Detail, Hint: p.Hint, Permission: p.Permission, RetryAfterMillis: p.RetryAfter.Milliseconds(),
	}
	if !utf8.ValidString(out.GetDetail()) || !utf8.ValidString(out.GetHint()) { // it would end the stream
		out.Detail, out.Hint = "the reason is not in UTF-8", ""
	}
	return out
}
