package apikey

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// pool bounds how many slow hashes are computed at once, and how many wait for
// it. What is fast never goes through it.
type pool struct {
	places  chan struct{} // those at work and those that wait
	workers chan struct{}
}

func newPool(workers, waiting int) *pool {
	return &pool{places: make(chan struct{}, workers+waiting), workers: make(chan struct{}, workers)}
}

// do runs what is slow when there is a worker for it. It is an error, and not a
// refusal, if too many wait already, or if nobody waits for it any more.
func (p *pool) do(ctx context.Context, slow func() bool) (bool, error) {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return false, problem.New(problem.Unavailable, "too many keys that were imported are checked for the first time at this moment").
			WithHint("try again in a second").WithRetryAfter(time.Second)
	}
	select {
	case p.workers <- struct{}{}:
		defer func() { <-p.workers }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return slow(), nil
}
