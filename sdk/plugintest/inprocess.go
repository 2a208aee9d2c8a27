package plugintest

import (
	"context"
	"crypto/rand"
	"net"
	"runtime/pprof"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

const pipeSize = 1 << 20 // bytes that a connection in memory holds

// goroutineLabel marks the goroutines of a plugin that runs in this process,
// and all that those start, so that they can be counted.
const goroutineLabel = "gatehouse_plugintest"

// New runs the plugin in the test's process, behind the same gRPC services as
// the real binary, and ends it with the test.
func New(t testing.TB, p plugin.Plugin) *Harness {
	t.Helper()
	if err := p.Check(); err != nil {
		t.Fatalf("the plugin describes itself wrongly:\n%v", err)
	}
	return newHarness(t, rand.Text(), func(h *Harness) running {
		h.t.Helper()
		services, stopServices := serve(h.t, "", h.host.server(nil))
		server, err := plugin.NewServer(p, &h.logs, func(uint32) (grpc.ClientConnInterface, error) { return services, nil })
		if err != nil {
			h.t.Fatal(err)
		}
		conn, stop := serve(h.t, h.label, server)
		return running{conn: conn, brokerID: 1, stop: func() { stop(); stopServices() }}
	})
}

// serve serves in memory and connects.
func serve(t testing.TB, label string, g *grpc.Server) (*grpc.ClientConn, func()) {
	t.Helper()
	listener := bufconn.Listen(pipeSize)
	done := make(chan struct{})
	go pprof.Do(context.Background(), pprof.Labels(goroutineLabel, label), func(context.Context) {
		defer close(done)
		_ = g.Serve(listener) // it ends with Stop, and there is no other way
	})
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit)))
	if err != nil {
		t.Fatal(err)
	}
	return conn, func() {
		_ = conn.Close()
		g.Stop()
		<-done
	}
}
