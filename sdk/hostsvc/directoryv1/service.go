// Package directoryv1 is the host's side of the directory that hostsvc.Host asks:
// it checks all that comes from a plugin before it becomes a value of ours. The
// host and package plugintest serve it, so that a plugin's tests see the refusals
// that it will see later.
package directoryv1

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// MessageLimit is how many bytes one message from a plugin has at most: a
// resource with the largest attributes fits.
const MessageLimit = directory.AttributesLimit + 256<<10

// Directory answers within the scope of one call. Its errors are a
// *problem.Problem where the plugin is to learn more than that it failed.
type Directory interface {
	Find(ctx context.Context, q directory.Query) (directory.Page, error)
	Members(ctx context.Context, group, after string, limit int) ([]directory.Member, bool, error)
	Apply(ctx context.Context, changes []directory.Change) ([]directory.Outcome, error)
}

// Open finds the directory of the live call that a handle belongs to, and makes
// a context that ends with that call at the latest.
type Open func(ctx context.Context, handle string) (Directory, context.Context, context.CancelFunc, error)

// Panicked makes an error of a panic while a question of a stream is answered.
// Those of calls are for the server's interceptors.
type Panicked func(ctx context.Context, method string, value any) error

// New returns the service of one process.
func New(open Open, panicked Panicked) hostv1.DirectoryServiceServer {
	return &service{open: open, panicked: panicked, places: make(chan struct{}, askedAtOnce)}
}

type service struct {
	hostv1.UnimplementedDirectoryServiceServer
	open     Open
	panicked Panicked
	places   chan struct{} // has a value for each question of a stream that is being answered
	held     atomic.Int64  // bytes of changes that have not been applied yet
}

// hold counts changes that came; the caller takes them off again.
func (s *service) hold(size int64) error {
	if s.held.Add(size) > heldLimit {
		return problem.New(problem.Throttled, "the plugin has more changes under way than the host takes at once").WithRetryAfter(retryFull)
	}
	return nil
}

// Find answers a page.
func (s *service) Find(r *hostv1.FindRequest, stream grpc.ServerStreamingServer[hostv1.FindResponse]) error {
	return s.find(stream.Context(), r, func(m *hostv1.FindResponse, _ bool) error { return stream.Send(m) })
}

func (s *service) find(ctx context.Context, r *hostv1.FindRequest, send func(m *hostv1.FindResponse, more bool) error) error {
	d, ctx, end, err := s.open(ctx, r.GetHandle())
	if err != nil {
		return err
	}
	defer end()
	q, err := query(r)
	if err != nil {
		return err
	}
	page, err := d.Find(ctx, q)
	if err != nil {
		return problem.As(err)
	}
	return sendPage(page, send)
}

// pageFill is how many bytes of resources go in one message before the next
// begins.
const pageFill = 256 << 10

// answerLimit is what the SDK takes in one message, less some room.
const answerLimit = 4<<20 - 64<<10

func sendPage(page directory.Page, send func(m *hostv1.FindResponse, more bool) error) error {
	message, size := &hostv1.FindResponse{}, 0
	for _, r := range page.Resources {
		one := resourceToProto(r)
		more := proto.Size(one)
		if more > answerLimit {
			return problem.New(problem.TooLarge, "%s %q with its members and groups is larger than one answer", r.Type, r.ID)
		}
		if size > 0 && size+more > pageFill {
			if err := send(message, true); err != nil {
				return err
			}
			message, size = &hostv1.FindResponse{}, 0
		}
		message.Resources = append(message.Resources, one)
		size += more
	}
	message.Total, message.Next, message.Previous = uint64(max(page.Total, 0)), page.Next, page.Previous
	return send(message, false)
}

// Members answers members of a group.
func (s *service) Members(ctx context.Context, r *hostv1.MembersRequest) (*hostv1.MembersResponse, error) {
	d, ctx, end, err := s.open(ctx, r.GetHandle())
	if err != nil {
		return nil, err
	}
	defer end()
	if err := errors.Join(checkRef("the group's id", r.GetGroup()), checkOptional("the id to go on after", r.GetAfter(), refLimit)); err != nil {
		return nil, invalid(err)
	}
	if r.GetLimit() < 1 || r.GetLimit() > directory.PageLimit {
		return nil, problem.New(problem.TooLarge, "%d members were asked for, 1 to %d can be", r.GetLimit(), directory.PageLimit)
	}
	members, more, err := d.Members(ctx, r.GetGroup(), r.GetAfter(), int(r.GetLimit()))
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.MembersResponse{Members: membersToProto(members), More: more}, nil
}

// heldLimit bounds the changes that one process has sent and that were not
// applied yet, in bytes of all its calls together.
const heldLimit = 64 << 20

// Apply collects the changes and makes them.
func (s *service) Apply(stream grpc.ClientStreamingServer[hostv1.ApplyRequest, hostv1.ApplyResponse]) error {
	var c collector
	defer func() { s.held.Add(-c.bytes) }()
	handle := ""
	for first := true; ; first = false {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first {
			handle = message.GetHandle()
			// Who shows no handle is not listened to any further.
			_, _, end, err := s.open(stream.Context(), handle)
			if err != nil {
				return err
			}
			end()
		} else if message.GetHandle() != "" {
			return problem.New(problem.Invalid, "a handle stands in the first message only")
		}
		size := int64(proto.Size(message))
		c.bytes += size
		if err := s.hold(size); err != nil {
			return err
		}
		if err := c.take(message.GetChanges()); err != nil {
			return err
		}
	}
	changes, err := c.done()
	if err != nil {
		return err
	}
	// The call may have ended while the changes came.
	d, ctx, end, err := s.open(stream.Context(), handle)
	if err != nil {
		return err
	}
	defer end()
	outcomes, err := d.Apply(ctx, changes)
	if err != nil {
		return problem.As(err)
	}
	return stream.SendAndClose(outcomesToProto(outcomes))
}
