package provisioning

import (
	"io"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// gate keeps each connection within its limits. A connection without a request
// under way has no entry in busy.
type gate struct {
	rates *throttle.Rates
	mu    sync.Mutex
	busy  map[string]int // requests of a connection that are under way
}

func newGate(now time.Time, observe throttle.Observer) *gate {
	return &gate{rates: throttle.NewRates(now, observe), busy: map[string]int{}}
}

// enter admits a request, or refuses it (Throttled). leave ends its turn. What is
// refused for being one too many at once takes nothing of the rate.
func (g *gate) enter(c Connection, now time.Time) (leave func(), err error) {
	if !g.add(c) {
		return nil, problem.New(problem.Throttled, "the connection has %d requests under way, which is its limit", c.Limits.Concurrent).
			WithRetryAfter(time.Second).WithHint("make fewer requests at once, or ask the operator of this service for a higher limit")
	}
	leave = sync.OnceFunc(func() { g.remove(c.Label) })
	if bucket := g.rates.Of(c.Label, c.Limits.Rate, now); bucket != nil {
		if err := bucket.Take(now); err != nil {
			leave()
			return nil, problem.New(problem.Throttled, "the connection is over its rate of %s", c.Limits.Rate).
				WithRetryAfter(problem.As(err).RetryAfter).WithHint("make fewer requests, or ask the operator of this service for a higher rate")
		}
	}
	return leave, nil
}

func (g *gate) add(c Connection) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.Limits.Concurrent > 0 && g.busy[c.Label] >= c.Limits.Concurrent {
		return false
	}
	g.busy[c.Label]++
	return true
}

func (g *gate) remove(label string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[label]--; g.busy[label] <= 0 {
		delete(g.busy, label)
	}
}

// bounded is a body that ends with a Problem (TooLarge) where it goes beyond its
// limit.
type bounded struct {
	io.Reader
	left  int64 // bytes; one more than the limit allows would make it negative
	limit int64

	mu   sync.Mutex // what reads may go on after whoever asked has his answer
	over bool
}

func newBounded(r io.Reader, limit int64) *bounded {
	return &bounded{Reader: r, left: limit, limit: limit}
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.limit == 0 {
		return b.Reader.Read(p)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left >= 0 {
		return n, err
	}
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	n, b.left = n-1, 0 // the next read finds the limit again
	return n, tooLarge(b.limit)
}

// exceeded reports whether the body went beyond its limit.
func (b *bounded) exceeded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

func tooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "the body is over %d bytes", limit).WithHint("send less in one request")
}
