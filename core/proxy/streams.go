package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Recheck decides anew on a request to an upstream, which it names by its label:
// the index is that of the configuration in which the request began.
type Recheck func(ctx context.Context, upstream string, r *access.Request) (access.Decision, error)

// Streams are what may go on for long: upgraded connections, and requests and
// responses whose bodies have no length. A principal that is refused loses them.
// They outlive the proxy that they began with.
type Streams struct {
	check Recheck
	now   atomic.Pointer[Proxy] // in force
	open  sync.Map              // *stream -> nothing
}

type stream struct {
	upstream string
	asked    *access.Request
	within   atomic.Pointer[Proxy] // that was in force when the decision was made
	decision atomic.Pointer[access.Decision]
	cancel   context.CancelCauseFunc
	end      *time.Timer // at the credential's end; nil where there is none
	answer   answer
}

// NewStreams returns the streams of proxies that follow one another.
func NewStreams(check Recheck) *Streams { return &Streams{check: check} }

// hold registers a stream, and then looks whether its decision still stands:
// what changed before the registration is seen here, what changes after it by
// Changed. It may be called again for the response to a request that is held.
func (s *Streams) hold(ctx context.Context, one *stream) error {
	one.asked.TraceID() // made now: later looks run beside one another
	if at := one.decision.Load().Expires(); !at.IsZero() && one.end == nil {
		one.end = time.AfterFunc(time.Until(at), func() {
			one.cancel(problem.New(problem.Expired, "the credential of this stream has ended"))
		})
	}
	s.open.Store(one, struct{}{})
	return s.look(ctx, one)
}

func (s *Streams) remove(one *stream) {
	s.open.Delete(one)
	if one.end != nil {
		one.end.Stop()
	}
}

// Follow looks at every open stream again, now that another configuration is in
// force and p its proxy: what rules and plugins say may be another thing.
func (s *Streams) Follow(ctx context.Context, p *Proxy) {
	s.now.Store(p)
	s.Changed(ctx)
}

// Changed looks at every open stream again; see change.Feed.Subscribe.
func (s *Streams) Changed(ctx context.Context) {
	s.open.Range(func(key, _ any) bool {
		_ = s.look(ctx, key.(*stream)) // a refusal is the cause that the stream ends with
		return true
	})
}

// look asks again if something that the decision rests on has changed, or the
// configuration. The
// application keeps the assertion that it was given with the request.
func (s *Streams) look(ctx context.Context, one *stream) error {
	now := s.now.Load()
	if one.decision.Load().Fresh() && one.within.Load() == now {
		return nil
	}
	d, err := s.check(ctx, one.upstream, one.asked)
	if err != nil {
		one.cancel(err)
		return err
	}
	one.decision.Store(&d)
	one.within.Store(now)
	return nil
}
