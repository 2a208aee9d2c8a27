package plugin

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// server answers the host. It keeps the configured instances and nothing else.
type server struct {
	basev1.UnimplementedPluginServiceServer
	authnv1.UnimplementedProgramAuthenticatorServiceServer

	plugin    Plugin
	log       *slog.Logger
	dial      func(brokerID uint32) (grpc.ClientConnInterface, error)
	host      atomic.Pointer[hostsvc.Host]
	instances sync.Map // name -> authn.Programs
}

func newServer(p Plugin, log *slog.Logger) *server {
	s := &server{plugin: p, log: log}
	s.host.Store(&hostsvc.Host{})
	return s
}

func (s *server) register(g *grpc.Server) {
	basev1.RegisterPluginServiceServer(g, s)
	authnv1.RegisterProgramAuthenticatorServiceServer(g, s)
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
	}
	resp := &basev1.DescribeResponse{Name: s.plugin.Name, Version: s.plugin.Version, HostServices: s.plugin.HostServices}
	for _, k := range s.plugin.Programs {
		resp.Kinds = append(resp.Kinds, kindToProto(k))
	}
	return resp, nil
}

// Configure makes the instance first and then puts it in place of the old one,
// so that a failure leaves that as it was.
func (s *server) Configure(ctx context.Context, r *basev1.ConfigureRequest) (resp *basev1.ConfigureResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall())
	defer end(&err)
	kind, ok := s.kind(r.GetKind())
	if !ok {
		return nil, problem.New(problem.NotFound, "plugin %q has no kind %q", s.plugin.Name, r.GetKind())
	}
	name := r.GetCall().GetInstance()
	config := instance.Config{
		Name: name, Kind: kind.Name, Values: r.GetConfig(), Unknown: r.GetUnknown(), ValidateOnly: r.GetValidateOnly(),
		Logger: s.log.With("instance", name), Host: *s.host.Load(),
	}
	for _, k := range r.GetKeys() {
		config.Keys = append(config.Keys, instance.Key{ID: k.GetId(), Key: k.GetKey()})
	}
	made, ds := kind.New(ctx, config)
	resp = &basev1.ConfigureResponse{Diagnostics: diagnosticsToProto(ds)}
	if ds.HasErrors() {
		return resp, nil
	}
	if made == nil {
		return nil, problem.New(problem.Internal, "plugin %q made no instance and said nothing", s.plugin.Name)
	}
	if reader, ok := made.(authn.CredentialReader); ok {
		for _, c := range reader.Credentials() {
			if err := c.Check(kind.Records); err != nil {
				return nil, problem.Wrap(err, problem.Internal, "plugin %q describes a credential wrongly", s.plugin.Name)
			}
			resp.Credentials = append(resp.Credentials, credentialToProto(c))
		}
	}
	if !r.GetValidateOnly() {
		s.instances.Store(name, made)
	}
	return resp, nil
}

// Remove forgets an instance.
func (s *server) Remove(_ context.Context, r *basev1.RemoveRequest) (*basev1.RemoveResponse, error) {
	s.instances.Delete(r.GetCall().GetInstance())
	return &basev1.RemoveResponse{}, nil
}

func (s *server) kind(name string) (authn.ProgramKind, bool) {
	for _, k := range s.plugin.Programs {
		if k.Name == name {
			return k, true
		}
	}
	return authn.ProgramKind{}, false
}

func (s *server) programs(call *basev1.Call) (authn.Programs, error) {
	if p, ok := s.instances.Load(call.GetInstance()); ok {
		return p.(authn.Programs), nil
	}
	return nil, problem.New(problem.Unavailable, "instance %q is not configured in plugin %q", call.GetInstance(), s.plugin.Name)
}

// begin prepares one call: its handle, its deadline, and an end that turns a
// panic into an error of this call alone.
func (s *server) begin(ctx context.Context, call *basev1.Call) (context.Context, func(*error)) {
	ctx = hostsvc.WithHandle(ctx, call.GetHandle())
	cancel := func() {}
	if micros := call.GetDeadlineUnixMicros(); micros > 0 {
		ctx, cancel = context.WithDeadline(ctx, time.UnixMicro(micros))
	}
	return ctx, func(err *error) {
		cancel()
		if v := recover(); v != nil {
			*err = s.panicked(call, v)
		}
	}
}

// panicked logs where it happened. The value is not logged: it is text of
// somebody's making, and may hold a secret.
func (s *server) panicked(call *basev1.Call, value any) error {
	id := rand.Text()
	s.log.Error("panic in the plugin", "id", id, "instance", call.GetInstance(), "trace_id", call.GetTraceId(),
		"type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
	return problem.New(problem.Internal, "plugin %q failed while it answered (see its log, id %s)", s.plugin.Name, id)
}
