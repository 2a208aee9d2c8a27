package plugin

import (
	"context"
	"runtime"
	"sync"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

// answersTogether is how many answers go in one message at most.
const answersTogether = 64

// VerifyStream answers each request on a goroutine of its own. An error is of
// one request; the stream goes on until the host ends it.
func (s *server) VerifyStream(stream grpc.BidiStreamingServer[authnv1.VerifyStreamRequest, authnv1.VerifyStreamResponse]) error {
	ctx, answers := stream.Context(), make(chan *authnv1.VerifyAnswer, answersTogether)
	var sent sync.WaitGroup
	sent.Go(func() { sendAnswers(stream, answers) })
	var working sync.WaitGroup
	// An error is the host's end of the stream: that is how it ends.
	for message, err := stream.Recv(); err == nil; message, err = stream.Recv() {
		for _, r := range message.GetRequests() {
			working.Go(func() {
				answer := s.answer(ctx, r)
				select {
				case answers <- answer:
				case <-ctx.Done():
				}
			})
		}
	}
	working.Wait()
	close(answers)
	sent.Wait()
	return nil
}

func (s *server) answer(ctx context.Context, r *authnv1.VerifyRequest) *authnv1.VerifyAnswer {
	answer := &authnv1.VerifyAnswer{Handle: r.GetCall().GetHandle()}
	if resp, err := s.Verify(ctx, r); err != nil {
		answer.Result = &authnv1.VerifyAnswer_Problem{Problem: problemToProto(problem.As(err))}
	} else {
		answer.Result = &authnv1.VerifyAnswer_Response{Response: resp}
	}
	return answer
}

// sendAnswers sends those that are ready when it is its turn in one message. It
// goes on until there are no more, so that nobody who has one waits for ever.
func sendAnswers(stream grpc.BidiStreamingServer[authnv1.VerifyStreamRequest, authnv1.VerifyStreamResponse], answers <-chan *authnv1.VerifyAnswer) {
	var failed bool
	for first := range answers {
		together := []*authnv1.VerifyAnswer{first}
		runtime.Gosched()
		for len(together) < answersTogether && len(answers) > 0 {
			together = append(together, <-answers)
		}
		failed = failed || stream.Send(&authnv1.VerifyStreamResponse{Answers: together}) != nil
	}
}
