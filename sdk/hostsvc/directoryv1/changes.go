package directoryv1

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of one Apply.
const (
	changeLimit   = 1000
	memberLimit   = 500_000  // ids to add and to remove, of all changes together
	bytesLimit    = 32 << 20 // of all messages together
	externalLimit = 1 << 10  // bytes of an external id
)

// retryFull is when a process that has too much under way is to try again.
const retryFull = time.Second

// idForm is what the id of a new resource looks like; directory.NewID makes such.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// collector checks changes, message by message, and makes them ours.
type collector struct {
	changes []directory.Change
	open    *directory.Members // goes on in the next change
	ids     int
	bytes   int64
}

func (c *collector) take(in []*hostv1.Change) error {
	if c.bytes > bytesLimit {
		return problem.New(problem.TooLarge, "the changes are more than %d bytes", bytesLimit)
	}
	for _, one := range in {
		if err := c.change(one); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) change(in *hostv1.Change) error {
	if c.open != nil {
		return c.goOn(in.GetMembers())
	}
	if len(c.changes) == changeLimit {
		return problem.New(problem.TooLarge, "more than %d changes were to be made at once", changeLimit)
	}
	switch change := in.GetChange().(type) {
	case *hostv1.Change_Create:
		r, err := resource(change.Create.GetResource())
		if err == nil && (r.Version != 0 || !idForm.MatchString(r.ID)) {
			err = invalid(errors.New("a new resource has a version, or no id of letters, digits and dashes"))
		}
		if err != nil {
			return err
		}
		c.changes = append(c.changes, directory.Create{Resource: r, Adopt: change.Create.GetAdopt()})
	case *hostv1.Change_Replace:
		r, err := resource(change.Replace.GetResource())
		if err != nil {
			return err
		}
		c.changes = append(c.changes, directory.Replace{Resource: r})
	case *hostv1.Change_Delete:
		d := change.Delete
		if err := errors.Join(checkType(d.GetType()), checkRef("the id", d.GetId()), checkVersion(d.GetVersion())); err != nil {
			return invalid(err)
		}
		c.changes = append(c.changes, directory.Delete{Type: directory.Type(d.GetType()), ID: d.GetId(), Version: d.GetVersion()})
	case *hostv1.Change_Members:
		return c.begin(change.Members)
	default:
		return invalid(errors.New("a change is of no kind that there is"))
	}
	return nil
}

// begin takes a change of members, or its first part.
func (c *collector) begin(in *hostv1.ChangeMembers) error {
	if err := errors.Join(checkRef("the group's id", in.GetGroup()), checkVersion(in.GetVersion())); err != nil {
		return invalid(err)
	}
	m := &directory.Members{Group: in.GetGroup(), Version: in.GetVersion(), All: in.GetAll(), SkipUnknown: in.GetSkipUnknown()}
	return c.more(m, in)
}

// goOn takes another part of the open change of members.
func (c *collector) goOn(in *hostv1.ChangeMembers) error {
	if in == nil || in.GetGroup() != "" || in.GetVersion() != 0 || in.GetAll() || in.GetSkipUnknown() {
		return invalid(errors.New("a change of members was to go on, and something else came"))
	}
	return c.more(c.open, in)
}

func (c *collector) more(m *directory.Members, in *hostv1.ChangeMembers) error {
	if c.ids += len(in.GetAdd()) + len(in.GetRemove()); c.ids > memberLimit {
		return problem.New(problem.TooLarge, "more than %d members were to be changed at once", memberLimit)
	}
	for _, list := range [][]string{in.GetAdd(), in.GetRemove()} {
		for _, id := range list {
			if err := checkRef("a member's id", id); err != nil {
				return invalid(err)
			}
		}
	}
	m.Add, m.Remove = append(m.Add, in.GetAdd()...), append(m.Remove, in.GetRemove()...)
	if m.All && len(m.Remove) > 0 {
		return invalid(errors.New("those of a group are to be all its members, and others are to be removed"))
	}
	if c.open = m; !in.GetMore() {
		c.changes, c.open = append(c.changes, *m), nil
	}
	return nil
}

// done are all changes, if they are whole.
func (c *collector) done() ([]directory.Change, error) {
	switch {
	case c.open != nil:
		return nil, invalid(errors.New("a change of members was to go on, and did not"))
	case len(c.changes) == 0:
		return nil, invalid(errors.New("there is nothing to change"))
	}
	return c.changes, nil
}

// resource checks what a plugin may say of a resource.
func resource(in *hostv1.Resource) (directory.Resource, error) {
	r := directory.Resource{
		Type: directory.Type(in.GetType()), ID: in.GetId(), ExternalID: in.GetExternalId(), Version: in.GetVersion(), Attributes: in.GetAttributes(),
	}
	if err := errors.Join(checkType(in.GetType()), checkRef("the id", r.ID), checkVersion(r.Version), checkOptional("the external id", r.ExternalID, externalLimit)); err != nil {
		return directory.Resource{}, invalid(err)
	}
	return r, directory.CheckAttributes(r.Type, r.Attributes)
}

func checkVersion(version int64) error {
	if version < 0 {
		return fmt.Errorf("version %d is none", version)
	}
	return nil
}
