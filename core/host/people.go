package host

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// people shows the directory to operators.
type people struct{ h *house }

var _ admin.People = people{}

func (p people) Users(ctx context.Context, q wire.PeopleQuery) ([]wire.User, error) {
	return listed(ctx, p.h.directory, sdk.User, q, asUser)
}

func (p people) Groups(ctx context.Context, q wire.PeopleQuery) ([]wire.Group, error) {
	return listed(ctx, p.h.directory, sdk.Group, q, asGroup)
}

func (p people) UserNames(ctx context.Context, within string, ids []string) (map[string]string, error) {
	found, err := p.h.directory.Identified(ctx, directory.Scope{Organization: within}, sdk.User, ids)
	names := map[string]string{}
	for _, e := range found {
		names[e.ID] = asUser(e).UserName
	}
	return names, err
}

// listed reads a list of either type, in as many parts as it takes.
func listed[T any](ctx context.Context, d *directory.Directory, t sdk.Type, q wire.PeopleQuery, as func(directory.Entry) T) ([]T, error) {
	within := directory.Scope{Organization: q.Organization, Connection: q.Connection}
	var found []directory.Entry
	if q.Name != "" {
		all, err := d.Lookup(ctx, within, t, q.Name)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(e directory.Entry) bool { return !e.Deleted.IsZero() })
		if i := slices.IndexFunc(all, func(e directory.Entry) bool { return e.ID == q.After }); i >= 0 {
			all = all[i+1:]
		}
		found = all[:min(len(all), q.Limit)]
	}
	for more := q.Name == ""; more && len(found) < q.Limit; {
		after := q.After
		if len(found) > 0 {
			after = found[len(found)-1].ID
		}
		part, rest, err := d.List(ctx, within, t, after, min(q.Limit-len(found), sdk.PageLimit))
		if err != nil {
			return nil, err
		}
		found, more = append(found, part...), rest
	}
	list := make([]T, len(found))
	for i, e := range found {
		list[i] = as(e)
	}
	return list, nil
}

// one finds a resource by its id, as somebody may see it who is confined to an
// organization.
func (p people) one(ctx context.Context, within string, t sdk.Type, id string) (directory.Entry, error) {
	found, err := p.h.directory.Lookup(ctx, directory.Scope{Organization: within}, t, id)
	if err != nil {
		return directory.Entry{}, err
	}
	if len(found) != 1 || found[0].ID != id || !found[0].Deleted.IsZero() {
		return directory.Entry{}, problem.New(problem.NotFound, "the directory has no %s with the id %q", kindOf(t), id)
	}
	return found[0], nil
}

func kindOf(t sdk.Type) string {
	if t == sdk.Group {
		return "group"
	}
	return "user"
}

func (p people) User(ctx context.Context, within, id string) (detail wire.UserDetail, err error) {
	e, err := p.one(ctx, within, sdk.User, id)
	if err != nil {
		return detail, err
	}
	who, err := p.h.grants.Person(ctx, id)
	if err != nil {
		return detail, err
	}
	direct, err := p.h.directory.GroupsOf(ctx, id, false)
	if err != nil {
		return detail, err
	}
	detail = wire.UserDetail{User: asUser(e), Attributes: e.Attributes}
	for _, g := range who.Groups {
		nested := !slices.ContainsFunc(direct, func(d directory.GroupName) bool { return d.ID == g.ID })
		detail.Groups = append(detail.Groups, wire.Membership{Group: g.ID, DisplayName: g.Display, Nested: nested})
	}
	for _, g := range who.Grants {
		detail.Roles = append(detail.Roles, p.asRole(g))
	}
	return detail, nil
}

// asRole says in the reason of a mapping where the mapping stands.
func (p people) asRole(g grant.Grant) wire.Role {
	if where := p.h.current.Load().policy.Where(g.Rule); g.Source == grant.Mapping && where != "" {
		g.Reason = where + ": " + g.Reason
	}
	return admin.AsRole(g)
}

func (p people) Group(ctx context.Context, within, id, after string, limit int) (g wire.Group, members []wire.GroupMember, err error) {
	e, err := p.one(ctx, within, sdk.Group, id)
	if err != nil {
		return g, nil, err
	}
	for more := true; more && len(members) < limit; {
		var part []sdk.Member
		part, more, err = p.h.directory.Members(ctx, e.Scope, id, after, min(limit-len(members), sdk.PageLimit))
		if err != nil {
			return g, nil, err
		}
		for _, m := range part {
			members = append(members, wire.GroupMember{ID: m.ID, Type: string(m.Type), Display: m.Display})
			after = m.ID
		}
	}
	return asGroup(e), members, nil
}

func asUser(e directory.Entry) wire.User {
	var named struct {
		UserName    string `json:"userName"`
		DisplayName string `json:"displayName"`
	}
	_ = json.Unmarshal(e.Attributes, &named) // the directory has checked what it keeps
	return wire.User{
		ID: e.ID, Organization: e.Scope.Organization, Connection: e.Scope.Connection, ExternalID: e.ExternalID,
		UserName: named.UserName, DisplayName: named.DisplayName, Active: e.Active, CreatedAt: e.Created.UTC(), UpdatedAt: e.Modified.UTC(),
	}
}

func asGroup(e directory.Entry) wire.Group {
	return wire.Group{
		ID: e.ID, Organization: e.Scope.Organization, Connection: e.Scope.Connection, ExternalID: e.ExternalID,
		DisplayName: e.Display, CreatedAt: e.Created.UTC(), UpdatedAt: e.Modified.UTC(),
	}
}
