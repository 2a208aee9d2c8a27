package provisioning

import (
	"context"
	"sync"

	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// exchange is one request that is under way.
type exchange struct {
	connection string
	domains    []string

	mu      sync.Mutex
	changes []traffic.Change
}

// maxChanges bounds what one entry of the traffic log says of changes.
const maxChanges = 100

// Applying calls apply, which changes the directory for a provisioner of a
// connection. trace is that of the request which the change is made for: it finds
// what the request's token is bound to, and the entry in the traffic log that
// tells what was changed. A change for no request of a mount, such as one of a
// pass over an IdP that is asked, is let through as it is.
//
// What the brake holds is noted there before the error is returned.
func (m *Mount) Applying(ctx context.Context, connection, trace string, changes []directory.Change, apply func() ([]directory.Outcome, error)) ([]directory.Outcome, error) {
	e := m.exchanges.find(trace, connection)
	if e != nil {
		if err := within(e.domains, changes); err != nil {
			return nil, err
		}
	}
	outcomes, err := apply()
	if err != nil {
		return nil, m.Brake.Note(ctx, err)
	}
	if e != nil {
		e.done(changes, outcomes)
	}
	return outcomes, nil
}

// done notes what became of changes. What was so already is no change.
func (e *exchange) done(changes []directory.Change, outcomes []directory.Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, c := range changes {
		if i >= len(outcomes) || len(e.changes) == maxChanges {
			return
		}
		o := outcomes[i]
		if !o.Changed && len(o.Unknown) == 0 {
			continue
		}
		one := traffic.Change{ID: o.ID, Unknown: o.Unknown[:min(len(o.Unknown), maxChanges)]}
		switch c := c.(type) {
		case directory.Create:
			one.What, one.Type = "created", string(c.Resource.Type)
			if o.Adopted {
				one.What = "adopted"
			}
		case directory.Replace:
			one.What, one.Type = "replaced", string(c.Resource.Type)
		case directory.Delete:
			one.What, one.Type = "deleted", string(c.Type)
		case directory.Members:
			one.What, one.Type = "members", string(directory.Group)
		}
		if one.ID == "" {
			one.ID = idOf(c)
		}
		e.changes = append(e.changes, one)
	}
}

func idOf(c directory.Change) string {
	switch c := c.(type) {
	case directory.Create:
		return c.Resource.ID
	case directory.Replace:
		return c.Resource.ID
	case directory.Delete:
		return c.ID
	case directory.Members:
		return c.Group
	}
	return ""
}

func (e *exchange) changed() []traffic.Change {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changes
}

// exchanges are the requests under way, by their trace ids. Those are made here,
// never taken from the request: whoever sends one must not be able to choose
// another's.
type exchanges struct {
	mu sync.Mutex
	by map[string]*exchange
}

func (x *exchanges) begin(trace string, e *exchange) (end func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.by[trace] = e
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.by, trace)
	}
}

// find is the request of a trace id, if it is one of the connection.
func (x *exchanges) find(trace, connection string) *exchange {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.by[trace]; e != nil && e.connection == connection {
		return e
	}
	return nil
}
