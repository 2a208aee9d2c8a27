package provisioning

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"

	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// exchange is one request that is under way.
type exchange struct {
	connection string
	domains    []string

	mu       sync.Mutex
	changes  []traffic.Change
	switched map[string]string // by the id of a user: "deactivated" or "reactivated"
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
			one.What, one.Type, one.Name = "created", string(c.Resource.Type), nameOf(c.Resource)
			if o.Adopted {
				one.What = "adopted"
			}
		case directory.Replace:
			one.What, one.Type, one.Name = "replaced", string(c.Resource.Type), nameOf(c.Resource)
			if what := e.switched[c.Resource.ID]; what != "" {
				one.What = what
			}
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

// nameOf is the name that people know a resource by. It is bounded, as all that
// the log says.
func nameOf(r directory.Resource) string {
	var named struct{ UserName, DisplayName string }
	if err := json.Unmarshal(r.Attributes, &named); err != nil {
		return "" // the directory has refused it
	}
	name := []rune(cmp.Or(named.UserName, named.DisplayName))
	return string(name[:min(len(name), maxName)])
}

// maxName bounds a name in the traffic log, in characters.
const maxName = 100

// Switched notes that a change was one of whether a user is active: what is
// "deactivated" or "reactivated". trace is that of the request, as in Applying,
// and the change has been committed.
func (m *Mount) Switched(connection, trace, user, what string) {
	e := m.exchanges.find(trace, connection)
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.switched == nil {
		e.switched = map[string]string{}
	}
	if len(e.switched) < maxChanges {
		e.switched[user] = what
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
