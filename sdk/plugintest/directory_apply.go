package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Apply answers as hostsvc.Host.Apply.
func (d *Directory) Apply(ctx context.Context, changes []directory.Change) ([]directory.Outcome, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failure(ctx, "Apply"); err != nil {
		return nil, err
	}
	a := apply{directory: d, before: map[string]int64{}}
	var out []directory.Outcome
	for _, c := range changes {
		outcome, err := a.change(c)
		if err != nil {
			a.undoAll()
			return nil, err
		}
		out = append(out, outcome)
	}
	if len(changes) == 0 {
		return nil, nil
	}
	d.applied = append(d.applied, slices.Clone(changes))
	return out, nil
}

// apply is one Apply.
type apply struct {
	directory *Directory
	before    map[string]int64 // versions from before it, by id
	undo      []func()
}

func (a *apply) undoAll() {
	for _, undo := range slices.Backward(a.undo) {
		undo()
	}
}

// save remembers how an entry was.
func (a *apply) save(e *entry) {
	was := *e
	was.members = slices.Clone(e.members)
	a.undo = append(a.undo, func() { *e = was })
}

func (a *apply) change(c directory.Change) (directory.Outcome, error) {
	switch c := c.(type) {
	case directory.Create:
		return a.create(c)
	case directory.Replace:
		return a.replace(c)
	case directory.Delete:
		return a.delete(c)
	case directory.Members:
		return a.members(c)
	}
	return directory.Outcome{}, problem.New(problem.Invalid, "%T is no change", c)
}

// find is the entry of a change that expects a version, or 0 for none.
func (a *apply) find(t directory.Type, id string, version int64) (*entry, error) {
	e, ok := a.directory.entry(t, id)
	if !ok {
		return nil, errNotThere(t, id)
	}
	if _, seen := a.before[id]; !seen {
		a.before[id] = e.resource.Version
	}
	if version != 0 && version != a.before[id] {
		return nil, problem.New(problem.Changed, "%s %q has version %d, and %d was expected", t, id, a.before[id], version)
	}
	return e, nil
}

// touch gives an entry its next version.
func (a *apply) touch(e *entry) {
	e.resource.Version++
	e.resource.Modified = now()
}

func (e *entry) outcome(changed bool) directory.Outcome {
	r := e.resource
	return directory.Outcome{ID: r.ID, Version: r.Version, Created: r.Created, Modified: r.Modified, Changed: changed}
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (a *apply) create(c directory.Create) (directory.Outcome, error) {
	d, r := a.directory, c.Resource
	document, err := check(r)
	if err != nil {
		return directory.Outcome{}, err
	}
	if owner := d.taken[nameKey(r.Type, document)]; c.Adopt && owner != nil && owner.unowned {
		a.save(owner)
		owner.unowned = false
		if _, err := a.set(owner, r, document); err != nil {
			return directory.Outcome{}, err
		}
		out := owner.outcome(true)
		out.Adopted = true
		return out, nil
	}
	if _, taken := d.entries[r.ID]; taken || !idForm.MatchString(r.ID) {
		return directory.Outcome{}, problem.New(problem.Conflict, "id %q is taken, or is none", r.ID)
	}
	d.made++
	e := &entry{resource: directory.Resource{Type: r.Type, ID: r.ID}, made: d.made}
	e.resource.Created = now()
	a.undo = append(a.undo, func() {
		delete(d.entries, r.ID)
		d.order = slices.DeleteFunc(d.order, func(o *entry) bool { return o == e })
	})
	d.entries[r.ID] = e
	d.order = append(d.order, e)
	if _, err := a.set(e, r, document); err != nil {
		return directory.Outcome{}, err
	}
	a.before[r.ID] = e.resource.Version
	return e.outcome(true), nil
}

// check decodes a resource's attributes.
func check(r directory.Resource) (map[string]any, error) {
	if !r.Type.Check() {
		return nil, problem.New(problem.Invalid, "%q is no type", string(r.Type))
	}
	if err := directory.CheckAttributes(r.Type, r.Attributes); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Attributes))
	decoder.UseNumber()
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("reading attributes that were checked: %w", err)
	}
	return document, nil
}

// nameKey and externalKey are what only one resource can have.
func nameKey(t directory.Type, document map[string]any) string {
	name, _ := document["userName"].(string)
	if t != directory.User || name == "" {
		return ""
	}
	return "userName " + fold(name)
}

func externalKey(r directory.Resource) string {
	if r.ExternalID == "" || r.Type == directory.User {
		return ""
	}
	return "externalId " + string(r.Type) + " " + r.ExternalID
}

// set gives an entry, which the caller has saved, its content.
func (a *apply) set(e *entry, r directory.Resource, document map[string]any) (changed bool, err error) {
	if e.resource.ExternalID == r.ExternalID && e.document != nil && reflect.DeepEqual(e.document, document) {
		return false, nil
	}
	a.release(e)
	e.resource.ExternalID, e.resource.Attributes, e.document = r.ExternalID, slices.Clone(r.Attributes), document
	for _, key := range e.keys() {
		if owner := a.directory.taken[key]; owner != nil {
			what, _, _ := strings.Cut(key, " ")
			return false, problem.New(problem.Conflict, "the %s is taken", what)
		}
		a.hold(key, e)
	}
	a.touch(e)
	return true, nil
}

// keys are those that an entry holds.
func (e *entry) keys() []string {
	all := []string{nameKey(e.resource.Type, e.document), externalKey(e.resource)}
	return slices.DeleteFunc(all, func(key string) bool { return key == "" })
}

// hold gives a key to an entry; nil frees it.
func (a *apply) hold(key string, e *entry) {
	taken := a.directory.taken
	was := taken[key]
	a.undo = append(a.undo, func() { taken[key] = was })
	taken[key] = e
}

// release frees the keys of an entry.
func (a *apply) release(e *entry) {
	for _, key := range e.keys() {
		a.hold(key, nil)
	}
}

func (a *apply) replace(c directory.Replace) (directory.Outcome, error) {
	document, err := check(c.Resource)
	if err != nil {
		return directory.Outcome{}, err
	}
	e, err := a.find(c.Resource.Type, c.Resource.ID, c.Resource.Version)
	if err != nil {
		return directory.Outcome{}, err
	}
	a.save(e)
	changed, err := a.set(e, c.Resource, document)
	return e.outcome(changed), err
}

func (a *apply) delete(c directory.Delete) (directory.Outcome, error) {
	e, err := a.find(c.Type, c.ID, c.Version)
	if err != nil {
		return directory.Outcome{}, err
	}
	d := a.directory
	order := slices.Clone(d.order)
	a.undo = append(a.undo, func() { d.order = order })
	a.release(e)
	a.save(e)
	e.deleted = true
	d.order = slices.DeleteFunc(slices.Clone(d.order), func(o *entry) bool { return o == e })
	for _, g := range d.order {
		if at, in := slices.BinarySearch(g.members, c.ID); in {
			a.save(g)
			g.members = slices.Delete(g.members, at, at+1)
			a.touch(g)
		}
	}
	a.touch(e)
	return e.outcome(true), nil
}
