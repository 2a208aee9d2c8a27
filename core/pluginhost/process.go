//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc/directoryv1"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// messageLimit bounds one message from or to a plugin, in bytes. go-plugin's
// own limit is 2 GiB.
const messageLimit = 4 << 20

// shutdownGrace is how long a process may take to end by itself.
const shutdownGrace = 2 * time.Second

// program is how the processes of one plugin are launched.
type program struct {
	spec        Spec
	self        []string
	version     string
	environ     []string
	random      io.Reader
	log         *slog.Logger
	audit       AuditSink
	fetch       Fetcher
	directory   Directory
	once        Once
	blobs       Blobs
	keys        Keys
	traceID     func(context.Context) string
	tracer      *tracing.Tracer
	forks       *forker
	folders     *runDir
	startLimit  time.Duration
	deathSignal bool
	afterPin    func()
	stage       []string // the command that confines and executes
	support     confine.Support
	writable    []string
	fileSize    int64
	refused     func(plugin string) // may be nil

	mu    sync.Mutex
	first *Description // what the first process said; the others must agree
}

// process is one generation: a process of a plugin that has described itself.
type process struct {
	plugin      string
	description Description
	conn        *grpc.ClientConn
	streams     *verifyStreams
	exchanges   *exchanges
	handles     *handles
	granted     func(service string) bool // once it has described itself
	inForce     InForce
	digest      string
	traceID     func(context.Context) string
	tracer      *tracing.Tracer

	child   *child
	client  *goplugin.Client
	folder  string
	log     *pluginLog
	server  *hostServer
	endLife context.CancelFunc
	stopped sync.Once
}

// launch starts a process and returns once it has described itself.
func (g *program) launch(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, g.startLimit)
	defer cancel()
	folder, err := g.folders.generation()
	if err != nil {
		return nil, err
	}
	p := &process{
		plugin: g.spec.Name, folder: folder, handles: newHandles(g.random), traceID: g.traceID, tracer: g.tracer,
		log: newPluginLog(g.log, g.spec.Name), server: &hostServer{},
	}
	p.child = newChild(g.spec.Name, folder, g.forks, p.log)
	if err := g.start(ctx, p); err != nil {
		p.stop()
		return nil, p.startFailure(ctx, err)
	}
	return p, nil
}

func (g *program) start(ctx context.Context, p *process) error {
	run, err := g.binary(p)
	if err != nil {
		return err
	}
	run, err = g.confined(p, run)
	defer run.close()
	if err != nil {
		return err
	}
	if g.afterPin != nil {
		g.afterPin()
	}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:     plugin.Handshake(),
		VersionedPlugins:    map[int]goplugin.PluginSet{plugin.ProtocolVersion: {plugin.SetName: hostSide{}}},
		AllowedProtocols:    []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:            true,
		SkipHostEnv:         true,
		GRPCBrokerMultiplex: true,
		StartTimeout:        g.startLimit,
		Logger:              p.log.hclog(),
		SyncStdout:          p.log.writer("stdout"),
		SyncStderr:          p.log.writer("stderr"),
		UnixSocketConfig:    &goplugin.UnixSocketConfig{TempDir: p.folder},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit), grpc.MaxCallSendMsgSize(messageLimit)),
			grpc.WithMaxHeaderListSize(64 << 10), grpc.WithDisableServiceConfig(),
		},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Path, cmd.Args, cmd.ExtraFiles, cmd.Err = run.path, run.args, run.files, nil
			cmd.Env = append(environment(g.environ, p.folder, g.spec.Grants), cmd.Env...)
			cmd.Dir = p.folder
			separate(cmd, g.deathSignal)
			p.child.prepare(cmd)
			return p.child, nil
		},
	})
	session, err := g.connect(ctx, p)
	if err != nil {
		return err
	}
	p.conn = session.conn
	life, endLife := context.WithCancel(context.WithoutCancel(ctx))
	p.endLife = endLife
	log := g.log.With("plugin", g.spec.Name)
	p.streams = newVerifyStreams(life, p.conn, log)
	p.exchanges = &exchanges{
		life: life, client: provisionv1.NewProvisionerServiceClient(p.conn), log: log,
		failed: func(err error) error { return p.lied("Handle", err) },
	}
	return g.describe(ctx, p, session)
}

