package hostsvc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of what is kept for an instance.
const (
	StateLimit = 512 << 10 // bytes of one blob
	StateMost  = 8         // blobs
)

// stateMessageLimit bounds the message with a blob.
const stateMessageLimit = StateLimit + 4<<10

// Load returns a blob that the instance of the call saved, and its version. Where
// there is none the version is 0. It needs the service "state".
func (h Host) Load(ctx context.Context, name string) (blob []byte, version int64, err error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return nil, 0, err
	}
	got, err := hostv1.NewStateServiceClient(h.conn).Load(ctx, &hostv1.LoadRequest{Handle: handle, Name: name}, grpc.MaxCallRecvMsgSize(stateMessageLimit))
	if err != nil {
		return nil, 0, received(err)
	}
	return got.GetBlob(), got.GetVersion(), nil
}

// Save keeps a blob in place of the one with that version, 0 where there was
// none; an empty blob removes it. It is encrypted where it is kept, and there
// after a restart and on every node. A problem with the code Changed says that
// another one was saved meanwhile, TooLarge that it is larger than StateLimit. It
// needs the service "state".
func (h Host) Save(ctx context.Context, name string, blob []byte, version int64) (now int64, err error) {
	handle, err := h.handle(ctx)
	if err != nil {
		return 0, err
	}
	if len(blob) > StateLimit { // a much larger one would not get as far as to be refused
		return 0, problem.New(problem.TooLarge, "a blob has %d bytes at most", StateLimit)
	}
	got, err := hostv1.NewStateServiceClient(h.conn).Save(ctx, &hostv1.SaveRequest{Handle: handle, Name: name, Blob: blob, Version: version})
	if err != nil {
		return 0, received(err)
	}
	return got.GetVersion(), nil
}
