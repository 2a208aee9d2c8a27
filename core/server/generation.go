package server

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/proxy"
)

// Checker decides on requests.
type Checker interface {
	Check(ctx context.Context, r *access.Request) (access.Decision, error)
}

// Generation is what one configuration says about requests. Another takes its
// place while the server runs; a request sees one only. It may not be copied
// once it is in force.
type Generation struct {
	Access         Checker
	Revision       int64 // of the configuration
	Proxy          *proxy.Proxy
	TrustedProxies []netip.Prefix
	Home           string // the name of the public host, in lower case
	ShortRoutes    bool
	BodyBytes      int64         // of requests to our own routes; those that pass through are the application's to limit
	DrainTimeout   time.Duration // for requests in flight at the end
	Log            Logged        // which requests have a line in the access log

	undecided [16]counter
}

// counter has a cache line of its own: one for all would be what every
// processor writes to with every request.
type counter struct {
	atomic.Int64
	_ [56]byte
}

// turn is a request's part in a generation. end is called once, when the request
// has been decided on: what follows needs nothing that the generation's end
// takes away.
type turn struct {
	*Generation
	counted *counter
}

func (t turn) end() { t.counted.Add(-1) }

// begin takes part in the generation in force. A generation that was replaced
// before this request was counted in it may have been taken for idle: then the
// newer one is the request's.
func (s *Server) begin() turn {
	for {
		g := s.Now()
		t := turn{g, &g.undecided[rand.Uint32()%uint32(len(g.undecided))]} //nolint:gosec // it spreads, no more
		t.counted.Add(1)
		if s.Now() == g {
			return t
		}
		t.end()
	}
}

// Decided waits, once another generation is in force, until every request that
// began in this one has been decided on. Its error is that of ctx.
func (g *Generation) Decided(ctx context.Context) error {
	const again = 2 * time.Millisecond
	tick := time.NewTicker(again)
	defer tick.Stop()
	// One after the other will do: no request that stays begins any more.
	for i := range g.undecided {
		for g.undecided[i].Load() > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}
