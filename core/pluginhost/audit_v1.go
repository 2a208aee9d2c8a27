//go:build unix

package pluginhost

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of what a plugin asks of the host.
const (
	hostRequestLimit = 64 << 10 // bytes of one message
	hostStreamLimit  = 128      // requests at once from one process
	eventAttributes  = 16
)

// AuditEvent is an event of a plugin's, in the scope of the call during which
// it happened.
type AuditEvent struct {
	Plugin       string
	Instance     string
	Organization string // empty outside of an organization's call
	TraceID      string
	Event        string // a few words with dots
	Attributes   map[string]string
}

// AuditSink receives the events of plugins.
type AuditSink interface {
	Record(ctx context.Context, e AuditEvent) error
}

// auditV1 serves the audit log to one process.
type auditV1 struct {
	hostv1.UnimplementedAuditServiceServer
	plugin  string
	handles *handles
	sink    AuditSink
	granted func() bool // asked once a handle has proved that the plugin was described
}

var eventName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)

// Record records an event in the scope of a live call.
func (a *auditV1) Record(ctx context.Context, r *hostv1.RecordRequest) (*hostv1.RecordResponse, error) {
	s, err := a.handles.scope(r.GetHandle(), time.Now())
	if err != nil {
		return nil, err
	}
	if a.sink == nil || !a.granted() {
		return nil, notGranted(hostsvc.AuditService, a.plugin)
	}
	if len(r.GetEvent()) > 64 || !eventName.MatchString(r.GetEvent()) {
		return nil, problem.New(problem.Invalid, "an event is a few lower case words with dots, of 64 bytes at most")
	}
	if err := checkAttributes(r.GetAttributes(), eventAttributes); err != nil {
		return nil, problem.New(problem.Invalid, "the event cannot be recorded: %v", err)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	err = a.sink.Record(ctx, AuditEvent{
		Plugin: a.plugin, Instance: s.Instance, Organization: s.Organization, TraceID: s.TraceID,
		Event: r.GetEvent(), Attributes: r.GetAttributes(),
	})
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.RecordResponse{}, nil
}

// newHostServices makes the server that one process can reach. A message is as
// large as the largest that a service of it takes.
func newHostServices(opts []grpc.ServerOption, audit *auditV1, fetch *fetchV1, spans *traceV1, largest int, log *slog.Logger) *grpc.Server {
	g := grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(largest),
		grpc.MaxConcurrentStreams(hostStreamLimit),
		grpc.UnaryInterceptor(recoverPanics(log, audit.plugin)))...)
	hostv1.RegisterAuditServiceServer(g, audit)
	hostv1.RegisterFetchServiceServer(g, fetch)
	hostv1.RegisterTraceServiceServer(g, spans)
	return g
}

// recoverPanics makes an error of a panic while a plugin is served. The value is
// not logged: it may hold what the plugin sent.
func recoverPanics(log *slog.Logger, plugin string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if v := recover(); v != nil {
				log.ErrorContext(ctx, "panic in a host service", "plugin", plugin, "method", info.FullMethod,
					"type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
				err = problem.New(problem.Internal, "the host failed while it answered")
			}
		}()
		return next(ctx, req)
	}
}
