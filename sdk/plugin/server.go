package plugin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// server answers the host. It keeps the configured instances and nothing else.
type server struct {
	basev1.UnimplementedPluginServiceServer
	authnv1.UnimplementedProgramAuthenticatorServiceServer
	authnv1.UnimplementedPersonAuthenticatorServiceServer
	provisionv1.UnimplementedProvisionerServiceServer

	plugin    Plugin
	log       *slog.Logger
	dial      func(brokerID uint32) (grpc.ClientConnInterface, error)
	host      atomic.Pointer[hostsvc.Host]
	tracer    *tracer
	spans     atomic.Pointer[hostv1.TraceServiceClient] // where spans go
	instances sync.Map                                  // name -> what its kind's New made
}

func newServer(p Plugin, log *slog.Logger) *server {
	s := &server{plugin: p, log: log, tracer: newTracer()}
	s.host.Store(&hostsvc.Host{})
	return s
}

func (s *server) register(g *grpc.Server) {
	basev1.RegisterPluginServiceServer(g, s)
	authnv1.RegisterProgramAuthenticatorServiceServer(g, s)
	authnv1.RegisterPersonAuthenticatorServiceServer(g, s)
	provisionv1.RegisterProvisionerServiceServer(g, s)
}

// Describe connects to the host's services and says what the plugin is.
func (s *server) Describe(_ context.Context, r *basev1.DescribeRequest) (*basev1.DescribeResponse, error) {
	if id := r.GetBrokerId(); id != 0 {
		conn, err := s.dial(id)
		if err != nil {
			return nil, problem.Wrap(err, problem.Unavailable, "the plugin cannot reach the host's services")
		}
		host := hostsvc.New(conn)
		s.host.Store(&host)
		spans := hostv1.NewTraceServiceClient(conn)
		s.spans.Store(&spans)
	}
	resp := &basev1.DescribeResponse{Name: s.plugin.Name, Version: s.plugin.Version, HostServices: s.plugin.HostServices}
	for _, k := range s.plugin.Programs {
		resp.Kinds = append(resp.Kinds, kindToProto(k))
	}
	for _, k := range s.plugin.People {
		resp.Kinds = append(resp.Kinds, personKindToProto(k))
	}
	for _, k := range s.plugin.Provisioners {
		resp.Kinds = append(resp.Kinds, provisionerToProto(k))
	}
	return resp, nil
}

// instanceOf finds the instance that a call is for, which does what the call asks
// for. A call that nobody waits for any more is not begun.
func instanceOf[T any](ctx context.Context, s *server, call *basev1.Call) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	made, ok := s.instances.Load(call.GetInstance())
	if !ok {
		return none, problem.New(problem.Unavailable, "instance %q is not configured in plugin %q", call.GetInstance(), s.plugin.Name)
	}
	able, ok := made.(T)
	if !ok {
		return none, problem.New(problem.Unsupported, "instance %q of plugin %q does not do this", call.GetInstance(), s.plugin.Name)
	}
	return able, nil
}

// begin prepares one call: its handle, its deadline, its span where it is
// recorded, and an end that turns a panic into an error of this call alone, and
// any error into a Problem.
func (s *server) begin(ctx context.Context, call *basev1.Call, method string) (context.Context, func(*error)) {
	ctx = hostsvc.WithHandle(ctx, call.GetHandle())
	cancel := func() {}
	if micros := call.GetDeadlineUnixMicros(); micros > 0 {
		ctx, cancel = context.WithDeadline(ctx, time.UnixMicro(micros))
	}
	ctx, recorded := s.tracer.begin(ctx, call, method)
	return ctx, func(err *error) {
		defer cancel()
		if v := recover(); v != nil {
			*err = s.panicked(call, v)
		} else if *err != nil {
			*err = s.failed(call, *err)
		}
		if host := s.spans.Load(); recorded != nil && host != nil {
			s.tracer.end(ctx, recorded, *host, call, *err)
		}
	}
}

// failed makes a Problem of an error. What the Problem does not carry to the
// host is logged here, so that an operator can read it.
func (s *server) failed(call *basev1.Call, err error) error {
	var p *problem.Problem
	switch {
	case errors.As(err, &p):
		if error(p) == err && p.Unwrap() == nil { //nolint:errorlint // whether err is the Problem itself, with nothing around it
			return p
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem.Wrap(err, problem.DeadlineExceeded, "plugin %q was not done when the host stopped waiting", s.plugin.Name)
	default:
		p = problem.Wrap(err, problem.Internal, "plugin %q could not answer (its log says why)", s.plugin.Name)
	}
	s.log.Error("the plugin could not answer", "instance", call.GetInstance(), "trace_id", call.GetTraceId(), "error", err)
	return p
}

// panicked logs where it happened. The value is not logged: it is text of
// somebody's making, and may hold a secret.
func (s *server) panicked(call *basev1.Call, value any) error {
	id := rand.Text()
	s.log.Error("panic in the plugin", "id", id, "instance", call.GetInstance(), "trace_id", call.GetTraceId(),
		"type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
	return problem.New(problem.Internal, "plugin %q failed while it answered (see its log, id %s)", s.plugin.Name, id)
}
