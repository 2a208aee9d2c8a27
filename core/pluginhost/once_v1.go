//go:build unix

package pluginhost

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// Once remembers what counts once.
type Once interface {
	// Take takes an id of a kind for the caller's instance until a time, and says
	// whether nobody had: also of two that take it at the same time, on two nodes.
	Take(ctx context.Context, at Caller, kind, id string, until time.Time) (first bool, err error)
}

// onceV1 serves Once to one process.
type onceV1 struct {
	hostv1.UnimplementedOnceServiceServer
	plugin  string
	handles *handles
	once    Once
	granted func() bool // asked once a handle has proved that the plugin was described
}

// Take takes an id in the scope of a live call.
func (o *onceV1) Take(ctx context.Context, r *hostv1.TakeRequest) (*hostv1.TakeResponse, error) {
	s, err := o.handles.scope(r.GetHandle(), time.Now())
	if err != nil {
		return nil, err
	}
	if o.once == nil || !o.granted() {
		return nil, notGranted(hostsvc.OnceService, o.plugin)
	}
	until, err := checkOnce(r.GetKind(), r.GetId(), r.GetUntilUnix())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, s.Deadline)
	defer cancel()
	first, err := o.once.Take(ctx, s.caller(), r.GetKind(), r.GetId(), until)
	if err != nil {
		return nil, problem.As(err)
	}
	return &hostv1.TakeResponse{First: first}, nil
}

// checkOnce checks what is to count once.
func checkOnce(kind, id string, untilUnix int64) (until time.Time, err error) {
	now := time.Now()
	until = time.Unix(untilUnix, 0)
	switch {
	case !label.MatchString(kind):
		return until, problem.New(problem.Invalid, "the kind of an id is lower case letters, digits and dashes")
	case id == "" || len(id) > hostsvc.OnceIDLimit:
		return until, problem.New(problem.Invalid, "an id has 1 to %d bytes", hostsvc.OnceIDLimit)
	case !until.After(now) || until.After(now.Add(hostsvc.OnceLimit+time.Second)): // it comes in seconds, rounded up
		return until, problem.New(problem.Invalid, "an id is remembered from now on, and for %s at most", hostsvc.OnceLimit)
	}
	return until, nil
}

// counts takes what an answer rests on, which the plugin could have taken itself.
func (p *People) counts(ctx context.Context, g *process, o authn.Once) error {
	if o == (authn.Once{}) {
		return nil
	}
	if p.host.options.Once == nil || !g.granted(hostsvc.OnceService) {
		return notGranted(hostsvc.OnceService, g.plugin)
	}
	first, err := p.host.options.Once.Take(ctx, Caller{Instance: p.instance, Organization: p.organization}, o.Kind, o.ID, o.Until)
	if err == nil && !first {
		err = authn.Deny("replay", "the answer has counted before")
	}
	return err
}

// caller is whose call it is.
func (s scope) caller() Caller {
	return Caller{Instance: s.Instance, Organization: s.Organization, TraceID: s.TraceID}
}
