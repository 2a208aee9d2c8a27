package preview

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// clients compares all programs: those that are there, and then those that only
// the other configuration declares.
func (c *comparison) clients(ctx context.Context) error {
	fresh := maps.Clone(c.after.Clients)
	before, after := newPrograms(&c.before), newPrograms(&c.after)
	for last := ""; ; {
		some, err := c.Clients.Clients(ctx, "", last, page)
		if err != nil {
			return err
		}
		for _, one := range some {
			delete(fresh, one.ID)
			last = one.ID
		}
		if err := c.programs(ctx, some, before, after); err != nil {
			return err
		}
		if len(some) < page {
			break
		}
	}
	var made []credential.Client
	for _, id := range slices.Sorted(maps.Keys(fresh)) {
		made = append(made, credential.Client{ID: id, Organization: fresh[id].Organization, Source: credential.FromFile, State: credential.Suspended})
	}
	for some := range slices.Chunk(made, page) {
		if err := c.programs(ctx, some, before, after); err != nil {
			return err
		}
	}
	return nil
}

// programs compares some clients.
func (c *comparison) programs(ctx context.Context, some []credential.Client, before, after *programs) error {
	principals, owners := make([]string, len(some)), map[string]bool{}
	for i, one := range some {
		principals[i] = grant.Client(one.ID)
		for _, side := range []*programs{before, after} {
			if user := credential.OwnerOf(side.as(one).Owner); user != "" {
				owners[user] = true
			}
		}
	}
	var direct map[string][]grant.Grant
	var facts map[string]directory.Facts
	err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
		ids := slices.Sorted(maps.Keys(owners))
		users := make([]string, len(ids))
		for i, id := range ids {
			users[i] = grant.User(id)
		}
		if facts, err = c.Directory.Facts(ctx, tx, ids); err != nil {
			return err
		}
		direct, err = c.Grants.Direct(ctx, tx, slices.Concat(principals, users))
		return err
	})
	if err != nil {
		return err
	}
	for i, one := range some {
		was, err := before.of(ctx, c.before.declares(one), one, direct, facts, direct[principals[i]])
		if err != nil {
			return err
		}
		will, err := after.of(ctx, c.after.declares(one), one, direct, facts, c.after.given(one, direct[principals[i]]))
		if err != nil {
			return err
		}
		if err := c.program(one, was, will); err != nil {
			return err
		}
	}
	c.sums.clients += len(some)
	return nil
}

// program counts what one client holds, and what changes for it.
func (c *comparison) program(one credential.Client, was, will program) error {
	c.sums.hold(aClient, one.Organization, was.set.Names(), will.set.Names(), was.stopped == "", will.stopped == "")
	change := wire.PlannedChange{Principal: grant.Client(one.ID), Organization: one.Organization}
	change.Gains, change.Loses = will.without(was), was.without(will)
	of := one.Organization
	switch {
	case was.stopped == "" && will.stopped != "":
		change.Access, change.Because = wire.AccessLost, will.stopped
	case was.stopped != "" && will.stopped == "":
		change.Access, change.Because = wire.AccessGained, was.stopped
	}
	if change.Because == wire.ByAuthenticator {
		of = one.Instance
	}
	return c.changed(change, aClient, of)
}

// declares reports whether a client would be there: one of the files as long as
// they have its block.
func (s *Side) declares(one credential.Client) bool {
	_, declared := s.Clients[one.ID]
	return declared || one.Source != credential.FromFile
}

// given is what a client was given otherwise than by mappings, once this is the
// configuration: the roles of its block are those of the block.
func (s *Side) given(one credential.Client, direct []grant.Grant) (list []grant.Grant) {
	block, declared := s.Clients[one.ID]
	if !declared {
		return direct // what was given stays, and comes back with the block
	}
	for _, g := range direct {
		if g.Source != grant.File {
			list = append(list, g)
		}
	}
	for _, role := range block.Roles {
		list = append(list, grant.Grant{Principal: grant.Client(one.ID), Role: role, Source: grant.File, Rule: fmt.Sprintf("client %q", one.ID)})
	}
	return list
}

// programs evaluates clients by one configuration. What it has answered once it
// answers again.
type programs struct {
	side   *Side
	owners *policy.Evaluator
	known  map[string]policy.RoleSet
}

func newPrograms(s *Side) *programs {
	return &programs{side: s, owners: s.Policy.Evaluator(), known: map[string]policy.RoleSet{}}
}

// as is a client as the configuration has it.
func (p *programs) as(one credential.Client) credential.Client {
	if block, declared := p.side.Clients[one.ID]; declared && one.Source == credential.FromFile {
		return block.Client
	}
	return one
}

// program is what a client has.
type program struct {
	side    *Side
	set     policy.RoleSet
	stopped string // why it cannot call; "" is that it can
}

func (p *programs) of(ctx context.Context, declared bool, one credential.Client, all map[string][]grant.Grant, facts map[string]directory.Facts, direct []grant.Grant) (out program, err error) {
	out.side = p.side
	if !declared {
		out.stopped = wire.ByClient
	}
	client := p.as(one)
	if out.stopped == "" && !p.side.Instances[client.Instance] {
		out.stopped = wire.ByAuthenticator
	}
	owner := credential.OwnerOf(client.Owner)
	who, there := facts[owner]
	if out.stopped == "" && owner != "" && (!there || !who.Active || who.Organization != client.Organization || !p.side.standing(who.Connection)) {
		out.stopped = wire.ByOwner
	}
	if out.set, err = p.evaluate(ctx, policy.Principal{
		Kind: policy.KindClient, ID: client.ID, Organization: client.Organization, Owner: owner, Scopes: client.Scopes, Grants: granted(direct),
	}); err != nil || owner == "" || !there {
		return out, err
	}
	given := granted(all[grant.User(owner)])
	if who.Active {
		mapped, err := p.owners.Mapped(ctx, []policy.User{grant.Reading(who)})
		if err != nil {
			return out, err
		}
		given = slices.Concat(given, mapped[0])
	}
	bound, err := p.evaluate(ctx, policy.Principal{Kind: policy.KindUser, ID: owner, Organization: client.Organization, Grants: given})
	out.set = p.side.Policy.Within(out.set, bound)
	return out, err
}

// maxSets bounds the role sets that are remembered.
const maxSets = 10_000

func (p *programs) evaluate(ctx context.Context, who policy.Principal) (policy.RoleSet, error) {
	question := p.side.Policy.Question(who)
	if set, ok := p.known[question]; ok {
		return set, nil
	}
	set, err := p.side.Policy.RoleSet(ctx, who)
	if err != nil {
		return policy.RoleSet{}, err
	}
	if len(p.known) >= maxSets {
		clear(p.known)
	}
	p.known[question] = set
	return set, nil
}

// without lists the roles that another has not, with what gives them. A client
// keeps what it was given while its block is away.
func (p program) without(o program) []wire.PlannedGrant {
	return p.side.has(nil, p.set.Roles).without(has{roles: o.set.Names()})
}
