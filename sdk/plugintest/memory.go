package plugintest

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

var label = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// slot is where something of an instance is kept.
type slot struct{ instance, kind, name string }

// saved is a blob with its version.
type saved struct {
	blob    []byte
	version int64
}

// onceService remembers ids that count once. Like all that the host keeps they
// outlive a restart of the plugin.
type onceService struct {
	hostv1.UnimplementedOnceServiceServer
	host *host
}

// Take takes an id of the call's instance.
func (s onceService) Take(_ context.Context, r *hostv1.TakeRequest) (*hostv1.TakeResponse, error) {
	s.host.mu.Lock()
	instance, err := s.host.scope(r.GetHandle(), hostsvc.OnceService)
	s.host.mu.Unlock()
	if err != nil {
		return nil, err
	}
	first, err := s.host.take(instance, r.GetKind(), r.GetId(), r.GetUntilUnix())
	return &hostv1.TakeResponse{First: first}, err
}

// take takes an id of an instance, and says whether nobody had.
func (h *host) take(instance, kind, id string, untilUnix int64) (first bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, until := time.Now(), time.Unix(untilUnix, 0)
	switch {
	case !label.MatchString(kind):
		return false, problem.New(problem.Invalid, "the kind of an id is lower case letters, digits and dashes")
	case id == "" || len(id) > hostsvc.OnceIDLimit:
		return false, problem.New(problem.Invalid, "an id has 1 to %d bytes", hostsvc.OnceIDLimit)
	case !until.After(now) || until.After(now.Add(hostsvc.OnceLimit+time.Second)):
		return false, problem.New(problem.Invalid, "an id is remembered from now on, and for %s at most", hostsvc.OnceLimit)
	}
	at := slot{instance, kind, id}
	if h.taken[at].After(now) {
		return false, nil
	}
	if h.taken == nil {
		h.taken = map[slot]time.Time{}
	}
	h.taken[at] = until
	return true, nil
}

// stateService keeps blobs.
type stateService struct {
	hostv1.UnimplementedStateServiceServer
	host *host
}

// open finds where a blob of a live call stands. The lock is held.
func (s stateService) open(handle, name string) (slot, error) {
	instance, err := s.host.scope(handle, hostsvc.StateService)
	if err == nil && !label.MatchString(name) {
		err = problem.New(problem.Invalid, "the name of a blob is lower case letters, digits and dashes")
	}
	return slot{instance: instance, name: name}, err
}

// Load returns a blob of the call's instance.
func (s stateService) Load(_ context.Context, r *hostv1.LoadRequest) (*hostv1.LoadResponse, error) {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	at, err := s.open(r.GetHandle(), r.GetName())
	if err != nil {
		return nil, err
	}
	return &hostv1.LoadResponse{Blob: s.host.blobs[at].blob, Version: s.host.blobs[at].version}, nil
}

// Save keeps a blob of the call's instance in place of another.
func (s stateService) Save(_ context.Context, r *hostv1.SaveRequest) (*hostv1.SaveResponse, error) {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	at, err := s.open(r.GetHandle(), r.GetName())
	if err != nil {
		return nil, err
	}
	before, there := s.host.blobs[at]
	count := 0
	for other := range s.host.blobs {
		if other.instance == at.instance {
			count++
		}
	}
	switch {
	case len(r.GetBlob()) > hostsvc.StateLimit:
		return nil, problem.New(problem.TooLarge, "a blob has %d bytes at most", hostsvc.StateLimit)
	case before.version != r.GetVersion():
		return nil, problem.New(problem.Changed, "instance %q has kept another %q meanwhile", at.instance, at.name)
	case len(r.GetBlob()) == 0:
		delete(s.host.blobs, at)
		return &hostv1.SaveResponse{}, nil
	case !there && count >= hostsvc.StateMost:
		return nil, problem.New(problem.TooLarge, "instance %q keeps %d blobs, which is as many as it may", at.instance, count)
	}
	if s.host.blobs == nil {
		s.host.blobs = map[slot]saved{}
	}
	s.host.blobs[at] = saved{slices.Clone(r.GetBlob()), before.version + 1}
	return &hostv1.SaveResponse{Version: before.version + 1}, nil
}

// Saved is the blob that an instance keeps under a name; nil is none.
func (h *Harness) Saved(name, blob string) []byte {
	h.host.mu.Lock()
	defer h.host.mu.Unlock()
	return slices.Clone(h.host.blobs[slot{instance: name, name: blob}].blob)
}