// command is what to execute.
type command struct {
	path  string
	args  []string   // the first is its name
	files []*os.File // that the process inherits, after its standard ones
}

func (c command) close() {
	for _, f := range c.files {
		_ = f.Close()
	}
}

// binary says what to execute.
func (g *program) binary(p *process) (command, error) {
	p.inForce = InForce{PrivateFolder: true, CleanEnvironment: true, ProcessGroup: true, HostPipe: true,
		ParentDeathSignal: g.deathSignal && hasParentDeathSignal}
	if g.spec.Bundled {
		args := append(append([]string{}, g.self...), g.spec.Name)
		return command{path: args[0], args: append(args, g.spec.Args...)}, nil
	}
	copied, err := pin(g.spec.Path, g.spec.SHA256, p.folder)
	if err != nil {
		return command{}, err
	}
	p.digest, p.inForce.Pinned, p.inForce.Sealed = copied.digest, true, copied.sealed
	c := command{path: copied.path, args: append([]string{g.spec.Path}, g.spec.Args...)}
	if copied.file != nil {
		c.files = []*os.File{copied.file}
	}
	return c, nil
}

// connect waits for the handshake. go-plugin knows no context: when ctx ends,
// the process is killed, and with it what waits for it.
func (g *program) connect(ctx context.Context, p *process) (*session, error) {
	stop := context.AfterFunc(ctx, func() { _ = p.child.Kill(ctx) })
	defer stop()
	protocol, err := p.client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := protocol.Dispense(plugin.SetName)
	if err != nil {
		return nil, err
	}
	s, ok := raw.(*session)
	if !ok {
		return nil, fmt.Errorf("go-plugin dispensed %T", raw)
	}
	return s, nil
}

// describe opens the host's services to the plugin and asks what it is.
func (g *program) describe(ctx context.Context, p *process, s *session) error {
	id := s.broker.NextId()
	p.server.serve(s.broker, id, func(opts []grpc.ServerOption) *grpc.Server {
		granted := func(service string) func() bool {
			return func() bool {
				return slices.Contains(g.spec.HostServices, service) && slices.Contains(p.description.HostServices, service)
			}
		}
		p.granted = func(service string) bool { return granted(service)() }
		audit := &auditV1{plugin: p.plugin, handles: p.handles, sink: g.audit, granted: granted(hostsvc.AuditService)}
		fetch := &fetchV1{plugin: p.plugin, handles: p.handles, fetcher: g.fetch, granted: granted(hostsvc.FetchService)}
		directory := &directoryV1{plugin: p.plugin, handles: p.handles, directory: g.directory, granted: granted(hostsvc.DirectoryService)}
		once := &onceV1{plugin: p.plugin, handles: p.handles, once: g.once, granted: granted(hostsvc.OnceService)}
		state := &stateV1{plugin: p.plugin, handles: p.handles, blobs: g.blobs, granted: granted(hostsvc.StateService)}
		keys := &keysV1{plugin: p.plugin, handles: p.handles, keys: g.keys, granted: granted(hostsvc.KeysService)}
		largest := hostRequestLimit
		if slices.Contains(g.spec.HostServices, hostsvc.FetchService) {
			largest = max(largest, fetchRequestLimit)
		}
		if slices.Contains(g.spec.HostServices, hostsvc.DirectoryService) {
			largest = max(largest, directoryv1.MessageLimit)
		}
		if slices.Contains(g.spec.HostServices, hostsvc.StateService) {
			largest = max(largest, stateRequestLimit)
		}
		services := hostServices{audit, fetch, directory, once, state, keys, &traceV1{handles: p.handles}}
		return newHostServices(opts, services, p.plugin, largest, g.log)
	})
	r, err := basev1.NewPluginServiceClient(p.conn).Describe(ctx, &basev1.DescribeRequest{HostVersion: g.version, BrokerId: id})
	if err != nil {
		return p.failure(ctx, err)
	}
	d, err := describedV1(r)
	if err != nil {
		return problem.New(problem.Invalid, "plugin %q describes itself wrongly: %v", p.plugin, err)
	}
	if d.Name != g.spec.Name {
		return problem.New(problem.Invalid, "plugin %q calls itself %q: the block and the binary do not belong together", g.spec.Name, d.Name)
	}
	p.description = d
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != nil && !reflect.DeepEqual(*g.first, d) {
		return problem.New(problem.Invalid, "plugin %q describes itself otherwise than before it was restarted", p.plugin)
	}
	g.first = &d
	return nil
}

