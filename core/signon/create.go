package signon

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// What follows is for connections whose users are made by their first sign-on. No
// provisioner says who there is, so each sign-on does: their name, their addresses,
// and the groups they are in, where the IdP sends all of them.

// groupsMost is how many groups a sign-on may change: those of one change of the
// directory.
const groupsMost = 450

// create makes a user.
func (s *SignOn) create(ctx context.Context, c Connection, a Authenticator, identity authn.Identity) (user string, err error) {
	attributes, err := attributesOf(nil, identity)
	if err != nil {
		return "", err
	}
	user = sdk.NewID()
	changes := []sdk.Change{sdk.Create{Resource: sdk.Resource{Type: sdk.User, ID: user, Attributes: attributes}}}
	of, err := s.memberships(ctx, c, user, nil, identity)
	if err != nil {
		return "", err
	}
	_, err = s.Directory.Apply(ctx, by(a), scopeOf(c), append(changes, of...))
	if problem.Is(err, problem.Conflict) {
		return "", authn.Deny("name_taken", "the name of this identity is taken in connection %s", c.Label)
	}
	return user, err
}

// update gives a user what an identity says. Whether they are active is not among
// it: no claim brings back whom somebody has deactivated.
func (s *SignOn) update(ctx context.Context, c Connection, a Authenticator, user string, identity authn.Identity) error {
	page, err := s.Directory.Find(ctx, scopeOf(c), sdk.Query{Type: sdk.User, ID: user, Limit: 1, Attributes: true})
	if err != nil || len(page.Resources) == 0 {
		return err // whoever is not there is refused by pin
	}
	before := page.Resources[0]
	attributes, err := attributesOf(before.Attributes, identity)
	if err != nil {
		return err
	}
	before.Attributes = attributes
	changes := []sdk.Change{sdk.Replace{Resource: before}}
	facts, err := s.facts(ctx, user)
	if err != nil || !facts.Active {
		return err
	}
	of, err := s.memberships(ctx, c, user, facts.Groups, identity)
	if err != nil {
		return err
	}
	_, err = s.Directory.Apply(ctx, by(a), scopeOf(c), append(changes, of...))
	if problem.Is(err, problem.Conflict) {
		return authn.Deny("name_taken", "the new name of this identity is another's in connection %s", c.Label)
	}
	return err
}

func by(a Authenticator) directory.By { return directory.By{Actor: "sign-on:" + a.Instance} }

func (s *SignOn) facts(ctx context.Context, user string) (f directory.Facts, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		all, err := s.Directory.Facts(ctx, tx, []string{user})
		f = all[user]
		return err
	})
	return f, err
}

// attributesOf puts what an identity says into the attributes of a user (RFC 7643
// §4.1). What it does not say stays.
func attributesOf(before json.RawMessage, i authn.Identity) (json.RawMessage, error) {
	all := map[string]any{}
	if len(before) > 0 {
		if err := json.Unmarshal(before, &all); err != nil {
			return nil, err
		}
	}
	if name := userName(i); name != "" {
		all["userName"] = name
	} else if all["userName"] == nil {
		return nil, authn.Deny("no_name", "the identity has no name to make a user of")
	}
	if i.DisplayName != "" {
		all["displayName"] = i.DisplayName
	}
	if i.Email != "" {
		all["emails"] = []any{map[string]any{"value": i.Email, "type": "work", "primary": true}}
	}
	if i.GivenName != "" || i.FamilyName != "" {
		all["name"] = map[string]any{"givenName": i.GivenName, "familyName": i.FamilyName}
	}
	return json.Marshal(all)
}

// memberships makes a user a member of just the groups that an identity lists. A
// list that is missing, or not whole, says nothing: it neither gives nor takes.
func (s *SignOn) memberships(ctx context.Context, c Connection, user string, are []directory.GroupName, identity authn.Identity) (changes []sdk.Change, err error) {
	if identity.GroupsState != authn.GroupsPresent {
		return nil, nil
	}
	wanted := map[string]bool{}
	for _, name := range identity.Groups {
		wanted[name] = true
	}
	for _, g := range are {
		if !wanted[g.Display] {
			changes = append(changes, sdk.Members{Group: g.ID, Remove: []string{user}})
		}
		delete(wanted, g.Display)
	}
	if len(wanted) > groupsMost || len(changes) > groupsMost {
		return nil, authn.Deny("too_many_groups", "the identity is in %d groups, and a sign-on gives %d at most: provision the connection's users, or have the IdP send fewer", len(identity.Groups), groupsMost)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		id, err := s.group(ctx, c, name)
		if err != nil {
			return nil, err
		}
		if id == "" {
			id = sdk.NewID()
			attributes, err := json.Marshal(map[string]any{"displayName": name})
			if err != nil {
				return nil, err
			}
			changes = append(changes, sdk.Create{Resource: sdk.Resource{Type: sdk.Group, ID: id, Attributes: attributes}})
		}
		changes = append(changes, sdk.Members{Group: id, Add: []string{user}})
	}
	return changes, nil
}

// group finds a group of a connection by its name, letter for letter as mappings
// do; "" is none.
func (s *SignOn) group(ctx context.Context, c Connection, name string) (string, error) {
	if name == "" {
		return "", errors.New("a group without a name was not refused before")
	}
	filter := sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"displayName"}, Value: name, CaseExact: true}
	page, err := s.Directory.Find(ctx, scopeOf(c), sdk.Query{Type: sdk.Group, Filter: &filter, Limit: 1})
	if err != nil || len(page.Resources) == 0 {
		return "", err
	}
	return page.Resources[0].ID, nil
}
