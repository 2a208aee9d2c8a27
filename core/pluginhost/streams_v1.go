//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

const (
	// togetherMost is how many requests go in one message. All of them at their
	// largest stay within the limit of a message.
	togetherMost = 64

	// waitingMost bounds the requests of a stream that have no answer. A request
	// beyond them goes by a call of its own, which costs three times as much.
	waitingMost = 4096

	// abandonedMost bounds the handles of requests that were given up, which a
	// late answer may still bear. A stream with more of them is opened anew.
	abandonedMost = 4096
)

// verifyStreams answers Verify over a stream to the process that stays open. A
// stream that fails is nobody's answer: who waits then calls alone.
type verifyStreams struct {
	life   context.Context //nolint:containedctx // the stream ends with the process, not with a call
	client authnv1.ProgramAuthenticatorServiceClient
	log    *slog.Logger
	none   atomic.Bool // the plugin has no streams

	mu      sync.Mutex
	open    *verifyStream
	opening bool
}

func newVerifyStreams(life context.Context, conn grpc.ClientConnInterface, log *slog.Logger) *verifyStreams {
	return &verifyStreams{life: life, client: authnv1.NewProgramAuthenticatorServiceClient(conn), log: log}
}

func (s *verifyStreams) verify(ctx context.Context, r *authnv1.VerifyRequest) (*authnv1.VerifyResponse, error) {
	stream := s.stream(ctx)
	if stream == nil {
		return s.client.Verify(ctx, r)
	}
	answer, ok, err := stream.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	if !ok {
		return s.client.Verify(ctx, r)
	}
	switch result := answer.GetResult().(type) {
	case *authnv1.VerifyAnswer_Response:
		return result.Response, nil
	case *authnv1.VerifyAnswer_Problem:
		return nil, problemV1(result.Problem)
	}
	return nil, problem.New(problem.Internal, "the plugin's answer carries neither a result nor an error")
}

// stream returns the one that is open, or opens one; nil is that there is none,
// or not yet.
func (s *verifyStreams) stream(ctx context.Context) *verifyStream {
	s.mu.Lock()
	open := s.open
	if s.none.Load() || s.opening || open != nil && !open.isOver() {
		s.mu.Unlock()
		return open
	}
	s.opening = true
	s.mu.Unlock()
	open = s.connect(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.opening = open, false
	return open
}

// connect opens a stream that lives on after ctx.
func (s *verifyStreams) connect(ctx context.Context) *verifyStream {
	life, cancel := context.WithCancel(s.life)
	impatient := context.AfterFunc(ctx, cancel)
	stream, err := s.client.VerifyStream(life)
	if err != nil || !impatient() {
		cancel()
		return nil // the call that is made instead says why
	}
	v := &verifyStream{
		BidiStreamingClient: stream, cancel: cancel, over: make(chan struct{}), asked: make(chan *authnv1.VerifyRequest, waitingMost),
		waiting: map[string]chan<- *authnv1.VerifyAnswer{}, abandoned: map[string]struct{}{},
	}
	go v.send()
	go s.receive(v)
	return v
}

// receive hands out a stream's answers until it ends.
func (s *verifyStreams) receive(stream *verifyStream) {
	err := stream.receive()
	stream.end()
	switch {
	case errors.Is(err, errStrayAnswer):
		s.log.Error("the plugin answered a request that it was not asked; those that wait are asked one by one")
	case status.Code(err) == codes.Unimplemented:
		s.none.Store(true)
	}
}

// verifyStream is one stream with the requests that wait for its answers.
type verifyStream struct {
	grpc.BidiStreamingClient[authnv1.VerifyStreamRequest, authnv1.VerifyStreamResponse]
	cancel context.CancelFunc
	asked  chan *authnv1.VerifyRequest
	over   chan struct{} // closed when there will be no more answers

	mu        sync.Mutex
	ended     bool
	waiting   map[string]chan<- *authnv1.VerifyAnswer // by handle
	abandoned map[string]struct{}                     // handles whose answer may still come
}

// ask waits for the answer to a request. It is not ok where the stream gives
// none; an error is the end of ctx.
func (v *verifyStream) ask(ctx context.Context, r *authnv1.VerifyRequest) (answer *authnv1.VerifyAnswer, ok bool, err error) {
	handle, answered := r.GetCall().GetHandle(), make(chan *authnv1.VerifyAnswer, 1)
	if !v.expect(handle, answered) {
		return nil, false, nil
	}
	select {
	case v.asked <- r:
		select {
		case answer = <-answered:
			return answer, true, nil
		case <-v.over:
			return nil, false, nil
		case <-ctx.Done():
		}
	case <-v.over:
		return nil, false, nil
	case <-ctx.Done():
	}
	v.abandon(handle)
	return nil, false, context.Cause(ctx)
}

func (v *verifyStream) expect(handle string, answered chan<- *authnv1.VerifyAnswer) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended || len(v.waiting) == waitingMost {
		return false
	}
	v.waiting[handle] = answered
	return true
}

