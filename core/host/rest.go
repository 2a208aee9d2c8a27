package host

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// restEvery is how often the host looks whether it has rest. Two looks after the
// last request, every assertion is spent.
const restEvery = 30 * time.Second

// restAfter is how much must have been allocated since memory was given back, in
// bytes, for it to be worth another collection.
const restAfter = 32 << 20

// rest drops what is used no more, and gives memory back to the system when the
// host has rest, until ctx ends. By itself the runtime keeps what the busiest
// time took: twice what is in use, and more.
func (h *house) rest(ctx context.Context) {
	ticker := time.NewTicker(restEvery)
	defer ticker.Stop()
	var o outlay
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		access := h.current.Load().access
		access.Forget()
		if o.rests(readOutlay()) {
			access.Settle()
			if err := h.store.Shrink(ctx); err != nil {
				h.Logger.DebugContext(ctx, "the database keeps its pages in memory until the host has rest again", "error", err)
			}
			debug.FreeOSMemory()
			o.last = readOutlay()
			o.returned = o.last.allocated
		}
	}
}

// outlay is what the runtime had spent when it was looked at.
type outlay struct {
	last     spent
	returned uint64 // what was allocated when memory was given back
}

// spent are counts since the start of the process.
type spent struct {
	allocated   uint64 // bytes
	collections uint64
}

// rests reports whether memory is to be given back: there is some, and since the
// last look so little was allocated that nothing had to be collected.
func (o *outlay) rests(now spent) bool {
	quiet := now.collections == o.last.collections
	o.last = now
	return quiet && now.allocated-o.returned >= restAfter
}

func readOutlay() spent {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	return spent{samples[0].Value.Uint64(), samples[1].Value.Uint64()}
}
