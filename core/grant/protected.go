package grant

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The last grant of a protected role in an organization is kept: its row stays,
// and says that it only stands for that. Somebody else stands in for it who
//
//   - is an active user of a connection that is configured,
//   - has the role from a source that gives it now, and
//   - without an end.
//
// A program does not stand in for a person, but a person does for a program.
// Whoever comes to stand in ends what was kept.

// protect puts back what d has taken and must stay, and takes what need not stay
// any more because of what d has given.
func (g *Grants) protect(ctx context.Context, tx *store.Tx, by By, d *differences) error {
	if len(d.given)+len(d.taken) == 0 {
		return nil
	}
	protected, err := protectedRoles(ctx, tx)
	if err != nil || len(protected) == 0 {
		return err
	}
	lost := map[string][]Grant{} // by role
	for _, one := range d.given {
		if _, noted := lost[one.Role]; !noted && slices.Contains(protected, one.Role) {
			lost[one.Role] = nil // it may end what was kept
		}
	}
	for _, one := range d.taken {
		if slices.Contains(protected, one.Role) {
			lost[one.Role] = append(lost[one.Role], one)
		}
	}
	for _, role := range protected {
		if of, concerned := lost[role]; concerned {
			if err := g.settle(ctx, tx, by, d, role, of); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle decides on one protected role of the organization: which of the grants
// that are lost, or were kept before, stays.
func (g *Grants) settle(ctx context.Context, tx *store.Tx, by By, d *differences, role string, lost []Grant) error {
	before, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE role = $1 AND organization = $2 AND kept_at IS NOT NULL`, role, by.Organization)
	if err != nil || len(lost)+len(before) == 0 {
		return err
	}
	stays, ok, err := g.last(ctx, tx, by.Organization, role, slices.Concat(before, lost))
	if err != nil {
		return err
	}
	for _, one := range before {
		if !ok || !same(one, stays) {
			if err := remove(ctx, tx, []Grant{one}); err != nil {
				return err
			}
			d.taken, d.tags = append(d.taken, one), append(d.tags, change.Grants(one.Principal))
		}
	}
	if !ok || !slices.ContainsFunc(lost, func(one Grant) bool { return same(one, stays) }) {
		return nil
	}
	if d.strict {
		return lastOf(stays)
	}
	d.taken = slices.DeleteFunc(d.taken, func(one Grant) bool { return same(one, stays) })
	if !stays.Kept() {
		stays.KeptAt, stays.KeptFrom = g.clock(), by.because()
		d.tags = append(d.tags, change.Grants(stays.Principal))
		if err := g.audit.Append(ctx, tx, by.record(audit.GrantKept, stays)); err != nil {
			return err
		}
	}
	return insertWhole(ctx, tx, stays)
}

func same(a, b Grant) bool {
	return a.Principal == b.Principal && a.Role == b.Role && a.Source == b.Source && a.Rule == b.Rule
}

func lastOf(one Grant) error {
	return problem.New(problem.Conflict, "role %q is protected, and %s has the last lasting grant of it in organization %q", one.Role, one.Principal, one.Organization).
		WithHint("give the role to an active user first, without an end: gatehouse grant add USER %s --reason TEXT; or take protected out of its role block", one.Role)
}

// last chooses which of some grants of a role that would be gone stays, if any
// has to.
func (g *Grants) last(ctx context.Context, tx *store.Tx, organization, role string, gone []Grant) (stays Grant, ok bool, err error) {
	if someone, err := g.held(ctx, tx, role, organization); err != nil || someone {
		return stays, false, err
	}
	people := slices.DeleteFunc(slices.Clone(gone), func(one Grant) bool { return userOf(one.Principal) == "" })
	if len(people) == 0 { // only programs lose it
		var others int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 AS other FROM principal_grant WHERE role = $1 AND organization = $2
			AND kept_at IS NULL AND expires_at IS NULL LIMIT 1) o`, role, organization).Scan(&others)
		if err != nil || others > 0 {
			return stays, false, err
		}
		people = gone
	}
	active, err := g.active(ctx, tx, people)
	if err != nil {
		return stays, false, err
	}
	first := func(yes bool) int {
		if yes {
			return 0
		}
		return 1
	}
	return slices.MinFunc(people, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(first(active[a.Principal]), first(active[b.Principal])), cmp.Compare(first(a.Kept()), first(b.Kept())),
			a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Rule, b.Rule))
	}), true, nil
}

// holdersAtOnce is how many holders of a role are read at once, to find one who
// is active. Nearly always the first is.
const holdersAtOnce = 20

