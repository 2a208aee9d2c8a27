package grant

import (
	"context"
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// atOnce is how many users are brought up to a change in its own transaction. A
// larger change makes the grants of its connection stale, which costs the
// transaction nothing.
const atOnce = 2000

// Refresh brings the grants of users of a connection up to the directory, within
// the transaction that changes it. Whoever is not active has none of mappings.
func (g *Grants) Refresh(ctx context.Context, tx *store.Tx, by By, connection string, users []string) error {
	if len(users) == 0 || connection == "" {
		return nil // mappings are of connections
	}
	r, err := rulesOf(ctx, tx, connection)
	if err != nil {
		return err
	}
	p := g.policy.Load()
	current := p != nil && p.Digest(connection) == r.digest // else this process is behind, or ahead
	switch {
	case current && r.digest == "" && !r.stale:
		return nil // there are no mappings, and nobody has a grant of any
	case !current || len(users) > few(p, connection, atOnce):
		r.organization = by.Organization
		if err := g.outdate(ctx, tx, r); err != nil || !current {
			return err
		}
		return g.keepHolders(ctx, tx, by, p, connection)
	}
	late, err := g.refresh(ctx, tx, by, p, users, r.stale || p.IsSessional(connection))
	if err != nil || !late || r.stale {
		return err
	}
	r.organization = by.Organization
	return g.outdate(ctx, tx, r) // to try again
}

// refresh writes the differences between what users were given and what the
// mappings give them. told says that whoever remembers their grants may have
// evaluated them otherwise, and is to look again. late is that own Rego gave no answer
// in time: whom it is about keep what it gave them.
func (g *Grants) refresh(ctx context.Context, tx *store.Tx, by By, p *policy.Policy, users []string, told bool) (late bool, err error) {
	have, err := mapped(ctx, tx, users)
	if err != nil {
		return false, err
	}
	want, late, err := g.evaluate(ctx, tx, p, users, have)
	if err != nil {
		return false, err
	}
	var d differences
	for _, id := range users {
		if changed := d.add(User(id), Mapping, have[User(id)], want[id]); changed || told {
			d.tags = append(d.tags, change.Grants(User(id)))
		}
	}
	return late, g.write(ctx, tx, by, d)
}

// evaluate asks the mappings, and own Rego, what each of the users is given.
func (g *Grants) evaluate(ctx context.Context, tx *store.Tx, p *policy.Policy, users []string, have map[string][]Grant) (map[string][]policy.Granted, bool, error) {
	facts, err := g.directory.Facts(ctx, tx, users)
	if err != nil {
		return nil, false, err
	}
	var who []policy.User
	for _, id := range slices.Sorted(maps.Keys(facts)) {
		if f := facts[id]; f.Active {
			who = append(who, asUser(f))
		}
	}
	granted, err := p.Mapped(ctx, who)
	if err != nil {
		return nil, false, err
	}
	by, late := make(map[string][]policy.Granted, len(who)), false
	for i, u := range who {
		own, err := g.owned(ctx, p, u)
		if no := asUnanswered(err); no != nil {
			own, late = ofOwn(have[User(u.ID)]), late || no.late
		} else if err != nil {
			return nil, false, err
		}
		by[u.ID] = slices.Concat(granted[i], own)
	}
	return by, late, nil
}

// parameters is how many one statement has. SQLite looks for the name of each
// among all others, so that longer statements are no faster.
const parameters = 150

// mapped reads what mappings gave to users, by principal.
func mapped(ctx context.Context, tx *store.Tx, users []string) (map[string][]Grant, error) {
	have := map[string][]Grant{}
	for some := range slices.Chunk(users, parameters) {
		if err := mappedOf(ctx, tx, some, have); err != nil {
			return nil, err
		}
	}
	return have, nil
}

func mappedOf(ctx context.Context, tx *store.Tx, users []string, into map[string][]Grant) error {
	args := make([]any, len(users))
	for i, id := range users {
		args[i] = User(id)
	}
	list, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE source = 'mapping' AND principal IN `+tuples(len(args), len(args)), args...)
	for _, one := range list {
		into[one.Principal] = append(into[one.Principal], one)
	}
	return err
}
