package grant

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// ByHand is a grant that an operator gives.
type ByHand struct {
	Principal string
	Role      string
	Reason    string
	EndsAt    time.Time // zero is never
}

// Give gives a role by hand. Given once more, the reason and the end are those of
// the last time. Whose principal it is, is by.Organization, and of a user looked
// up here: the error is a Problem (NotFound) where there is no such user of it,
// and Conflict where the last lasting grant of a protected role would get an end.
func (g *Grants) Give(ctx context.Context, by By, n ByHand) (given Grant, err error) {
	err = g.store.Write(ctx, func(tx *store.Tx) error {
		if err := g.exists(ctx, tx, by, n.Principal); err != nil {
			return err
		}
		before, err := byHand(ctx, tx, n.Principal, n.Role)
		if err != nil {
			return err
		}
		given = Grant{
			Principal: n.Principal, Organization: by.Organization, Role: n.Role, Source: Manual, Reason: n.Reason, GivenBy: by.Actor,
			CreatedAt: g.clock().Truncate(time.Microsecond), EndsAt: n.EndsAt.Truncate(time.Microsecond),
		}
		if len(before) > 0 {
			given.CreatedAt = before[0].CreatedAt
		}
		if err := insertWhole(ctx, tx, given); err != nil {
			return err
		}
		if err := g.ending(ctx, tx, given); err != nil {
			return err
		}
		tx.OnCommit(g.wake) // the next end may be this one
		return g.write(ctx, tx, by, differences{given: []Grant{given}, tags: []change.Tag{change.Grants(n.Principal)}})
	})
	return given, err
}

// ending refuses an end where a protected role would have no lasting grant.
func (g *Grants) ending(ctx context.Context, tx *store.Tx, given Grant) error {
	if given.EndsAt.IsZero() {
		return nil
	}
	if protected, err := isProtected(ctx, tx, given.Role); err != nil || !protected {
		return err
	}
	if someone, err := g.held(ctx, tx, given.Role, given.Organization); err != nil || someone {
		return err
	}
	return problem.New(problem.Conflict, "role %q is protected, no active user of organization %q has a lasting grant of it, and this one would end", given.Role, given.Organization).
		WithHint("give it without an end, or to somebody else first: the last grant of a protected role is kept beyond its end")
}

// Take takes back what was given by hand. Without such a grant it is a Problem
// (NotFound), and of the last of a protected role Conflict.
func (g *Grants) Take(ctx context.Context, by By, principal, role string) (taken Grant, err error) {
	err = g.store.Write(ctx, func(tx *store.Tx) error {
		if err := g.exists(ctx, tx, by, principal); err != nil {
			return err
		}
		found, err := byHand(ctx, tx, principal, role)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return g.notByHand(ctx, tx, principal, role)
		}
		taken = found[0]
		if err := remove(ctx, tx, found); err != nil {
			return err
		}
		return g.write(ctx, tx, by, differences{taken: found, tags: []change.Tag{change.Grants(principal)}, strict: true})
	})
	return taken, err
}

// exists refuses a user who is not of the organization. A client's is known, and
// stays what it was.
func (g *Grants) exists(ctx context.Context, tx *store.Tx, by By, principal string) error {
	id := userOf(principal)
	if id == "" {
		return nil
	}
	found, err := g.directory.Standing(ctx, tx, []string{id})
	if err != nil {
		return err
	}
	if who, ok := found[id]; !ok || who.Organization != by.Organization {
		return problem.New(problem.NotFound, "there is no user %q", id).WithHint("gatehouse users list")
	}
	return nil
}

func byHand(ctx context.Context, tx *store.Tx, principal, role string) ([]Grant, error) {
	return grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant
		WHERE principal = $1 AND role = $2 AND source = 'manual' AND rule = ''`, principal, role)
}

// notByHand says what gives the role instead, if anything does.
func (g *Grants) notByHand(ctx context.Context, tx *store.Tx, principal, role string) error {
	others, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE principal = $1 AND role = $2 ORDER BY source, rule`, principal, role)
	if err != nil {
		return err
	}
	p := problem.New(problem.NotFound, "role %q was not given to %s by hand", role, principal)
	if len(others) == 0 {
		return p.WithHint("gatehouse grant list shows what was")
	}
	var from []string
	for _, one := range others {
		from = append(from, strings.TrimSpace(string(one.Source)+" "+one.Rule))
	}
	return p.WithHint("it comes from %s, and is changed there", strings.Join(from, ", "))
}

func isProtected(ctx context.Context, tx *store.Tx, role string) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM protected_role WHERE role = $1`, role).Scan(&n)
	return n > 0, err
}

// Forget removes what deleted users were given, within the transaction that
// erases them. Of what is kept, the reason goes: it has values of attributes.
func (g *Grants) Forget(ctx context.Context, tx *store.Tx, by By, users []string) error {
	for _, id := range users {
		list, err := grantsIn(ctx, tx, ofPrincipal, User(id))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		if err := remove(ctx, tx, list); err != nil {
			return err
		}
		for i := range list {
			list[i].Reason = ""
		}
		if err := g.write(ctx, tx, by, differences{taken: list, tags: []change.Tag{change.Grants(User(id))}}); err != nil {
			return err
		}
	}
	return nil
}
