//go:build unix

package pluginhost

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Blobs keeps a few small blobs for an instance, encrypted.
type Blobs interface {
	// Load returns a blob and its version; 0 is that there is none.
	Load(ctx context.Context, at Caller, name string) (blob []byte, version int64, err error)

	// Save keeps one in place of that with the version, and fails as Changed where
	// that is not the one there. An empty blob removes it.
	Save(ctx context.Context, at Caller, name string, blob []byte, version int64) (now int64, err error)
}

// stateRequestLimit bounds the message with a blob, in bytes.
const stateRequestLimit = hostsvc.StateLimit + 4<<10

// stateV1 serves Blobs to one process.
type stateV1 struct {
	hostv1.UnimplementedStateServiceServer
	plugin  string
	handles *handles
	blobs   Blobs
	granted func() bool // as that of onceV1
}

// open finds the scope of a live call.
func (v *stateV1) open(handle, name string) (scope, error) {
	s, err := v.handles.scope(handle, time.Now())
	if err != nil {
		return scope{}, err
	}
	if v.blobs == nil || !v.granted() {
		return scope{}, notGranted(hostsvc.StateService, v.plugin)
	}
	if !label.MatchString(name) {
		return scope{}, problem.New(problem.Invalid, "the name of a blob is lower case letters, digits and dashes")
	}
	return s, nil
}

// Load returns a blob of the scope of a live call.
func (v *stateV1) Load(ctx context.Context, r *hostv1.LoadRequest) (*hostv1.LoadResponse, error) {
	s, err := v.open(r.GetHandle(), r.GetName())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	blob, version, err := v.blobs.Load(ctx, s.caller(), r.GetName())
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.LoadResponse{Blob: blob, Version: version}, nil
}

// Save keeps a blob for the scope of a live call.
func (v *stateV1) Save(ctx context.Context, r *hostv1.SaveRequest) (*hostv1.SaveResponse, error) {
	s, err := v.open(r.GetHandle(), r.GetName())
	if err != nil {
		return nil, err
	}
	if len(r.GetBlob()) > hostsvc.StateLimit {
		return nil, problem.New(problem.TooLarge, "a blob has %d bytes at most", hostsvc.StateLimit)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	now, err := v.blobs.Save(ctx, s.caller(), r.GetName(), r.GetBlob(), r.GetVersion())
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.SaveResponse{Version: now}, nil
}
