package plugintest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Directory is a directory of one connection, in memory. It answers as the
// host's does, so that a provisioner can be tested without a host. Its methods
// may be called from many goroutines at once.
type Directory struct {
	mu      sync.Mutex
	entries map[string]*entry // by id; the deleted stay, so that their ids stay taken
	order   []*entry          // as they were made, without the deleted
	taken   map[string]*entry // by what only one can have; nil where it is free again
	made    int
	cursors map[string]cursor
	applied [][]directory.Change
	fail    func(method string) error
}

// entry is a resource that is there or was.
type entry struct {
	resource directory.Resource // without Members and Groups
	document map[string]any     // of the attributes
	members  []string           // ids, sorted
	made     int                // its place in the order
	deleted  bool
	unowned  bool // no connection provisions it
}

// NewDirectory makes an empty one.
func NewDirectory() *Directory {
	return &Directory{entries: map[string]*entry{}, taken: map[string]*entry{}, cursors: map[string]cursor{}}
}

// FailWith has each call ask f first, with the method's name ("Find", "Members",
// "Apply"); what f returns is what the call fails with. nil ends that.
func (d *Directory) FailWith(f func(method string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = f
}

// Applied are the changes of each Apply that was done, the oldest first.
func (d *Directory) Applied() [][]directory.Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.applied)
}

// Resources are all of a type in the order in which they were made, with all
// that a Query can ask for.
func (d *Directory) Resources(t directory.Type) []directory.Resource {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []directory.Resource
	for _, e := range d.order {
		if e.resource.Type == t && !e.unowned {
			out = append(out, d.whole(e))
		}
	}
	return out
}

// Resource is one of a type by its id, as Resources gives it.
func (d *Directory) Resource(t directory.Type, id string) (directory.Resource, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.entry(t, id); ok {
		return d.whole(e), true
	}
	return directory.Resource{}, false
}

// Named is the first of a type whose userName (User) or displayName (others) is
// this, as it is written.
func (d *Directory) Named(t directory.Type, name string) (directory.Resource, bool) {
	for _, r := range d.Resources(t) {
		var named struct{ UserName, DisplayName string }
		if json.Unmarshal(r.Attributes, &named) != nil {
			continue
		}
		if t == directory.User && named.UserName == name || t != directory.User && named.DisplayName == name {
			return r, true
		}
	}
	return directory.Resource{}, false
}

// AddUnprovisioned makes a user of the organization that no connection
// provisions, which a Create with Adopt can take over, and returns its id.
func (d *Directory) AddUnprovisioned(attributes json.RawMessage) (id string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := apply{directory: d, before: map[string]int64{}}
	id = directory.NewID()
	if _, err := a.create(directory.Create{Resource: directory.Resource{Type: directory.User, ID: id, Attributes: attributes}}); err != nil {
		a.undoAll()
		return "", err
	}
	d.entries[id].unowned = true
	return id, nil
}

func (d *Directory) failure(ctx context.Context, method string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.fail != nil {
		return d.fail(method)
	}
	return nil
}

// entry is one that the connection sees.
func (d *Directory) entry(t directory.Type, id string) (*entry, bool) {
	e, ok := d.entries[id]
	if !ok || e.deleted || e.unowned || e.resource.Type != t {
		return nil, false
	}
	return e, true
}

func errNotThere(t directory.Type, id string) error {
	return problem.New(problem.NotFound, "there is no %s %q", t, id)
}

// whole is an entry with all that a Query can ask for.
func (d *Directory) whole(e *entry) directory.Resource {
	r := e.resource
	r.Attributes = slices.Clone(r.Attributes)
	r.Members, _ = d.membersOf(e, "", len(e.members))
	r.Groups = d.groupsOf(e)
	return r
}

// membersOf are members in the order of their ids, from after an id on.
func (d *Directory) membersOf(e *entry, after string, limit int) (out []directory.Member, more bool) {
	at, found := slices.BinarySearch(e.members, after)
	if found {
		at++
	}
	rest := e.members[at:]
	for _, id := range rest[:min(limit, len(rest))] {
		out = append(out, d.entries[id].member())
	}
	return out, len(rest) > limit
}

// groupsOf are the groups that something is a member of.
func (d *Directory) groupsOf(e *entry) (out []directory.Member) {
	for _, g := range d.order {
		if _, in := slices.BinarySearch(g.members, e.resource.ID); in {
			out = append(out, g.member())
		}
	}
	return out
}

func (e *entry) member() directory.Member {
	display, _ := e.document["displayName"].(string)
	if display == "" {
		display, _ = e.document["userName"].(string)
	}
	return directory.Member{ID: e.resource.ID, Type: e.resource.Type, Display: display}
}

// now is the time in the precision of the directory.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
