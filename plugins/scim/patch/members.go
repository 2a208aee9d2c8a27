package patch

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Members is what happens to the members of a group, without knowing them: no
// message grows with the group.
type Members struct {
	// All says that those of Add are to be all members. Else those of Remove, and
	// those that a Selector matches, are taken away, and then Add is added.
	All         bool
	Add, Remove []string // each id once, in the order of the request

	// Select takes away members by something else than their id, as in
	// members[type eq "Group"] or members[not (value eq "u1")]. Only who reads the
	// members can tell which they are. Those that the request itself added before
	// are judged already.
	Select []Selector

	// Expect lists members that the request removes by their id and that must be
	// there (noTarget, RFC 7644 §3.5.2.2). It is empty in tolerant readings.
	Expect []string

	// SkipUnknown says that ids which nobody has are left out.
	SkipUnknown bool
}

// Empty reports whether nothing happens to them.
func (m Members) Empty() bool {
	return !m.All && len(m.Add) == 0 && len(m.Remove) == 0 && len(m.Select) == 0
}

// Selector chooses members of a group.
type Selector struct {
	MustMatch bool // one at least (noTarget)

	matcher *filter.Matcher
}

// Match reports whether it chooses the member, within the budget.
func (s Selector) Match(m directory.Member, b *filter.Budget) bool {
	return s.matcher.Match(map[string]any{"value": m.ID, "type": string(m.Type), "display": m.Display}, b)
}

// memberChange follows the operations on members.
type memberChange struct {
	all    bool
	state  map[string]memberState
	order  []string // of state
	choose []Selector
	expect []string
}

// memberState is what a request has made of a member so far.
type memberState struct {
	added bool           // else removed
	wrote map[string]any // what was said of one that was added
}

func (m *memberChange) put(id string, is memberState) {
	if _, known := m.state[id]; !known {
		m.order = append(m.order, id)
	}
	m.state[id] = is
}

// grow makes room for more of them.
func (m *memberChange) grow(n int) {
	if m.state == nil {
		m.state = make(map[string]memberState, n)
	}
	m.order = slices.Grow(m.order, n)
}

// replace begins anew: whatever was before counts no more.
func (m *memberChange) replace() { *m = memberChange{all: true, expect: m.expect} }

func (m *memberChange) delta(r *dialect.Reading) Members {
	out := Members{All: m.all, Select: m.choose, Expect: m.expect, SkipUnknown: r.Allows(dialect.UnknownMembers)}
	for _, id := range m.order {
		switch {
		case m.state[id].added:
			out.Add = append(out.Add, id)
		case !m.all:
			out.Remove = append(out.Remove, id)
		}
	}
	return out
}

// changeMembers applies an operation to the members of a group.
func (c *change) changeMembers(op Op, path filter.Path, t schema.Target) error {
	a := t.Attribute
	switch {
	case t.Sub != nil || path.Sub != "":
		return scimerr.New(scimerr.Mutability, "The sub-attributes of members are immutable: remove the member and add another.")
	case path.Filter != nil && op.Op != Remove:
		return scimerr.New(scimerr.InvalidPath, "Members are added and replaced as a whole, not by a filter.")
	case path.Filter != nil:
		return c.removeMembers(path.Filter, a)
	case op.Op == Remove && (!op.HasValue || op.Value == nil || !c.reading.Took(dialect.RemoveValues, "members")):
		c.reading.Note("members-emptied", "a remove of members without a filter empties the group")
		c.members.replace()
		return nil
	}
	list, err := c.memberList(op.Value, a)
	if err != nil {
		return err
	}
	if op.Op == Replace {
		c.members.replace()
	}
	c.members.grow(len(list))
	for _, m := range list {
		c.members.put(m.id, memberState{added: op.Op != Remove, wrote: m.wrote})
	}
	return nil
}

type writtenMember struct {
	id    string
	wrote map[string]any
}

// memberList reads the value of members: a list of objects that have a value,
// which is an id (RFC 7643 §4.2).
func (c *change) memberList(v any, a *schema.Attribute) ([]writtenMember, error) {
	if ids, ok := v.(IDs); ok {
		return ids.written(), nil
	}
	list, ok := v.([]any)
	if v == nil || !ok && v == "" && c.reading.Took(dialect.EmptyStrings, a.Name) {
		return nil, nil
	}
	if !ok {
		if !c.reading.Took(dialect.SingleForMany, a.Name) {
			return nil, wrong(of(a), "multi-valued: a list")
		}
		list = []any{v}
	}
	out := make([]writtenMember, 0, len(list))
	for _, v := range list {
		switch v := v.(type) {
		case nil:
			continue
		case string:
			if !c.reading.Took(dialect.BareElements, a.Name) {
				return nil, wrong(of(a), "a list of objects with the id of a member as value")
			}
			out = append(out, writtenMember{id: v})
		case map[string]any:
			id, err := memberID(v)
			if err != nil {
				return nil, err
			}
			out = append(out, writtenMember{id: id, wrote: v})
		default:
			return nil, wrong(of(a), "a list of objects with the id of a member as value")
		}
		if id := out[len(out)-1].id; id == "" || len(id) > longestID {
			return nil, scimerr.New(scimerr.InvalidValue, "A member has no value, or one that is no id.")
		}
	}
	return out, nil
}

// longestID is more than any id of a resource has.
const longestID = 256

func memberID(object map[string]any) (string, error) {
	v, ok := object["value"]
	if !ok {
		for key, inner := range object {
			if schema.Same(key, "value") {
				v = inner
			}
		}
	}
	id, ok := v.(string)
	if !ok {
		return "", scimerr.New(scimerr.InvalidValue, "A member has no value, or one that is no id.")
	}
	return id, nil
}
