// Package plugintest tests a plugin as the host sees it: New runs it in the
// test's own process, Exec runs the real binary, and both give the same
// Harness. Run puts a plugin through the conformance suite that Gatehouse's own
// plugins pass too; RunPeople is that for authenticators of people, and
// RunProvisioner for provisioners.
//
//	func TestConformance(t *testing.T) {
//		plugintest.Run(t, func(t *testing.T) *plugintest.Harness {
//			return plugintest.New(t, describe())
//		}, plugintest.Fixture{Kind: "example", ...})
//	}
//
// The harness is a host of one plugin that keeps everything in memory. It has
// no listener, no store and no limits; what an author sees of the host is the
// same.
package plugintest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// callLimit ends a call of a test that sets no deadline of its own, so that a
// plugin that hangs fails its test.
const callLimit = 20 * time.Second

// messageLimit bounds the answers of a plugin, in bytes, as the host does.
const messageLimit = 4 << 20

// Harness is a host for one plugin. Its methods may be called from many
// goroutines at once, except for Restart.
type Harness struct {
	t     testing.TB
	start func(h *Harness) running
	logs  lines
	host  host
	label string // marks the goroutines of a plugin in this process; "" for a binary

	now         running
	description plugin.Plugin

	mu        sync.Mutex
	instances map[string]*configured
	providers map[string]string // by connection
}

// running is a plugin that was started.
type running struct {
	conn     grpc.ClientConnInterface
	brokerID uint32 // where the plugin finds the host's services
	stop     func()
}

// configured is what the host remembers of an instance.
type configured struct {
	kind        string
	config      json.RawMessage // nil before the first success
	keys        []instance.Key
	credentials []authn.Credential
}

// newHarness starts a plugin, and ends it with the test.
func newHarness(t testing.TB, label string, start func(h *Harness) running) *Harness {
	t.Helper()
	h := &Harness{t: t, start: start, label: label, instances: map[string]*configured{}, providers: map[string]string{}}
	t.Cleanup(func() { h.now.stop() })
	h.begin()
	return h
}

func (h *Harness) begin() {
	h.t.Helper()
	h.now = h.start(h)
	described, err := h.describe()
	if err != nil {
		h.t.Fatalf("the plugin does not describe itself: %v\nits log:\n%s", err, h.Logs())
	}
	if h.description.Name == "" {
		h.Grant(described.HostServices...)
	}
	h.description = described
}

// Describe returns what the plugin says of itself. Only New is missing from
// its kinds.
func (h *Harness) Describe() plugin.Plugin { return h.description }

// Restart ends the plugin and starts it again, with the instances that it had,
// as the host does after a crash. Keys stay.
func (h *Harness) Restart(ctx context.Context) {
	h.t.Helper()
	h.now.stop()
	h.begin()
	for _, name := range slices.Sorted(maps.Keys(h.instances)) {
		c := h.instances[name]
		if c.config == nil {
			continue
		}
		if ds, err := h.configure(ctx, name, c.kind, c.config, nil, false); err != nil || ds.HasErrors() {
			h.t.Fatalf("instance %q cannot be configured again after a restart: %v %v", name, ds, err)
		}
	}
}

// Configure makes the instance, or replaces it. The values are what
// encoding/json can write as an object, such as a map; nil is an empty block.
// They are checked against the plugin's schema first and completed with its
// defaults, as the host does. An error in the diagnostics means that the
// instance is as it was.
func (h *Harness) Configure(ctx context.Context, kind, name string, values any) (diag.Diagnostics, error) {
	config, ds, err := h.fit(kind, values, nil)
	if err != nil || ds.HasErrors() {
		return ds, err
	}
	return h.configure(ctx, name, kind, config, nil, false)
}

// Validate asks for the plugin's complaints and changes nothing. Unknown are
// dotted paths of attributes whose values are not known during the validation.
func (h *Harness) Validate(ctx context.Context, kind, name string, values any, unknown ...string) (diag.Diagnostics, error) {
	config, ds, err := h.fit(kind, values, unknown)
	if err != nil || ds.HasErrors() {
		return ds, err
	}
	return h.configure(ctx, name, kind, config, unknown, true)
}

// configure sends values to the plugin without a look at the schema.
func (h *Harness) configure(ctx context.Context, name, kind string, config json.RawMessage, unknown []string, validateOnly bool) (diag.Diagnostics, error) {
	ctx, call, end := h.call(ctx, name)
	defer end()
	request := &basev1.ConfigureRequest{Call: call, Kind: kind, Config: config, Unknown: unknown, ValidateOnly: validateOnly, Provider: h.providerOf(name)}
	if !validateOnly {
		for _, k := range h.Keys(name) {
			request.Keys = append(request.Keys, &basev1.InstanceKey{Id: k.ID, Key: k.Key})
		}
	}
	resp, err := basev1.NewPluginServiceClient(h.now.conn).Configure(ctx, request)
	if err != nil {
		return nil, received(err)
	}
	ds := diagnosticsFromProto(resp.GetDiagnostics())
	if ds.HasErrors() || validateOnly {
		return ds, nil
	}
	credentials, err := credentialsFromProto(resp.GetCredentials())
	if err != nil {
		return ds, err
	}
	if len(credentials) == 0 {
		k, _ := h.kind(kind)
		credentials = k.Credentials
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.instances[name]
	c.kind, c.config, c.credentials = kind, config, credentials
	return ds, nil
}

// Remove makes the plugin forget the instance. Its keys stay.
func (h *Harness) Remove(ctx context.Context, name string) error {
	ctx, call, end := h.call(ctx, name)
	defer end()
	if _, err := basev1.NewPluginServiceClient(h.now.conn).Remove(ctx, &basev1.RemoveRequest{Call: call}); err != nil {
		return received(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.instances[name]; ok {
		c.config = nil
	}
	return nil
}

// Credentials are those that the configured instance reads.
func (h *Harness) Credentials(name string) []authn.Credential {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.instances[name]; ok {
		return c.credentials
	}
	return nil
}

// call is what comes with every call: a handle that lives as long as the call.
func (h *Harness) call(ctx context.Context, name string) (context.Context, *basev1.Call, func()) {
	cancel := func() {}
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeout(ctx, callLimit)
	}
	deadline, _ := ctx.Deadline()
	handle, release := h.host.handle(name)
	call := &basev1.Call{Handle: handle, Instance: name, DeadlineUnixMicros: deadline.UnixMicro(), TraceId: rand.Text()}
	return ctx, call, func() { release(); cancel() }
}

// Logs is what the plugin has logged so far, one JSON object a line. Those of a
// binary may come a moment after the answer.
func (h *Harness) Logs() string { return h.logs.String() }

// Audited are the events that the plugin has recorded so far.
func (h *Harness) Audited() []Event { return h.host.recorded() }

// Grant sets which host services the operator has granted. At the start those
// are what the plugin asks for.
func (h *Harness) Grant(services ...string) { h.host.grant(services) }
