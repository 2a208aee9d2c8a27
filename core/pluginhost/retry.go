//go:build unix

package pluginhost

import (
	"context"
	"errors"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// once makes a call that is not repeated.
func once[G generation, T any](ctx context.Context, s *supervisor[G], instance string, call func(context.Context, G) (T, error)) (T, error) {
	return attempt(ctx, s, instance, false, call)
}

// twice makes a call that does no harm when it is made again. If the process
// ended while it was in flight it may be what ended it: it is repeated once,
// alone, so that it takes no other call with it, and never a third time.
func twice[G generation, T any](ctx context.Context, s *supervisor[G], instance string, call func(context.Context, G) (T, error)) (T, error) {
	answer, err := attempt(ctx, s, instance, false, call)
	if !errors.Is(err, errDied) {
		return answer, err
	}
	answer, err = attempt(ctx, s, instance, true, call)
	if errors.Is(err, errDied) {
		var none T
		return none, problem.Wrap(err, problem.Unavailable, "plugin %q ended twice while it answered this request", s.name).WithRetryAfter(retrySoon)
	}
	if away := (*turnedAway)(nil); errors.As(err, &away) {
		err = away.error // it was made once, and is not made elsewhere
	}
	return answer, err
}

func attempt[G generation, T any](ctx context.Context, s *supervisor[G], instance string, alone bool, call func(context.Context, G) (T, error)) (T, error) {
	var none T
	l, err := s.pass(ctx, instance, alone)
	if err != nil {
		return none, &turnedAway{err}
	}
	answer, err := call(ctx, l.slot.gen)
	if current := l.release(); !current && err == nil {
		return none, died(s.name)
	}
	if err != nil {
		return none, err
	}
	return answer, nil
}

// turnedAway is the error of a call that was not made.
type turnedAway struct{ error }

func (t *turnedAway) Unwrap() error { return t.error }
