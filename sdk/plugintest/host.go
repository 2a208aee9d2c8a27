package plugintest

import (
	"bytes"
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc/directoryv1"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Event is what a plugin recorded with hostsvc.Host.Audit.
type Event struct {
	Instance   string // of the call that it was recorded in, whatever the plugin says
	Event      string
	Attributes map[string]string
}

// host serves the host's services and records what they are asked.
type host struct {
	hostv1.UnimplementedAuditServiceServer

	mu      sync.Mutex
	granted []string
	live    map[string]string // handle -> instance
	events  []Event
	handler http.Handler          // answers what the plugin fetches
	people  map[string]*Directory // by connection
	taken   map[slot]time.Time    // ids that count once, until when
	blobs   map[slot]saved
	pairs   map[pairSlot][]pair // the newest last
}

var _ hostv1.AuditServiceServer = (*host)(nil)

func (h *host) server(opts []grpc.ServerOption) *grpc.Server {
	g := grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(directoryv1.MessageLimit))...)
	hostv1.RegisterDirectoryServiceServer(g, directoryv1.New(h.openDirectory, func(_ context.Context, method string, value any) error {
		return problem.New(problem.Internal, "panic in the directory while it answered %s: %v", method, value)
	}))
	hostv1.RegisterAuditServiceServer(g, h)
	hostv1.RegisterFetchServiceServer(g, fetchService{host: h})
	hostv1.RegisterOnceServiceServer(g, onceService{host: h})
	hostv1.RegisterStateServiceServer(g, stateService{host: h})
	hostv1.RegisterKeysServiceServer(g, keysService{host: h})
	return g
}

// Record is the audit service's: it takes the instance from the handle.
func (h *host) Record(_ context.Context, r *hostv1.RecordRequest) (*hostv1.RecordResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	instance, err := h.scope(r.GetHandle(), hostsvc.AuditService)
	if err != nil {
		return nil, err
	}
	h.events = append(h.events, Event{Instance: instance, Event: r.GetEvent(), Attributes: r.GetAttributes()})
	return &hostv1.RecordResponse{}, nil
}

// scope is the instance whose call may use a service. The lock is held.
func (h *host) scope(handle, service string) (instance string, err error) {
	if err := h.grants(service); err != nil {
		return "", err
	}
	instance, ok := h.live[handle]
	if !ok {
		return "", problem.New(problem.Forbidden, "the handle is of no call that is being answered")
	}
	return instance, nil
}

// grants refuses a service that is not granted.
func (h *host) grants(service string) error {
	if slices.Contains(h.granted, service) {
		return nil
	}
	return problem.New(problem.Forbidden, "the host service %q is not granted to this plugin", service).
		WithHint("name it in host_services of the plugin block")
}

// checkGranted is grants for whoever does not hold the lock.
func (h *host) checkGranted(service string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.grants(service)
}

func (h *host) grant(services []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.granted = slices.Clone(services)
}

// handle makes a handle for one call of an instance, and what ends it.
func (h *host) handle(instance string) (string, func()) {
	handle := rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.live == nil {
		h.live = map[string]string{}
	}
	h.live[handle] = instance
	return handle, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.live, handle)
	}
}

func (h *host) recorded() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(h.events)
	for i := range out {
		out[i].Attributes = maps.Clone(out[i].Attributes)
	}
	return out
}

// lines collects what a plugin writes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String implements fmt.Stringer.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
