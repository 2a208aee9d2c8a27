//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"sync"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// hostSide is our half of go-plugin's plugin: it hands out the connection.
type hostSide struct {
	goplugin.NetRPCUnsupportedPlugin
}

var _ goplugin.GRPCPlugin = hostSide{}

// session is a connection to a process, and the way to offer it services.
type session struct {
	broker *goplugin.GRPCBroker
	conn   *grpc.ClientConn
}

// GRPCClient is called by go-plugin once the connection stands.
func (hostSide) GRPCClient(_ context.Context, broker *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &session{broker: broker, conn: conn}, nil
}

// GRPCServer is the plugin's half, which lives in the plugin.
func (hostSide) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's side")
}

// hostServer is the server that one process can dial through the broker.
type hostServer struct {
	mu      sync.Mutex
	server  *grpc.Server
	stopped bool
	done    sync.WaitGroup
}

// serve makes the server and serves it until stop.
func (h *hostServer) serve(broker *goplugin.GRPCBroker, id uint32, newServer func([]grpc.ServerOption) *grpc.Server) {
	h.done.Go(func() {
		broker.AcceptAndServe(id, func(opts []grpc.ServerOption) *grpc.Server {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.server = newServer(opts)
			if h.stopped {
				h.server.Stop()
			}
			return h.server
		})
	})
}

// stop ends the server without waiting for calls: the process that made them is
// over.
func (h *hostServer) stop() {
	h.mu.Lock()
	h.stopped = true
	if h.server != nil {
		h.server.Stop()
	}
	h.mu.Unlock()
	h.done.Wait()
}
