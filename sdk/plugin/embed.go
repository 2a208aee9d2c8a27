package plugin

import (
	"io"

	"google.golang.org/grpc"
)

// NewServer makes the plugin's gRPC server for a program that connects it by
// its own means: package plugintest, which runs a plugin inside of a test. A
// plugin's main calls Serve. Log lines go to log as Serve writes them to
// standard error; dial reaches the host's services under the id that Describe
// is given.
func NewServer(p Plugin, log io.Writer, dial func(brokerID uint32) (grpc.ClientConnInterface, error)) (*grpc.Server, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	s := newServer(p, newLogger(log))
	s.dial = dial
	g := newGRPCServer(nil)
	s.register(g)
	return g, nil
}
