// Command otherversion is a plugin that speaks version 7 of the boundary only,
// as one of a later release of the SDK would.
package main

import (
	"context"
	"errors"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

const version = 7

func main() {
	handshake := plugin.Handshake()
	handshake.ProtocolVersion = version
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{version: {plugin.SetName: nothing{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
	})
}

// nothing serves no services: nobody comes as far as to call one.
type nothing struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (nothing) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (nothing) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}
