package simulate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// entra is Microsoft Entra ID: MicrosoftDocs/entra-docs,
// use-scim-to-provision-users-and-groups.md and
// application-provisioning-config-problem-scim-compatibility.md.
type entra struct {
	flag bool // aadOptscim062020 stands in the tenant URL
}

var _ provider = (*entra)(nil)

// test looks for a random GUID, and looks whether groups are there at all.
func (e *entra) test(ctx context.Context, s *session) error {
	q := url.Values{"filter": {`userName eq "9b1c6c1e-7c0e-4a63-9f5b-2f6d2b5f0a11"`}}
	if err := s.probe(ctx, "/Users", q.Encode()+e.suffix()); err != nil {
		return err
	}
	return s.probe(ctx, "/Groups", "excludedAttributes=members&"+url.Values{"filter": {`displayName eq "9b1c6c1e"`}}.Encode())
}

func (e *entra) suffix() string {
	if e.flag {
		return "&aadOptscim062020"
	}
	return ""
}

// op is the name of an operation in the case that the flag decides.
func (e *entra) op(capital, small string) string {
	if e.flag {
		return small
	}
	return capital
}

// active is a text without the flag.
func (e *entra) active(p *person) any {
	if e.flag {
		return p.active
	}
	if p.active {
		return "True"
	}
	return "False"
}

// createUser sends attributes without a value as null, and roles as an empty
// list.
func (e *entra) createUser(ctx context.Context, s *session, p *person) error {
	id, existed, err := s.create(ctx, "/Users", "userName", p.userName, object{
		"schemas": []string{core, enterprise}, "externalId": p.externalID, "userName": p.userName, "active": p.active,
		"addresses": nil, "displayName": p.given + " " + p.family, "title": p.title,
		"emails": []object{{"type": "work", "value": p.userName, "primary": true}},
		"meta":   object{"resourceType": "User"}, "name": object{"formatted": p.given + " " + p.family, "familyName": p.family, "givenName": p.given},
		"roles": []any{}, enterprise: object{"department": p.department, "manager": nil},
	})
	if err != nil {
		return err
	}
	p.id = id
	if existed {
		return e.updateUser(ctx, s, p)
	}
	return nil
}

// manager asks whether the reference is there, and sends it as a bare id.
func (e *entra) manager(ctx context.Context, s *session, p *person) error {
	if p.manager == nil || p.manager.id == "" {
		return nil
	}
	q := url.Values{"filter": {fmt.Sprintf(`id eq "%s" and manager eq "%s"`, p.id, p.manager.id)}, "attributes": {"id"}}
	a, err := s.must(ctx, http.MethodGet, "/Users?"+q.Encode(), nil, http.StatusOK)
	if err != nil || len(a.found()) == 1 {
		return err
	}
	return e.patch(ctx, s, "/Users", p.id, operation{e.op("Add", "add"), enterprise + ":manager", p.manager.id})
}

func (*entra) patch(ctx context.Context, s *session, endpoint, id string, ops ...operation) error {
	_, err := s.must(ctx, http.MethodPatch, resource(endpoint, id), patch(ops...), http.StatusOK, http.StatusNoContent)
	return err
}

// updateUser has an operation for each attribute, or with the flag one without a
// path, whose keys are paths.
func (e *entra) updateUser(ctx context.Context, s *session, p *person) error {
	full := p.given + " " + p.family
	if e.flag {
		return e.patch(ctx, s, "/Users", p.id,
			operation{"replace", `emails[type eq "work"].value`, p.userName},
			operation{Op: "replace", Value: object{
				"displayName": full, "title": p.title, "active": p.active, "name.givenName": p.given, "name.familyName": p.family,
				enterprise + ":department": p.department,
			}})
	}
	return e.patch(ctx, s, "/Users", p.id,
		operation{"Replace", "displayName", full}, operation{"Add", "title", p.title}, operation{"Replace", "active", e.active(p)},
		operation{"Add", `emails[type eq "work"].value`, p.userName}, operation{"Replace", "name.givenName", p.given},
		operation{"Replace", "name.familyName", p.family}, operation{"Add", enterprise + ":department", p.department})
}

func (e *entra) setActive(ctx context.Context, s *session, p *person) error {
	return e.patch(ctx, s, "/Users", p.id, operation{e.op("Replace", "replace"), "active", e.active(p)})
}

// deleteUser is what follows thirty days after a user was deleted.
func (e *entra) deleteUser(ctx context.Context, s *session, p *person) error {
	if err := s.remove(ctx, "/Users", p.id); err != nil {
		return err
	}
	p.there = false
	return nil
}

// createGroup names a schema of Microsoft's own, and has no members.
func (*entra) createGroup(ctx context.Context, s *session, g *group) (err error) {
	g.id, _, err = s.create(ctx, "/Groups", "displayName", g.display, object{
		"schemas":    []string{coreGroup, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"},
		"externalId": g.externalID, "displayName": g.display, "meta": object{"resourceType": "Group"},
	})
	return err
}

func (e *entra) renameGroup(ctx context.Context, s *session, g *group) error {
	if e.flag {
		return e.patch(ctx, s, "/Groups", g.id, operation{Op: "replace", Value: object{"displayName": g.display}})
	}
	return e.patch(ctx, s, "/Groups", g.id, operation{"Replace", "displayName", g.display})
}

// members adds many at a time, and without the flag removes with a list of
// values, which read by the letter of RFC 7644 §3.5.2.2 empties the group.
func (e *entra) members(ctx context.Context, s *session, g *group, add, remove []*person) error {
	const most = 100
	for part := range slices.Chunk(add, most) {
		if err := e.patch(ctx, s, "/Groups", g.id, operation{e.op("Add", "add"), "members", references(part)}); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(remove, most) {
		var ops []operation
		if e.flag {
			for _, p := range part {
				ops = append(ops, operation{Op: "remove", Path: fmt.Sprintf(`members[value eq "%s"]`, p.id)})
			}
		} else {
			var values []object
			for _, p := range part {
				values = append(values, object{"$ref": nil, "value": p.id})
			}
			ops = append(ops, operation{"Remove", "members", values})
		}
		if err := e.patch(ctx, s, "/Groups", g.id, ops...); err != nil {
			return err
		}
	}
	return nil
}

func (*entra) deleteGroup(ctx context.Context, s *session, g *group) error {
	return s.remove(ctx, "/Groups", g.id)
}
