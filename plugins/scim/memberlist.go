package scim

import (
	"context"
	"encoding/json"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// membersPage is how many members of a group are in memory at once.
const membersPage = directory.PageLimit

// members appends the members of a group, page by page.
func (h *handler) members(ctx context.Context, o *output, v view, r *directory.Resource) error {
	list, more := r.Members, r.More
	if more && v.most > 0 && len(list) >= v.most {
		return nil
	}
	if len(list) == 0 {
		return nil
	}
	p := v.plan.sub["members"]
	o.buf = append(appendName(o.buf, "members"), '[')
	for first := true; ; {
		for i := range list {
			if !first {
				o.buf = append(o.buf, ',')
			}
			first = false
			o.buf = h.member(o.buf, p, v.base, &list[i], string(list[i].Type))
		}
		if err := o.room(); err != nil {
			return err
		}
		if !more {
			break
		}
		if len(list) == 0 {
			return problem.New(problem.Internal, "the directory answered an empty page of members that is not the last")
		}
		var err error
		if list, more, err = h.directory.Members(ctx, r.ID, list[len(list)-1].ID, membersPage); err != nil {
			return err
		}
	}
	o.buf = append(o.buf, ']')
	return nil
}

// direct is the type of a group in a user's groups: those that only a group in
// the group leads to are not shown.
const direct = "direct"

// groups appends the groups that a user is a direct member of (RFC 7643 §4.1.2).
func (h *handler) groups(ctx context.Context, o *output, v view, r *directory.Resource) error {
	p := v.plan.sub["groups"]
	list := r.Groups
	o.buf = append(appendName(o.buf, "groups"), '[')
	for i := range list {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = h.member(o.buf, p, v.base, &list[i], direct)
	}
	if r.More {
		if err := h.furtherGroups(ctx, o, v, r); err != nil {
			return err
		}
	}
	o.buf = append(o.buf, ']')
	return nil
}

// furtherGroups appends those that did not come along with the user.
func (h *handler) furtherGroups(ctx context.Context, o *output, v view, r *directory.Resource) error {
	shown := map[string]bool{}
	for _, g := range r.Groups {
		shown[g.ID] = true
	}
	q := directory.Query{
		Type: directory.Group, Attributes: true, Limit: directory.PageLimit,
		Filter: &directory.Filter{Op: directory.Equal, Path: directory.Path{"members", "value"}, Value: r.ID, CaseExact: true},
	}
	for {
		page, err := h.directory.Find(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Resources {
			g := &page.Resources[i]
			if shown[g.ID] {
				continue
			}
			m := directory.Member{ID: g.ID, Type: directory.Group}
			if m.Display, err = displayName(g); err != nil {
				return err
			}
			o.buf = h.member(append(o.buf, ','), v.plan.sub["groups"], v.base, &m, direct)
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}

// member appends one member or group. Its sub-attributes are the same in both,
// but for what their type says.
func (h *handler) member(to []byte, p *plan, base string, m *directory.Member, as string) []byte {
	to = append(to, '{')
	from := len(to)
	if p.shows("value") {
		to = appendText(appendName(to, "value"), m.ID)
	}
	if k := h.byType[m.Type]; k != nil && p.shows("$ref") {
		to = appendText(appendName(to, "$ref"), k.location(base, m.ID))
	}
	if m.Display != "" && p.shows("display") {
		to = appendText(appendName(to, "display"), m.Display)
	}
	if p.shows("type") {
		to = appendText(appendName(to, "type"), as)
	}
	if len(to) > from {
		to = append(to[:from], to[from+1:]...)
	}
	return append(to, '}')
}

// displayName is that of a group.
func displayName(g *directory.Resource) (string, error) {
	var name string
	err := fields(g.Attributes, func(n, value []byte) {
		if string(n) == "displayName" {
			_ = json.Unmarshal(value, &name) // what is no string is shown as no name
		}
	})
	return name, err
}
