//go:build unix

package pluginhost

import (
	"context"
	"regexp"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// eventAttributes is how many attributes an event has at most.
const eventAttributes = 16

// AuditEvent is an event of a plugin's, in the scope of the call during which
// it happened.
type AuditEvent struct {
	Plugin       string
	Instance     string
	Organization string // empty outside of an organization's call
	TraceID      string
	Event        string // a few words with dots
	Attributes   map[string]string
}

// AuditSink receives the events of plugins.
type AuditSink interface {
	Record(ctx context.Context, e AuditEvent) error
}

// auditV1 serves the audit log to one process.
type auditV1 struct {
	hostv1.UnimplementedAuditServiceServer
	plugin  string
	handles *handles
	sink    AuditSink
	granted func() bool // asked once a handle has proved that the plugin was described
}

var eventName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)

// Record records an event in the scope of a live call.
func (a *auditV1) Record(ctx context.Context, r *hostv1.RecordRequest) (*hostv1.RecordResponse, error) {
	s, err := a.handles.scope(r.GetHandle(), time.Now())
	if err != nil {
		return nil, err
	}
	if a.sink == nil || !a.granted() {
		return nil, notGranted(hostsvc.AuditService, a.plugin)
	}
	if len(r.GetEvent()) > 64 || !eventName.MatchString(r.GetEvent()) {
		return nil, problem.New(problem.Invalid, "an event is a few lower case words with dots, of 64 bytes at most")
	}
	if err := checkAttributes(r.GetAttributes(), eventAttributes); err != nil {
		return nil, problem.New(problem.Invalid, "the event cannot be recorded: %v", err)
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	err = a.sink.Record(ctx, AuditEvent{
		Plugin: a.plugin, Instance: s.Instance, Organization: s.Organization, TraceID: s.TraceID,
		Event: r.GetEvent(), Attributes: r.GetAttributes(),
	})
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.RecordResponse{}, nil
}
