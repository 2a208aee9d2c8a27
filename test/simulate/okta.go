package simulate

import (
	"context"
	"fmt"
	"net/http"
)

// okta is Okta: OKTA-REF and OKTA-FAQ of its developer documentation
// (developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20).
type okta struct {
	catalogue bool // an application of the catalogue (OIN), which patches
}

var _ provider = (*okta)(nil)

// test is what "Test Connector Configuration" asks for.
func (*okta) test(ctx context.Context, s *session) error {
	s.agent = "Okta SCIM Client 1.0.0"
	if err := s.probe(ctx, "/Users", "startIndex=1&count=2"); err != nil {
		return err
	}
	return s.probe(ctx, "/Groups", "startIndex=1&count=100")
}

// profile is the whole user, as every POST and PUT has it: with empty groups,
// and on creation a random password even where passwords are not synchronized.
func (*okta) profile(p *person) object {
	o := object{
		"schemas": []string{core, enterprise}, "userName": p.userName, "externalId": p.externalID,
		"name":   object{"givenName": p.given, "familyName": p.family, "middleName": ""},
		"emails": []object{{"primary": true, "value": p.userName, "type": "work"}}, "displayName": p.given + " " + p.family,
		"title": p.title, "locale": "en-US", "groups": []any{}, "active": p.active, enterprise: object{"department": p.department},
	}
	return o
}

func (k *okta) createUser(ctx context.Context, s *session, p *person) error {
	body := k.profile(p)
	body["password"] = "Zk3!" + p.externalID
	id, existed, err := s.create(ctx, "/Users", "userName", p.userName, body)
	if err != nil {
		return err
	}
	p.id = id
	if existed {
		return k.updateUser(ctx, s, p)
	}
	return nil
}

// updateUser reads the user and sends back the whole, with id and meta.
func (k *okta) updateUser(ctx context.Context, s *session, p *person) error {
	a, err := s.must(ctx, http.MethodGet, resource("/Users", p.id), nil, http.StatusOK)
	if err != nil {
		return err
	}
	body := k.profile(p)
	body["id"], body["meta"] = p.id, a.body["meta"]
	_, err = s.must(ctx, http.MethodPut, resource("/Users", p.id), body, http.StatusOK)
	return err
}

// setActive is a PATCH without a path from an application of the catalogue, and
// a PUT of everything from a custom one.
func (k *okta) setActive(ctx context.Context, s *session, p *person) error {
	if !k.catalogue {
		return k.updateUser(ctx, s, p)
	}
	_, err := s.must(ctx, http.MethodPatch, resource("/Users", p.id),
		patch(operation{Op: "replace", Value: object{"active": p.active}}), http.StatusOK, http.StatusNoContent)
	return err
}

// deleteUser deactivates: Okta never deletes (OKTA-CON).
func (k *okta) deleteUser(ctx context.Context, s *session, p *person) error {
	return k.setActive(ctx, s, p)
}

// createGroup has no externalId.
func (*okta) createGroup(ctx context.Context, s *session, g *group) (err error) {
	g.id, _, err = s.create(ctx, "/Groups", "displayName", g.display, object{"schemas": []string{coreGroup}, "displayName": g.display, "members": []any{}})
	return err
}

// renameGroup of the catalogue has the id among its values.
func (k *okta) renameGroup(ctx context.Context, s *session, g *group) error {
	if !k.catalogue {
		return k.whole(ctx, s, g)
	}
	_, err := s.must(ctx, http.MethodPatch, resource("/Groups", g.id),
		patch(operation{Op: "replace", Value: object{"id": g.id, "displayName": g.display}}), http.StatusOK, http.StatusNoContent)
	return err
}

func (k *okta) members(ctx context.Context, s *session, g *group, add, remove []*person) error {
	if !k.catalogue {
		return k.whole(ctx, s, g)
	}
	ops := []operation{{Op: "replace", Value: object{"id": g.id, "displayName": g.display}}}
	for _, p := range remove {
		ops = append(ops, operation{Op: "remove", Path: fmt.Sprintf(`members[value eq "%s"]`, p.id)})
	}
	if len(add) > 0 {
		var values []object
		for _, p := range add {
			values = append(values, object{"value": p.id, "display": p.userName})
		}
		ops = append(ops, operation{Op: "add", Path: "members", Value: values})
	}
	_, err := s.must(ctx, http.MethodPatch, resource("/Groups", g.id), patch(ops...), http.StatusOK, http.StatusNoContent)
	return err
}

// whole is a PUT of the group with all its members.
func (*okta) whole(ctx context.Context, s *session, g *group) error {
	values := []object{}
	for p := range g.members {
		values = append(values, object{"value": p.id, "display": p.userName})
	}
	_, err := s.must(ctx, http.MethodPut, resource("/Groups", g.id),
		object{"schemas": []string{coreGroup}, "id": g.id, "displayName": g.display, "members": values}, http.StatusOK)
	return err
}

// deleteGroup is what unlinking with "delete in target" does.
func (*okta) deleteGroup(ctx context.Context, s *session, g *group) error {
	return s.remove(ctx, "/Groups", g.id)
}
