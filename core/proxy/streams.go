package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// streams are the responses that may go on for long: upgraded connections and
// bodies without a length. A principal that is refused loses them.
type streams struct {
	check func(context.Context, *access.Request) (access.Decision, error)
	open  sync.Map // *stream -> nothing
}

type stream struct {
	asked    *access.Request
	decision atomic.Pointer[access.Decision]
	cancel   context.CancelCauseFunc
	end      *time.Timer // at the credential's end; nil where there is none
}

func newStreams(check func(context.Context, *access.Request) (access.Decision, error)) *streams {
	return &streams{check: check}
}

// hold registers a stream, and then looks whether its decision still stands:
// what changed before the registration is seen here, what changes after it by
// recheck.
func (s *streams) hold(ctx context.Context, one *stream) error {
	one.asked.TraceID() // made now: later looks run beside one another
	if at := one.decision.Load().Expires(); !at.IsZero() {
		one.end = time.AfterFunc(time.Until(at), func() {
			one.cancel(problem.New(problem.Expired, "the credential of this stream has ended"))
		})
	}
	s.open.Store(one, struct{}{})
	return s.look(ctx, one)
}

func (s *streams) remove(one *stream) {
	s.open.Delete(one)
	if one.end != nil {
		one.end.Stop()
	}
}

func (s *streams) recheck(ctx context.Context) {
	s.open.Range(func(key, _ any) bool {
		_ = s.look(ctx, key.(*stream)) // a refusal is the cause that the stream ends with
		return true
	})
}

// look asks again if something that the decision rests on has changed. The
// application keeps the assertion that it was given with the request.
func (s *streams) look(ctx context.Context, one *stream) error {
	if one.decision.Load().Fresh() {
		return nil
	}
	d, err := s.check(ctx, one.asked)
	if err != nil {
		one.cancel(err)
		return err
	}
	one.decision.Store(&d)
	return nil
}
