package hostsvc

import (
	"context"
	"time"

	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of what can be taken once.
const (
	OnceIDLimit = 1 << 10            // bytes of an id
	OnceLimit   = 7 * 24 * time.Hour // how long one is remembered at most
)

// Take takes an id of a kind for the instance of the call, such as that of an
// assertion, and says whether it was there to be taken: not taken before, on any
// node, since it is remembered until then. Of two that take it at the same time
// one is told so. An error means that nobody knows, and what the id belongs to
// must not count; a time that is over is one, because an id that is forgotten at
// once can be taken again. It needs the service "once".
func (h Host) Take(ctx context.Context, kind, id string, until time.Time) (first bool, err error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return false, err
	}
	seconds := until.Add(time.Second - 1).Unix() // the host counts in seconds: rather a moment too long than too short
	got, err := hostv1.NewOnceServiceClient(h.conn).Take(ctx, &hostv1.TakeRequest{Handle: handle, Kind: kind, Id: id, UntilUnix: seconds})
	if err != nil {
		return false, received(err)
	}
	return got.GetFirst(), nil
}