// abandon gives a request up. Its answer may come late, and is then no lie.
func (v *verifyStream) abandon(handle string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.waiting[handle]; ok {
		delete(v.waiting, handle)
		v.abandoned[handle] = struct{}{}
	}
	if len(v.abandoned) > abandonedMost {
		v.cancel()
	}
}

// send passes requests on. Those that are ready to ask when it is its turn go
// together: under load that shares the cost of a message, and of the plugin's
// waking up, between many.
func (v *verifyStream) send() {
	for {
		var together []*authnv1.VerifyRequest
		select {
		case first := <-v.asked:
			together = append(together, first)
		case <-v.over:
			return
		}
		runtime.Gosched()
		for len(together) < togetherMost && len(v.asked) > 0 {
			together = append(together, <-v.asked)
		}
		if v.Send(&authnv1.VerifyStreamRequest{Requests: together}) != nil {
			return // why is what Recv says
		}
	}
}

// errStrayAnswer ends a stream whose answers cannot be told apart.
var errStrayAnswer = errors.New("an answer to a request that was not made")

func (v *verifyStream) receive() error {
	for {
		message, err := v.Recv()
		if err != nil {
			return err
		}
		for _, answer := range message.GetAnswers() {
			if err := v.deliver(answer); err != nil {
				return err
			}
		}
	}
}

func (v *verifyStream) deliver(answer *authnv1.VerifyAnswer) error {
	handle := answer.GetHandle()
	v.mu.Lock()
	defer v.mu.Unlock()
	if answered, ok := v.waiting[handle]; ok {
		delete(v.waiting, handle)
		answered <- answer // there is room for the only one
		return nil
	}
	if _, late := v.abandoned[handle]; !late {
		return errStrayAnswer
	}
	delete(v.abandoned, handle)
	return nil
}

func (v *verifyStream) isOver() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ended
}

// end tells those who wait that no answer will come.
func (v *verifyStream) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = true
	v.cancel()
	close(v.over)
}

// knownCodes are the codes of a plugin's problem that mean something to the
// host. Others are a failure of the plugin.
var knownCodes = map[problem.Code]bool{
	problem.Invalid: true, problem.Throttled: true, problem.Unavailable: true,
	problem.Unsupported: true, problem.DeadlineExceeded: true, problem.NotFound: true,
}

// problemV1 makes a plugin's problem ours.
func problemV1(p *basev1.Problem) error {
	return boundedProblem(&problem.Problem{
		Code: problem.Code(p.GetCode()), Detail: p.GetDetail(), Hint: p.GetHint(),
		RetryAfter: time.Duration(min(max(p.GetRetryAfterMillis(), 0), time.Hour.Milliseconds())) * time.Millisecond,
	})
}

// boundedProblem keeps of a plugin's problem what a log can show: it is the
// cause of what the caller sees, not shown itself.
func boundedProblem(p *problem.Problem) error {
	code := p.Code
	if !knownCodes[code] {
		code = problem.Unavailable
	}
	cause := errors.New(cut(p.Detail, 512))
	return problem.Wrap(cause, code, "the plugin could not answer").WithRetryAfter(min(max(p.RetryAfter, 0), time.Hour))
}
