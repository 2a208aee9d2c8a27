package pluginhost_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// serveProvisionLiar serves a provisioner that is not made with the SDK.
func serveProvisionLiar() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  plugin.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{plugin.ProtocolVersion: {plugin.SetName: &provisionLiar{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
	})
	os.Exit(0)
}

type provisionLiar struct {
	goplugin.NetRPCUnsupportedPlugin
	basev1.UnimplementedPluginServiceServer
	provisionv1.UnimplementedProvisionerServiceServer
}

func (l *provisionLiar) GRPCServer(_ *goplugin.GRPCBroker, g *grpc.Server) error {
	basev1.RegisterPluginServiceServer(g, l)
	provisionv1.RegisterProvisionerServiceServer(g, l)
	return nil
}

func (*provisionLiar) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

func (*provisionLiar) Describe(context.Context, *basev1.DescribeRequest) (*basev1.DescribeResponse, error) {
	return &basev1.DescribeResponse{Name: "provision-liar", Version: "1", Kinds: []*basev1.Kind{{
		Name: "push", Doc: "It lies.", Schema: &basev1.Schema{},
		Role: &basev1.Kind_Provisioner{Provisioner: &basev1.Provisioner{Mount: "/push", Errors: "scim"}},
	}}}, nil
}

func (*provisionLiar) Configure(context.Context, *basev1.ConfigureRequest) (*basev1.ConfigureResponse, error) {
	return &basev1.ConfigureResponse{}, nil
}

// Handle answers as the path of each request says.
func (*provisionLiar) Handle(stream grpc.BidiStreamingServer[provisionv1.HandleRequest, provisionv1.HandleResponse]) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetBegin() == nil {
			continue
		}
		for _, out := range lies(m.GetHandle(), strings.TrimPrefix(m.GetBegin().GetTarget(), "/")) {
			if err := stream.Send(out); err != nil {
				return err
			}
		}
	}
}

func lies(handle, which string) []*provisionv1.HandleResponse {
	body := func(data []byte, last bool) *provisionv1.HandleResponse {
		return &provisionv1.HandleResponse{Handle: handle, Part: &provisionv1.HandleResponse_Body{Body: &provisionv1.Piece{Data: data, Last: last}}}
	}
	answer := func(status uint32, last bool) *provisionv1.HandleResponse {
		return &provisionv1.HandleResponse{Handle: handle, Part: &provisionv1.HandleResponse_Answer{
			Answer: &provisionv1.HandleAnswer{Status: status, Body: &provisionv1.Piece{Last: last}},
		}}
	}
	problem := func(code string) *provisionv1.HandleResponse {
		return &provisionv1.HandleResponse{Handle: handle, Part: &provisionv1.HandleResponse_Problem{Problem: &basev1.Problem{Code: code, Detail: "x"}}}
	}
	other := answer(200, true)
	other.Handle = strings.Repeat("A", 22)
	switch which {
	case "true":
		return []*provisionv1.HandleResponse{answer(200, true)}
	case "status":
		return []*provisionv1.HandleResponse{answer(99, true)}
	case "body-first":
		return []*provisionv1.HandleResponse{body([]byte("x"), true)}
	case "twice":
		return []*provisionv1.HandleResponse{answer(200, false), answer(200, true)}
	case "nothing":
		return []*provisionv1.HandleResponse{{Handle: handle}}
	case "too-much":
		all := []*provisionv1.HandleResponse{answer(200, false)}
		for range 5 {
			all = append(all, body(bytes.Repeat([]byte("x"), 64<<10), false))
		}
		return append(all, body(nil, true))
	case "both":
		return []*provisionv1.HandleResponse{answer(200, false), problem("not_found")}
	case "refused":
		return []*provisionv1.HandleResponse{problem("permission_denied")}
	case "stray":
		return []*provisionv1.HandleResponse{other}
	case "more":
		return []*provisionv1.HandleResponse{answer(200, true), body([]byte("x"), true)}
	}
	return nil
}