// startFailure says why a process did not come to describe itself. It has been
// told no secret yet, so what it wrote can be shown.
func (p *process) startFailure(ctx context.Context, err error) error {
	if own := (*problem.Problem)(nil); errors.As(err, &own) && !errors.Is(err, errDied) {
		return err
	}
	why := "it " + cut(err.Error(), 512)
	fields, ending := p.child.handshake(), p.child.exitedAlone()
	switch {
	case ctx.Err() != nil:
		why = "it was not ready in time"
	case len(fields) > 1 && fields[1] != strconv.Itoa(plugin.ProtocolVersion):
		return problem.New(problem.Invalid, "plugin %q speaks version %s of the plugin boundary, and this host speaks version %d",
			p.plugin, cut(fields[1], 16), plugin.ProtocolVersion).WithHint("Use a plugin that was built for this host, or a host that speaks the plugin's version.")
	case ending != "":
		why = "it ended (" + ending + ")"
	case fields == nil && p.child.pid() != 0:
		why = "it is no Gatehouse plugin: it did not begin with a handshake"
	}
	if text := p.log.lastLines(); text != "" {
		why += "; it wrote: " + text
	}
	return problem.Wrap(err, problem.Unavailable, "plugin %q did not start: %s", p.plugin, why)
}

// call makes what comes with every request; end lets its handle die.
func (p *process) call(ctx context.Context, name, organization string) (*basev1.Call, func(), error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, nil, errors.New("a call to a plugin needs a deadline")
	}
	s := scope{Instance: name, Organization: organization, TraceID: p.traceID(ctx), Deadline: deadline, Traced: p.tracer.CallTo(ctx, p.plugin)}
	handle, end, err := p.handles.open(s)
	if err != nil {
		return nil, nil, err
	}
	return &basev1.Call{
		Handle: handle, Instance: name, DeadlineUnixMicros: deadline.UnixMicro(), TraceId: s.TraceID, Traceparent: s.Traced.Traceparent(),
	}, end, nil
}

// ended is closed when the process is over.
func (p *process) ended() <-chan struct{} { return p.child.exited }

// ending says how it ended.
func (p *process) ending() error {
	text := p.child.ending()
	if text == "" {
		text = "exit status 0"
	}
	return fmt.Errorf("the process ended: %s", strings.TrimSpace(text))
}

// kill ends the process and its group at once.
func (p *process) kill() { _ = p.child.Kill(context.Background()) }

// stop ends the process and removes what it had. It asks first, and kills a
// process that does not listen: go-plugin alone would wait for ever.
func (p *process) stop() {
	p.stopped.Do(func() {
		if p.conn != nil { // else go-plugin would connect, only to say good-bye
			impatient := time.AfterFunc(shutdownGrace, p.kill)
			p.client.Kill()
			impatient.Stop()
		}
		p.kill()
		p.child.wait()
		p.server.stop()
		if p.endLife != nil {
			p.endLife()
		}
		_ = os.RemoveAll(p.folder)
	})
}
