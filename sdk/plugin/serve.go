package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// messageLimit bounds what the host may send in one message, in bytes.
const messageLimit = 4 << 20

// exitOrphaned is the status of a plugin whose host is gone.
const exitOrphaned = 3

// Serve serves the plugin until the host ends it; it does not return. A mistake
// in the description ends the process with a message on standard error.
func Serve(p Plugin) {
	if err := p.Check(); err != nil {
		fmt.Fprintf(os.Stderr, "plugin %q describes itself wrongly:\n%v\n", p.Name, err)
		os.Exit(1)
	}
	handshake := Handshake()
	if os.Getenv(handshake.MagicCookieKey) == handshake.MagicCookieValue {
		go exitWithHost(os.Stdin)
	}
	// go-plugin replaces os.Stderr once it serves; log lines go to the first one.
	log := newLogger(os.Stderr)
	server := newServer(p, log)
	server.tracer.everywhere()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{ProtocolVersion: {SetName: &served{plugin: p, server: server}}},
		GRPCServer:       newGRPCServer,
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "go-plugin", Level: hclog.Warn, Output: os.Stderr, JSONFormat: true, Exclude: ofConnection,
		}),
	})
	os.Exit(0)
}

// ofConnection leaves out what the connection below gRPC says when it ends, which
// is an error to it also where the host has ended it. The host knows why it did.
func ofConnection(_ hclog.Level, message string, _ ...any) bool {
	return strings.HasPrefix(message, "yamux: ") || strings.HasPrefix(message, "[ERR] yamux: ")
}

// exitWithHost ends the process when standard input ends. The host holds the
// other end of that pipe for as long as it lives, so a host that was killed
// leaves no plugin behind, on every system.
func exitWithHost(stdin io.Reader) {
	_, err := io.Copy(io.Discard, stdin)
	if err == nil || errors.Is(err, os.ErrClosed) {
		os.Exit(exitOrphaned)
	}
}

func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(messageLimit))...)
}

// served joins our services to go-plugin's server.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
	plugin Plugin
	server *server
}

var _ goplugin.GRPCPlugin = (*served)(nil)

// GRPCServer registers the services.
func (s *served) GRPCServer(broker *goplugin.GRPCBroker, g *grpc.Server) error {
	s.server.dial = func(id uint32) (grpc.ClientConnInterface, error) { return broker.Dial(id) }
	s.server.register(g)
	return nil
}

// GRPCClient is the host's side, which lives in the host.
func (*served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}