// held reports whether somebody stands in for every other holder of a role.
func (g *Grants) held(ctx context.Context, tx *store.Tx, role, organization string) (bool, error) {
	for after := "user:"; ; {
		page, err := holders(ctx, tx, role, organization, after)
		if err != nil || len(page) == 0 {
			return false, err
		}
		active, err := g.active(ctx, tx, page)
		if err != nil || len(active) > 0 {
			return err == nil, err
		}
		after = page[len(page)-1].Principal
	}
}

// beyondUsers is behind the principals of all users.
const beyondUsers = "user;"

func holders(ctx context.Context, tx *store.Tx, role, organization, after string) ([]Grant, error) {
	return grantsIn(ctx, tx, lasting, role, organization, after, beyondUsers, holdersAtOnce)
}

// lasting are the grants of users that stand for themselves, in the order of their
// principals. Of one who has the role from several sources, the page may hold
// some only: it is asked for the active, of which one is enough.
const lasting = `SELECT ` + grantColumns + ` FROM principal_grant WHERE role = $1 AND organization = $2 AND principal > $3 AND principal < $4
	AND kept_at IS NULL AND expires_at IS NULL ORDER BY principal LIMIT $5`

// active are the users among principals who can use what they were given.
func (g *Grants) active(ctx context.Context, tx *store.Tx, list []Grant) (map[string]bool, error) {
	var ids []string
	for _, one := range list {
		if id := userOf(one.Principal); id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	found, err := g.directory.Standing(ctx, tx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	active := map[string]bool{}
	away := map[string]bool{} // connections, once they were looked for
	for id, who := range found {
		if !who.Active {
			continue
		}
		if _, known := away[who.Connection]; !known && who.Connection != "" {
			if away[who.Connection], err = unconfigured(ctx, tx, who.Connection); err != nil {
				return nil, err
			}
		}
		if !away[who.Connection] {
			active[User(id)] = true
		}
	}
	return active, nil
}

// unconfigured reports whether a connection was taken out of the configuration.
func unconfigured(ctx context.Context, tx *store.Tx, connection string) (bool, error) {
	r, err := rulesOf(ctx, tx, connection)
	return r.away, err
}

// userOf is the id of a principal that is a user, else "".
func userOf(principal string) string {
	id, ok := strings.CutPrefix(principal, "user:")
	if !ok {
		return ""
	}
	return id
}

// protectedRoles are those that the configuration in force protects, sorted.
func protectedRoles(ctx context.Context, tx *store.Tx) (list []string, err error) {
	rows, err := tx.Query(ctx, `SELECT role FROM protected_role ORDER BY role`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var role string
		if err := rows.Scan(&role); err != nil {
			return nil, err
		}
		list = append(list, role)
	}
	return list, rows.Err()
}

// declareProtected makes these the protected roles. What was kept of another is
// taken.
func (g *Grants) declareProtected(ctx context.Context, tx *store.Tx, roles []string) error {
	before, err := protectedRoles(ctx, tx)
	if err != nil {
		return err
	}
	for _, role := range roles {
		if slices.Contains(before, role) {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO protected_role (role) VALUES ($1) ON CONFLICT DO NOTHING`, role); err != nil {
			return err
		}
	}
	for _, role := range before {
		if slices.Contains(roles, role) {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM protected_role WHERE role = $1`, role); err != nil {
			return err
		}
		kept, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE role = $1 AND kept_at IS NOT NULL ORDER BY organization`, role)
		if err != nil {
			return err
		}
		for _, one := range kept {
			by := By{Actor: workerActor, Organization: one.Organization}
			if err := g.write(ctx, tx, by, differences{taken: []Grant{one}, tags: []change.Tag{change.Grants(one.Principal)}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostHolders is how many users with a protected role are brought up to other
// mappings in the transaction that brings those. Where more have it, the last of
// them is not in question.
const mostHolders = 200

// keepHolders brings the users of a connection who have a protected role up to
// other mappings, within the transaction that makes the connection stale: so
// whose grant is kept has it before anybody evaluates them on the spot.
func (g *Grants) keepHolders(ctx context.Context, tx *store.Tx, by By, p *policy.Policy, connection string) error {
	protected, err := protectedRoles(ctx, tx)
	if err != nil {
		return err
	}
	var users []string
	most := few(p, connection, mostHolders)
	for _, role := range protected {
		list, err := grantsIn(ctx, tx, lasting, role, by.Organization, "user:", beyondUsers, most+1)
		if err != nil {
			return err
		}
		if len(list) > most {
			continue
		}
		for _, one := range list {
			if one.Source == Mapping && strings.HasPrefix(one.Rule, connection+"/") {
				users = append(users, userOf(one.Principal))
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	slices.Sort(users)
	// Whoever own Rego gives no answer for keeps what they had.
	_, err = g.refresh(ctx, tx, by, p, slices.Compact(users), true)
	return err
}
