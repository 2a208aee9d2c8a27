package hostsvc

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// messageFill is how many bytes of changes go in one message before the next
// begins; a resource's attributes are not divided. The host takes messages of
// directory.AttributesLimit and a quarter of a MiB.
const messageFill = 128 << 10

// applyToProto lays changes out in messages: one, where they fit.
func applyToProto(changes []directory.Change) ([]*hostv1.ApplyRequest, error) {
	w := writer{messages: []*hostv1.ApplyRequest{{}}}
	for _, c := range changes {
		if err := checkTexts(textsOf(c)...); err != nil {
			return nil, err
		}
		switch c := c.(type) {
		case directory.Create:
			w.add(&hostv1.Change{Change: &hostv1.Change_Create{Create: &hostv1.Create{Resource: resourceToProto(c.Resource), Adopt: c.Adopt}}},
				len(c.Resource.Attributes))
		case directory.Replace:
			w.add(&hostv1.Change{Change: &hostv1.Change_Replace{Replace: &hostv1.Replace{Resource: resourceToProto(c.Resource)}}},
				len(c.Resource.Attributes))
		case directory.Delete:
			w.add(&hostv1.Change{Change: &hostv1.Change_Delete{Delete: &hostv1.Delete{Type: string(c.Type), Id: c.ID, Version: c.Version}}}, 0)
		case directory.Members:
			w.members(c)
		default:
			return nil, problem.New(problem.Invalid, "%T is no change", c)
		}
	}
	return w.messages, nil
}

// textsOf are those of a change that somebody else may have written.
func textsOf(c directory.Change) []string {
	switch c := c.(type) {
	case directory.Create:
		return []string{string(c.Resource.Type), c.Resource.ID, c.Resource.ExternalID}
	case directory.Replace:
		return []string{string(c.Resource.Type), c.Resource.ID, c.Resource.ExternalID}
	case directory.Delete:
		return []string{string(c.Type), c.ID}
	case directory.Members:
		return slices.Concat([]string{c.Group}, c.Add, c.Remove)
	}
	return nil
}

// changeSize is what a change has beside attributes and members, about.
const changeSize = 256

// writer fills messages.
type writer struct {
	messages []*hostv1.ApplyRequest
	size     int // of the last
}

func (w *writer) add(c *hostv1.Change, size int) {
	size += changeSize
	if w.size > 0 && w.size+size > messageFill {
		w.messages, w.size = append(w.messages, &hostv1.ApplyRequest{}), 0
	}
	last := w.messages[len(w.messages)-1]
	last.Changes = append(last.Changes, c)
	w.size += size
}

// members lays out a change of members, in several changes where it is larger
// than a message.
func (w *writer) members(c directory.Members) {
	part := &hostv1.ChangeMembers{Group: c.Group, Version: c.Version, All: c.All, SkipUnknown: c.SkipUnknown}
	size := 0
	take := func(to func(*hostv1.ChangeMembers) *[]string, ids []string) {
		for _, id := range ids {
			if size > 0 && size+len(id)+3 > messageFill-changeSize {
				part.More = true
				w.add(&hostv1.Change{Change: &hostv1.Change_Members{Members: part}}, size)
				part, size = &hostv1.ChangeMembers{}, 0
			}
			list := to(part)
			*list = append(*list, id)
			size += len(id) + 3
		}
	}
	take(func(m *hostv1.ChangeMembers) *[]string { return &m.Add }, c.Add)
	take(func(m *hostv1.ChangeMembers) *[]string { return &m.Remove }, c.Remove)
	w.add(&hostv1.Change{Change: &hostv1.Change_Members{Members: part}}, size)
}

func resourceToProto(r directory.Resource) *hostv1.Resource {
	return &hostv1.Resource{
		Type: string(r.Type), Id: r.ID, ExternalId: r.ExternalID, Version: r.Version, Attributes: r.Attributes,
	}
}
