package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

// The test binary is both ends: started with this variable it is a plugin.
const (
	roleVariable = "GATEHOUSE_MEASURE"
	roleVerify   = "verify" // a plugin by our SDK
	roleEcho     = "echo"   // a plugin with the echo service
)

// messageLimit is that of both ends of the real boundary, in bytes.
const messageLimit = 4 << 20

// brokerID is where the host serves the echo service to the plugin.
const brokerID = 1

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleVerify:
		plugin.Serve(verifying())
	case roleEcho:
		goplugin.Serve(&goplugin.ServeConfig{
			HandshakeConfig: plugin.Handshake(), Plugins: goplugin.PluginSet{plugin.SetName: &echoPlugin{}}, GRPCServer: newServer,
		})
		os.Exit(0)
	}
	// A plugin ends when its standard input does, and go-plugin hands on ours.
	stdin, hold, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	os.Stdin = stdin
	code := m.Run()
	printTable(os.Stdout)
	if err := hold.Close(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func newServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(messageLimit))...)
}

// verifying is a plugin whose Verify compares nothing: the way is measured.
func verifying() plugin.Plugin {
	return plugin.Plugin{Name: "measured", Version: "1.0.0", Programs: []authn.ProgramKind{{
		Name: "measured", Doc: "Accepts the first record.", Records: authn.RecordsHost,
		Credentials: []authn.Credential{authn.InHeaders("X-Client-Id", "X-Client-Secret", "")},
		New:         func(context.Context, instance.Config) (authn.Programs, diag.Diagnostics) { return first{}, nil },
	}}}
}

type first struct{}

var (
	_ authn.Programs = first{}
	_ authn.Issuer   = first{}
)

func (first) Verify(_ context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	if len(r.Records) == 0 {
		return authn.Refuse(authn.WrongSecret), nil
	}
	return authn.Accept(r.Records[0].ID), nil
}

// Issue is there because a plugin whose records the host keeps has to have it.
func (first) Issue(context.Context, authn.IssueRequest) (authn.IssueResponse, error) {
	return authn.IssueResponse{}, errors.New("nothing is issued in a measurement")
}

// ends is what the host has of a running plugin.
type ends struct {
	pid    int
	conn   grpc.ClientConnInterface
	broker *goplugin.GRPCBroker
}

// start launches the plugin as the host does: AutoMTLS, one connection for both
// directions, an environment of its own.
func start(tb testing.TB, role string) ends {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{roleVariable + "=" + role}
	set := goplugin.PluginSet{plugin.SetName: &echoPlugin{}}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: plugin.Handshake(), VersionedPlugins: map[int]goplugin.PluginSet{plugin.ProtocolVersion: set},
		Cmd: cmd, SkipHostEnv: true, AutoMTLS: true, GRPCBrokerMultiplex: true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions:  []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit))},
		StartTimeout:     10 * time.Second,
		Logger:           hclog.NewNullLogger(),
	})
	tb.Cleanup(client.Kill)
	protocol, err := client.Client()
	if err != nil {
		tb.Fatal(err)
	}
	dispensed, err := protocol.Dispense(plugin.SetName)
	if err != nil {
		tb.Fatal(err)
	}
	e := dispensed.(*ends)
	e.pid = cmd.Process.Pid
	return *e
}

// echoPlugin is both sides of the plugin with the echo service.
type echoPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

// GRPCServer serves the echo service and the order to call the host's.
func (*echoPlugin) GRPCServer(broker *goplugin.GRPCBroker, g *grpc.Server) error {
	g.RegisterService(echoService(), nil)
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: driveName, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Drive", Handler: (&driver{broker: broker}).handle}},
	}, nil)
	return nil
}

// GRPCClient hands out the connection.
func (*echoPlugin) GRPCClient(_ context.Context, broker *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &ends{conn: conn, broker: broker}, nil
}

// drive orders the plugin to call the host.
const driveName = "measure.Drive"

type order struct {
	Way     string
	Size    int
	Callers int
	Calls   int
}

// driver carries out orders over one connection to the host.
type driver struct {
	broker  *goplugin.GRPCBroker
	callers map[string]caller // dialled with the first order; orders come one at a time
}

//nolint:revive // gRPC has the order of the parameters
func (d *driver) handle(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	m := &wrapperspb.BytesValue{}
	if err := decode(m); err != nil {
		return nil, err
	}
	var o order
	if err := json.Unmarshal(m.GetValue(), &o); err != nil {
		return nil, err
	}
	if d.callers == nil {
		conn, err := d.broker.DialWithOptions(brokerID, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit)))
		if err != nil {
			return nil, err
		}
		// The streams live as long as the process, not as long as this order.
		if d.callers, err = dial(context.WithoutCancel(ctx), conn); err != nil {
			return nil, err
		}
	}
	call, ok := d.callers[o.Way]
	if !ok {
		return nil, errors.New("there is no way " + o.Way)
	}
	return &wrapperspb.BytesValue{}, each(o.Callers, o.Calls, func() func() error {
		message := make([]byte, o.Size)
		return func() error { return checked(ctx, call, message) }
	})
}

// carryOut has the plugin make the calls of an order.
func (e ends) carryOut(ctx context.Context, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return e.conn.Invoke(ctx, "/"+driveName+"/Drive", &wrapperspb.BytesValue{Value: text}, &wrapperspb.BytesValue{})
}
