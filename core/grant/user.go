package grant

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// User is the principal of a user.
func User(id string) string { return "user:" + id }

// Person is a user with what they have been given.
type Person struct {
	directory.Facts
	Grants []Grant // by role, source and rule; none of mappings where they are not active
}

// Mapped is the user as mappings read them.
func (p Person) Mapped() policy.User { return asUser(p.Facts) }

// Shown is what people read of a user: a name, and the e-mail address; "" is none.
func (p Person) Shown() (name, email string) {
	u := asUser(p.Facts)
	name = cmp.Or(u.Texts["display_name"], strings.TrimSpace(u.Texts["given_name"]+" "+u.Texts["family_name"]), u.Texts["user_name"])
	return name, u.Texts["email"]
}

// Person reads a user and their grants as they are at one moment. Grants of
// mappings that are not up to the mappings in force are evaluated on the spot.
// Without such a user it is a Problem (NotFound).
func (g *Grants) Person(ctx context.Context, id string) (who Person, err error) {
	err = g.store.Read(ctx, func(tx *store.Tx) error {
		who, err = g.person(ctx, tx, id)
		return err
	})
	return who, err
}

func (g *Grants) person(ctx context.Context, tx *store.Tx, id string) (who Person, err error) {
	facts, err := g.directory.Facts(ctx, tx, []string{id})
	if err != nil {
		return who, err
	}
	var there bool
	if who.Facts, there = facts[id]; !there {
		return who, problem.New(problem.NotFound, "there is no user %q", id)
	}
	if who.Grants, err = of(ctx, tx, User(id)); err != nil || who.Connection == "" {
		return who, err
	}
	r, err := rulesOf(ctx, tx, who.Connection)
	if err != nil || !r.stale {
		return who, err
	}
	p := g.policy.Load()
	if p == nil || p.Digest(who.Connection) != r.digest {
		return Person{}, problem.New(problem.Unavailable, "the mappings of connection %q are being replaced", who.Connection).WithRetryAfter(time.Second)
	}
	return who, g.bring(ctx, p, &who)
}

// bring puts what the mappings give in the place of what was kept of them.
func (g *Grants) bring(ctx context.Context, p *policy.Policy, who *Person) error {
	kept := map[[2]string]Grant{}
	var list []Grant
	for _, one := range who.Grants {
		if one.Source == Mapping {
			kept[[2]string{one.Role, one.Rule}] = one
		} else {
			list = append(list, one)
		}
	}
	if who.Active {
		granted, err := p.Mapped(ctx, []policy.User{asUser(who.Facts)})
		if err != nil {
			return err
		}
		for _, w := range granted[0] {
			one := Grant{Principal: User(who.ID), Role: w.Role, Source: Mapping, Rule: w.Rule, Reason: w.Reason, CreatedAt: g.clock()}
			if before, known := kept[[2]string{w.Role, w.Rule}]; known {
				one.CreatedAt = before.CreatedAt
			}
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Rule, b.Rule))
	})
	who.Grants = list
	return nil
}
