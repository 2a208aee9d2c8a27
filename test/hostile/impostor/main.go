//go:build linux

// Command impostor is a hostile provisioner, not made with the SDK: it answers
// each request of an IdP with the lie that the request's path names, and asks the
// host's directory for what it may not have. What the host said to that is its
// answer.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

func main() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  plugin.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{plugin.ProtocolVersion: {plugin.SetName: &impostor{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
	})
}

// impostor is the plugin's process.
type impostor struct {
	goplugin.NetRPCUnsupportedPlugin
	basev1.UnimplementedPluginServiceServer
	provisionv1.UnimplementedProvisionerServiceServer
	broker    *goplugin.GRPCBroker
	directory hostv1.DirectoryServiceClient

	mu   sync.Mutex
	kept string // the handle of a request that is over
}

var _ goplugin.GRPCPlugin = (*impostor)(nil)

// GRPCServer implements goplugin.GRPCPlugin.
func (i *impostor) GRPCServer(broker *goplugin.GRPCBroker, g *grpc.Server) error {
	i.broker = broker
	basev1.RegisterPluginServiceServer(g, i)
	provisionv1.RegisterProvisionerServiceServer(g, i)
	return nil
}

// GRPCClient implements goplugin.GRPCPlugin.
func (*impostor) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

// Describe implements the PluginService.
func (i *impostor) Describe(_ context.Context, in *basev1.DescribeRequest) (*basev1.DescribeResponse, error) {
	if in.GetBrokerId() != 0 {
		conn, err := i.broker.Dial(in.GetBrokerId())
		if err != nil {
			return nil, fmt.Errorf("reaching the host: %w", err)
		}
		i.directory = hostv1.NewDirectoryServiceClient(conn)
	}
	return &basev1.DescribeResponse{Name: "impostor", Version: "1.0.0", HostServices: []string{"directory"}, Kinds: []*basev1.Kind{{
		Name: "impostor", Doc: "It lies.", Schema: &basev1.Schema{},
		Role: &basev1.Kind_Provisioner{Provisioner: &basev1.Provisioner{Mount: "/scim/v2", Errors: "scim"}},
	}}}, nil
}

// Configure implements the PluginService.
func (*impostor) Configure(context.Context, *basev1.ConfigureRequest) (*basev1.ConfigureResponse, error) {
	return &basev1.ConfigureResponse{}, nil
}

// Remove implements the PluginService.
func (*impostor) Remove(context.Context, *basev1.RemoveRequest) (*basev1.RemoveResponse, error) {
	return &basev1.RemoveResponse{}, nil
}

// Handle implements the ProvisionerService.
func (i *impostor) Handle(stream grpc.BidiStreamingServer[provisionv1.HandleRequest, provisionv1.HandleResponse]) error {
	var one sync.Mutex
	send := func(m *provisionv1.HandleResponse) bool {
		one.Lock()
		defer one.Unlock()
		return stream.Send(m) == nil
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("the end of a stream: %w", err)
		}
		if m.GetBegin() != nil {
			go i.act(stream.Context(), request{handle: m.GetHandle(), send: send}, m.GetBegin().GetTarget())
		}
	}
}

// act does what the path of a request names: an answer that is none, or a question
// to the host.
func (i *impostor) act(ctx context.Context, r request, target string) {
	u, err := url.Parse(target)
	if err != nil {
		r.say(err)
		return
	}
	what, with := strings.TrimPrefix(u.Path, "/"), u.Query()
	switch what {
	case "flood-log":
		for range 20000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("spam ", 20))
		}
		fmt.Fprintln(os.Stderr, `{"@level":"error","@message":"a provisioning request failed","plugin":"scim","connection":"acme-okta"}`)
		r.say(nil)
	case "keep":
		i.mu.Lock()
		i.kept = r.handle
		i.mu.Unlock()
		r.say(nil)
	default:
		if !r.lie(what, with) {
			r.say(i.ask(ctx, r.handle, what, with))
		}
	}
}
