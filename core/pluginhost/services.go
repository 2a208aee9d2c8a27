//go:build unix

package pluginhost

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of what a plugin asks of the host.
const (
	hostRequestLimit = 64 << 10 // bytes of one message, where no service takes larger ones
	hostStreamLimit  = 128      // requests at once from one process
)

// hostServices are those that one process can reach.
type hostServices struct {
	audit     *auditV1
	fetch     *fetchV1
	directory *directoryV1
	once      *onceV1
	state     *stateV1
	keys      *keysV1
	spans     *traceV1
}

// newHostServices makes the server that one process can reach. A message is as
// large as the largest that a service of it takes.
func newHostServices(opts []grpc.ServerOption, s hostServices, plugin string, largest int, log *slog.Logger) *grpc.Server {
	g := grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(largest),
		grpc.MaxConcurrentStreams(hostStreamLimit),
		grpc.UnaryInterceptor(func(ctx context.Context, r any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
			defer recovered(ctx, log, plugin, info.FullMethod, &err)
			return next(ctx, r)
		}),
		grpc.StreamInterceptor(func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
			defer recovered(stream.Context(), log, plugin, info.FullMethod, &err)
			return next(service, stream)
		}))...)
	hostv1.RegisterAuditServiceServer(g, s.audit)
	hostv1.RegisterFetchServiceServer(g, s.fetch)
	hostv1.RegisterDirectoryServiceServer(g, s.directory.service(func(ctx context.Context, method string, value any) error {
		return panicked(ctx, log, plugin, method, value)
	}))
	hostv1.RegisterOnceServiceServer(g, s.once)
	hostv1.RegisterStateServiceServer(g, s.state)
	hostv1.RegisterKeysServiceServer(g, s.keys)
	hostv1.RegisterTraceServiceServer(g, s.spans)
	return g
}

// recovered makes an error of a panic while a plugin is served.
func recovered(ctx context.Context, log *slog.Logger, plugin, method string, err *error) {
	if v := recover(); v != nil {
		*err = panicked(ctx, log, plugin, method, v)
	}
}

// panicked logs where it happened. The value is not logged: it may hold what the
// plugin sent.
func panicked(ctx context.Context, log *slog.Logger, plugin, method string, value any) error {
	log.ErrorContext(ctx, "panic in a host service", "plugin", plugin, "method", method,
		"type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
	return problem.New(problem.Internal, "the host failed while it answered")
}
