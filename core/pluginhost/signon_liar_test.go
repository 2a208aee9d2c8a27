package pluginhost_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// serveSignOnLiar serves an authenticator of people that is not made with the SDK.
func serveSignOnLiar() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  plugin.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{plugin.ProtocolVersion: {plugin.SetName: &signOnLiar{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
	})
	os.Exit(0)
}

// signOnLiar answers with the bytes that come with the question, so that a test
// says what the lie is. Complete also asks the host what a test says.
type signOnLiar struct {
	goplugin.NetRPCUnsupportedPlugin
	basev1.UnimplementedPluginServiceServer
	authnv1.UnimplementedPersonAuthenticatorServiceServer
	broker *goplugin.GRPCBroker
	host   grpc.ClientConnInterface
	kept   atomic.Value // a handle of an earlier call
}

func (l *signOnLiar) GRPCServer(broker *goplugin.GRPCBroker, g *grpc.Server) error {
	l.broker = broker
	basev1.RegisterPluginServiceServer(g, l)
	authnv1.RegisterPersonAuthenticatorServiceServer(g, l)
	return nil
}

func (*signOnLiar) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

func (l *signOnLiar) Describe(_ context.Context, r *basev1.DescribeRequest) (*basev1.DescribeResponse, error) {
	conn, err := l.broker.Dial(r.GetBrokerId())
	if err != nil {
		return nil, err
	}
	l.host = conn
	return &basev1.DescribeResponse{Name: "signon-liar", Version: "1", HostServices: []string{"once", "state", "keys"}, Kinds: []*basev1.Kind{{
		Name: "signon", Doc: "It lies.", Schema: &basev1.Schema{},
		Role: &basev1.Kind_PersonAuthenticator{PersonAuthenticator: &basev1.PersonAuthenticator{Refreshes: true, LogsOut: true, Receives: true}},
	}}}, nil
}

func (*signOnLiar) Configure(context.Context, *basev1.ConfigureRequest) (*basev1.ConfigureResponse, error) {
	return &basev1.ConfigureResponse{}, nil
}

func (*signOnLiar) Remove(context.Context, *basev1.RemoveRequest) (*basev1.RemoveResponse, error) {
	return &basev1.RemoveResponse{}, nil
}

// verbatim is a message of exactly these bytes, whatever they are.
func verbatim[M proto.Message](m M, bytes []byte) M {
	m.ProtoReflect().SetUnknown(bytes)
	return m
}

func decoded(text string) []byte {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return bytes
}

func (*signOnLiar) Begin(_ context.Context, r *authnv1.BeginRequest) (*authnv1.BeginResponse, error) {
	return verbatim(&authnv1.BeginResponse{}, decoded(r.GetLoginHint())), nil
}

func (*signOnLiar) Refresh(_ context.Context, r *authnv1.RefreshRequest) (*authnv1.RefreshResponse, error) {
	return verbatim(&authnv1.RefreshResponse{}, r.GetKeep()), nil
}

func (*signOnLiar) Logout(_ context.Context, r *authnv1.LogoutRequest) (*authnv1.LogoutResponse, error) {
	return verbatim(&authnv1.LogoutResponse{}, r.GetKeep()), nil
}

func (*signOnLiar) Metadata(_ context.Context, r *authnv1.MetadataRequest) (*authnv1.MetadataResponse, error) {
	return verbatim(&authnv1.MetadataResponse{}, decoded(r.GetEndpoints().GetEntityId())), nil
}

func (*signOnLiar) Receive(_ context.Context, r *authnv1.ReceiveRequest) (*authnv1.ReceiveResponse, error) {
	return verbatim(&authnv1.ReceiveResponse{}, r.GetIncoming().GetBody()), nil
}

func (l *signOnLiar) Complete(ctx context.Context, r *authnv1.CompleteRequest) (*authnv1.CompleteResponse, error) {
	body := r.GetIncoming().GetBody()
	word, rest, _ := strings.Cut(r.GetIncoming().GetRawQuery(), " ")
	switch word {
	case "twice":
		body = append(body, body...)
	case "keep-handle":
		l.kept.Store(r.GetCall().GetHandle())
		return denial("kept", ""), nil
	case "write-handle": // and stay in flight
		_ = os.WriteFile(rest, []byte(r.GetCall().GetHandle()), 0o600)
		<-ctx.Done()
	case "ask": // method handle
		method, handle, _ := strings.Cut(rest, " ")
		switch handle {
		case "own":
			handle = r.GetCall().GetHandle()
		case "kept":
			handle, _ = l.kept.Load().(string)
		}
		return l.ask(ctx, "/gatehouse.host.v1."+method, handle, body), nil
	}
	return verbatim(&authnv1.CompleteResponse{}, body), nil
}

// ask asks a host service with a handle, and tells as a denial what it said.
func (l *signOnLiar) ask(ctx context.Context, method, handle string, request []byte) *authnv1.CompleteResponse {
	request = protowire.AppendString(protowire.AppendTag(request, 1, protowire.BytesType), handle)
	err := l.host.Invoke(ctx, method, verbatim(&emptypb.Empty{}, request), &emptypb.Empty{})
	if p, ok := problem.FromGRPC(err); ok {
		return denial(string(p.Code), p.Detail)
	} else if err != nil {
		return denial("failed", err.Error())
	}
	return denial("answered", "")
}

func denial(reason, detail string) *authnv1.CompleteResponse {
	return &authnv1.CompleteResponse{Result: &authnv1.CompleteResponse_Denial{Denial: &authnv1.Denial{Reason: reason, Detail: detail}}}
}
