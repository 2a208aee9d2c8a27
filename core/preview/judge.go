package preview

import (
	"context"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// judged is what a configuration gives to somebody.
type judged struct {
	set policy.RoleSet
	in  bool // they come in at all
}

// judge evaluates a principal as access found them: the roles that were given
// directly are those of a client; a user's, and an owner's, are found anew.
func (p *programs) judge(ctx context.Context, with *Preview, who policy.Principal) (judged, error) {
	if who.Kind == policy.KindUser {
		return p.user(ctx, with, who.ID)
	}
	block, declared := p.side.Clients[who.ID]
	var given []policy.Granted
	fromFile := false
	for _, g := range who.Grants {
		if g.Source != string(grant.File) {
			given = append(given, g)
		} else if fromFile = true; !declared {
			given = append(given, g)
		}
	}
	if declared {
		for _, role := range block.Roles {
			given = append(given, policy.Granted{Role: role, Source: string(grant.File)})
		}
		who.Scopes = block.Scopes
	}
	who.Grants = given
	set, err := p.evaluate(ctx, who)
	out := judged{set, declared || !fromFile} // one of the files without a role is not told from one made at run time
	if err != nil || who.Owner == "" {
		return out, err
	}
	owner, err := p.user(ctx, with, who.Owner)
	if err != nil {
		return out, err
	}
	return judged{p.side.Policy.Within(set, owner.set), out.in && owner.in}, nil
}

// user finds what a user has.
func (p *programs) user(ctx context.Context, with *Preview, id string) (out judged, err error) {
	var facts map[string]directory.Facts
	var direct map[string][]grant.Grant
	err = with.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if facts, err = with.Directory.Facts(ctx, tx, []string{id}); err != nil {
			return err
		}
		direct, err = with.Grants.Direct(ctx, tx, []string{grant.User(id)})
		return err
	})
	if err != nil {
		return out, err
	}
	who, there := facts[id]
	given := granted(direct[grant.User(id)])
	organization := who.Organization
	if !there {
		organization = "-" // of nobody: they have nothing, which is an answer as well
		given = nil
	} else if who.Active {
		mapped, err := p.owners.Mapped(ctx, []policy.User{grant.Reading(who)})
		if err != nil {
			return out, err
		}
		given = slices.Concat(given, mapped[0])
	}
	out.in = there && who.Active && p.side.standing(who.Connection)
	out.set, err = p.evaluate(ctx, policy.Principal{Kind: policy.KindUser, ID: id, Organization: organization, Grants: given})
	return out, err
}
