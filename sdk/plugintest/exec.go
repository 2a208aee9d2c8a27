package plugintest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

// startLimit is how long a binary may take until it answers.
const startLimit = 20 * time.Second

// inherited are the variables of the environment that a plugin gets, as from
// the host.
var inherited = []string{"PATH", "TZ"}

// Build compiles the package in the folder dir, relative to the test's own,
// with the go command, and returns the path of the binary for Exec.
func Build(t testing.TB, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "plugin.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, ".")
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build in %s: %v\n%s", dir, err, text)
	}
	return out
}

// Exec runs a plugin's binary as the host does: over a private socket with
// mutual TLS, in an environment of PATH and TZ only, ended with the test at the
// latest.
func Exec(t testing.TB, path string, args ...string) *Harness {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return newHarness(t, "", func(h *Harness) running {
		h.t.Helper()
		// Not t.TempDir: a socket's path may have only some hundred characters.
		dir, err := os.MkdirTemp("", "ghplugin")
		if err != nil {
			h.t.Fatal(err)
		}
		client := goplugin.NewClient(clientConfig(h, dir, path, args))
		stop := sync.OnceFunc(func() {
			client.Kill()
			_ = os.RemoveAll(dir)
		})
		conn, err := connect(client)
		if err != nil {
			stop()
			h.t.Fatalf("%s does not start: %v\nits log:\n%s", path, err, h.Logs())
		}
		return running{conn: conn.conn, brokerID: conn.brokerID, stop: stop}
	})
}

func clientConfig(h *Harness, dir, path string, args []string) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:     plugin.Handshake(),
		VersionedPlugins:    map[int]goplugin.PluginSet{plugin.ProtocolVersion: {plugin.SetName: &hostSide{host: &h.host}}},
		AllowedProtocols:    []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:            true,
		GRPCBrokerMultiplex: true,
		SkipHostEnv:         true,
		StartTimeout:        startLimit,
		Stderr:              &h.logs,
		SyncStdout:          &h.logs,
		SyncStderr:          &h.logs,
		Logger:              hclog.NewNullLogger(),
		UnixSocketConfig:    &goplugin.UnixSocketConfig{TempDir: dir},
		GRPCDialOptions:     []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit))},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			cmd := exec.Command(path, args...)
			cmd.Dir = dir
			cmd.Env = spec.Env
			for _, name := range inherited {
				if value, ok := os.LookupEnv(name); ok {
					cmd.Env = append(cmd.Env, name+"="+value)
				}
			}
			return newProcess(cmd)
		},
	}
}

func connect(client *goplugin.Client) (*connection, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := protocol.Dispense(plugin.SetName)
	if err != nil {
		return nil, err
	}
	return dispensed.(*connection), nil
}

// hostSide joins the host's services to go-plugin's client.
type hostSide struct {
	goplugin.NetRPCUnsupportedPlugin
	host *host
}

var _ goplugin.GRPCPlugin = (*hostSide)(nil)

// connection is what hostSide dispenses.
type connection struct {
	conn     *grpc.ClientConn
	brokerID uint32
}

// GRPCClient offers the host's services under an id of the broker. The plugin
// dials it while it answers Describe, the first call.
func (s *hostSide) GRPCClient(_ context.Context, broker *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	id := broker.NextId()
	go broker.AcceptAndServe(id, s.host.server)
	return &connection{conn: conn, brokerID: id}, nil
}

// GRPCServer is the plugin's side, which lives in the plugin.
func (*hostSide) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's side")
}
