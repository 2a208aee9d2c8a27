package throttle

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// burst is what a client may take at once of what it saved.
const burst = 2 * time.Second

// Rates holds the bucket of each client that has a rate. There are as many as
// the operator gave rates to. Nodes count each for itself.
type Rates struct {
	start   time.Time
	buckets sync.Map   // client's id to *Bucket
	making  sync.Mutex // of buckets; to find one takes no lock
	observe Observer
}

// NewRates returns Rates of no client.
func NewRates(now time.Time, observe Observer) *Rates { return &Rates{start: now, observe: observe} }

// Of returns the bucket of a client, the one before unless the rate is another;
// nil where it has no rate. It is asked when a client is verified, not with
// each request.
func (r *Rates) Of(client string, rate Rate, at time.Time) *Bucket {
	if rate == 0 {
		r.buckets.Delete(client)
		return nil
	}
	before := r.bucket(client)
	if before != nil && before.rate == rate {
		return before
	}
	r.making.Lock()
	defer r.making.Unlock()
	if before = r.bucket(client); before != nil && before.rate == rate {
		return before
	}
	every := time.Hour / time.Duration(rate)
	b := &Bucket{rate: rate, every: every, full: max(burst, every), of: r}
	if before != nil {
		// A change of the rate is no new allowance, and no more is owed than fits.
		b.at.Store(min(before.at.Load(), int64(at.Sub(r.start)+b.full)))
	}
	r.buckets.Store(client, b)
	return b
}

func (r *Rates) bucket(client string) *Bucket {
	b, _ := r.buckets.Load(client)
	known, _ := b.(*Bucket)
	return known
}

// Bucket is the tokens of one client, shared by all its keys: the time at which
// it is full again. It has no lock.
type Bucket struct {
	rate        Rate
	every, full time.Duration // a token, and as many as fit
	at          atomic.Int64
	of          *Rates
}

// Take takes one token, or refuses with Throttled and the time when there is
// one.
func (b *Bucket) Take(at time.Time) error {
	now := at.Sub(b.of.start)
	for {
		old := b.at.Load()
		next := max(time.Duration(old), now) + b.every
		if wait := next - now - b.full; wait > 0 {
			b.of.observe(ByClient, Refused)
			return problem.New(problem.Throttled, "the client is over its rate of %s", b.rate).WithRetryAfter(wait).
				WithHint("make fewer requests, or ask the operator of this service for a higher rate")
		}
		if b.at.CompareAndSwap(old, int64(next)) {
			return nil
		}
	}
}
