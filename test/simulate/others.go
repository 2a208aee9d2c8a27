package simulate

import (
	"context"
	"net/http"
	"net/url"
)

// oneLogin is OneLogin: developers.onelogin.com/scim/implement-scim-api, and
// traffic that others have recorded (goauthentik/authentik#11249).
type oneLogin struct{ okta }

var _ provider = (*oneLogin)(nil)

// test looks for somebody who is not there, with a separator at the end.
func (*oneLogin) test(ctx context.Context, s *session) error {
	s.agent = ""
	if err := s.probe(ctx, "/Users", "filter=userName+eq+%22nobody%40example.com%22&"); err != nil {
		return err
	}
	return s.probe(ctx, "/Groups", "")
}

// template is the user as an administrator's template makes it, with the URNs
// that the documentation of the product gives, and a manager without an id.
func (*oneLogin) template(p *person) object {
	const extension = "urn:scim:schemas:extension:enterprise:2.0"
	more := object{"department": p.department}
	if p.manager != nil {
		more["manager"] = object{"displayName": p.manager.given + " " + p.manager.family}
	}
	return object{
		"schemas": []string{"urn:scim:schemas:core:2.0", extension}, "userName": p.userName, "externalId": p.externalID,
		"active": p.active, "title": p.title, "name": object{"givenName": p.given, "familyName": p.family, "formatted": p.given + " " + p.family},
		"emails": []object{{"value": p.userName, "type": "work", "primary": true}}, extension: more,
	}
}

func (l *oneLogin) createUser(ctx context.Context, s *session, p *person) error {
	id, existed, err := s.create(ctx, "/Users", "userName", p.userName, l.template(p))
	if err != nil {
		return err
	}
	p.id = id
	if existed {
		return l.updateUser(ctx, s, p)
	}
	return nil
}

// updateUser has a question mark at the end of its path.
func (l *oneLogin) updateUser(ctx context.Context, s *session, p *person) error {
	_, err := s.must(ctx, http.MethodPut, resource("/Users", p.id)+"?", l.template(p), http.StatusOK)
	return err
}

func (l *oneLogin) setActive(ctx context.Context, s *session, p *person) error {
	return l.updateUser(ctx, s, p)
}

// deleteUser is the setting "Delete" for users who are deleted in OneLogin.
func (*oneLogin) deleteUser(ctx context.Context, s *session, p *person) error {
	if err := s.remove(ctx, "/Users", p.id); err != nil {
		return err
	}
	p.there = false
	return nil
}

func (*oneLogin) renameGroup(ctx context.Context, s *session, g *group) error {
	return patchGroup(ctx, s, g, operation{"replace", "displayName", g.display})
}

func (*oneLogin) members(ctx context.Context, s *session, g *group, add, remove []*person) error {
	return patchGroup(ctx, s, g, eachMember(add, remove)...)
}

// ping is PingFederate's SCIM provisioner and PingOne:
// docs.pingidentity.com/integrations/scim.
type ping struct{ oneLogin }

var _ provider = (*ping)(nil)

func (*ping) test(ctx context.Context, s *session) error {
	s.agent = "PingFederate"
	return s.probe(ctx, "/Users", url.Values{"filter": {`userName eq "nobody"`}}.Encode())
}

// profile has a second e-mail that is mapped and empty, and both are primary
// (p1_scim_provisioning_limitations).
func (*ping) profile(p *person) object {
	return object{
		"schemas": []string{core, enterprise}, "userName": p.userName, "externalId": p.externalID, "active": p.active, "title": p.title,
		"name": object{"givenName": p.given, "familyName": p.family}, enterprise: object{"department": p.department},
		"emails": []object{{"type": "Work", "value": p.userName, "primary": true}, {"type": "home", "value": "", "primary": true}},
	}
}

func (g *ping) createUser(ctx context.Context, s *session, p *person) error {
	id, existed, err := s.create(ctx, "/Users", "userName", p.userName, g.profile(p))
	if err != nil {
		return err
	}
	p.id = id
	if existed {
		return g.updateUser(ctx, s, p)
	}
	return nil
}

func (*ping) updateUser(ctx context.Context, s *session, p *person) error {
	_, err := s.must(ctx, http.MethodPatch, resource("/Users", p.id), patch(
		operation{"replace", "name", object{"givenName": p.given, "familyName": p.family}}, operation{"replace", "title", p.title},
		operation{"replace", "active", p.active}, operation{"replace", enterprise + ":department", p.department}), http.StatusOK, http.StatusNoContent)
	return err
}

func (g *ping) setActive(ctx context.Context, s *session, p *person) error {
	_, err := s.must(ctx, http.MethodPatch, resource("/Users", p.id), patch(operation{"replace", "active", p.active}), http.StatusOK, http.StatusNoContent)
	return err
}

// jumpCloud is JumpCloud: jumpcloud.com/support, custom SCIM integration.
type jumpCloud struct{ ping }

var _ provider = (*jumpCloud)(nil)

// test really creates a user and a group and deletes them, and at once again:
// the names must be free.
func (*jumpCloud) test(ctx context.Context, s *session) error {
	s.agent = "JumpCloud"
	for range 2 {
		user, _, err := s.create(ctx, "/Users", "userName", "test.jumpcloud@corp.example", object{
			"schemas": []string{core}, "userName": "test.jumpcloud@corp.example", "active": true, "name": object{"givenName": "Test", "familyName": "User"},
		})
		if err != nil {
			return err
		}
		team, _, err := s.create(ctx, "/Groups", "displayName", "JumpCloud Test Group", object{"schemas": []string{coreGroup}, "displayName": "JumpCloud Test Group"})
		if err != nil {
			return err
		}
		if err := s.remove(ctx, "/Groups", team); err != nil {
			return err
		}
		if err := s.remove(ctx, "/Users", user); err != nil {
			return err
		}
	}
	return nil
}

// members removes with a list of values, as Entra ID does.
func (*jumpCloud) members(ctx context.Context, s *session, g *group, add, remove []*person) error {
	var ops []operation
	if len(add) > 0 {
		ops = append(ops, operation{"add", "members", references(add)})
	}
	if len(remove) > 0 {
		ops = append(ops, operation{"remove", "members", references(remove)})
	}
	return patchGroup(ctx, s, g, ops...)
}

// eachMember has an operation for each.
func eachMember(add, remove []*person) []operation {
	var ops []operation
	for _, p := range remove {
		ops = append(ops, operation{Op: "remove", Path: `members[value eq "` + p.id + `"]`})
	}
	for _, p := range add {
		ops = append(ops, operation{"add", "members", []object{{"value": p.id}}})
	}
	return ops
}

func patchGroup(ctx context.Context, s *session, g *group, ops ...operation) error {
	_, err := s.must(ctx, http.MethodPatch, resource("/Groups", g.id), patch(ops...), http.StatusOK, http.StatusNoContent)
	return err
}
