//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// streamLimit bounds the streams to one process that are open at once. A call
// that finds none free goes alone, which costs it three times as much.
const streamLimit = 64

// verifyStreams answers Verify over long-lived streams, one call at a time on
// each. An abandoned call ends its stream, so that its late answer can reach
// nobody.
type verifyStreams struct {
	life   context.Context //nolint:containedctx // the streams end with the process, not with a call
	client authnv1.ProgramAuthenticatorServiceClient
	idle   chan *verifyStream
	open   atomic.Int32
	none   atomic.Bool // the plugin has no streams
}

type verifyStream struct {
	grpc.BidiStreamingClient[authnv1.VerifyStreamRequest, authnv1.VerifyStreamResponse]
	cancel context.CancelFunc
}

func newVerifyStreams(life context.Context, conn grpc.ClientConnInterface) *verifyStreams {
	return &verifyStreams{
		life: life, client: authnv1.NewProgramAuthenticatorServiceClient(conn), idle: make(chan *verifyStream, streamLimit),
	}
}

func (s *verifyStreams) verify(ctx context.Context, r *authnv1.VerifyRequest) (*authnv1.VerifyResponse, error) {
	if s.none.Load() {
		return s.client.Verify(ctx, r)
	}
	stream, err := s.take()
	if err != nil {
		return nil, err
	}
	if stream == nil {
		return s.client.Verify(ctx, r)
	}
	answer, err := stream.exchange(ctx, r)
	if err != nil {
		s.end(stream)
		if status.Code(err) == codes.Unimplemented {
			s.none.Store(true)
			return s.client.Verify(ctx, r)
		}
		return nil, err
	}
	if answer.GetHandle() != r.GetCall().GetHandle() {
		s.end(stream)
		return nil, problem.New(problem.Internal, "the plugin answered another request than the one that it was asked")
	}
	switch result := answer.GetResult().(type) {
	case *authnv1.VerifyStreamResponse_Response:
		s.idle <- stream // there is room for every open one
		return result.Response, nil
	case *authnv1.VerifyStreamResponse_Problem:
		s.idle <- stream
		return nil, problemV1(result.Problem)
	}
	s.end(stream)
	return nil, problem.New(problem.Internal, "the plugin's answer carries neither a result nor an error")
}

// take finds a stream that is free, or makes one; nil is that all are busy.
func (s *verifyStreams) take() (*verifyStream, error) {
	select {
	case stream := <-s.idle:
		return stream, nil
	default:
	}
	if s.open.Add(1) > streamLimit {
		s.open.Add(-1)
		return nil, nil //nolint:nilnil // no stream and no error is the answer
	}
	ctx, cancel := context.WithCancel(s.life)
	stream, err := s.client.VerifyStream(ctx)
	if err != nil {
		cancel()
		s.open.Add(-1)
		return nil, err
	}
	return &verifyStream{stream, cancel}, nil
}

func (s *verifyStreams) end(stream *verifyStream) {
	stream.cancel()
	s.open.Add(-1)
}

// exchange sends one request and waits for its answer. When ctx ends first the
// stream is cancelled and cannot be used again.
func (v *verifyStream) exchange(ctx context.Context, r *authnv1.VerifyRequest) (*authnv1.VerifyStreamResponse, error) {
	stop := context.AfterFunc(ctx, v.cancel)
	defer stop()
	// A failed Send says io.EOF; why is what Recv says.
	_ = v.Send(&authnv1.VerifyStreamRequest{Request: r})
	answer, err := v.Recv()
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return answer, err
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
