package grant

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Query says which grants are listed; what is empty restricts nothing.
type Query struct {
	Organization string
	Principal    string
	Role         string
	After        Grant // begin behind this one, of which its key counts
	Limit        int
}

// List lists grants as they are kept, by role, organization, principal, source and
// rule. What mappings give to users of a connection that is stale may not have
// been brought up to it; Person does.
func (g *Grants) List(ctx context.Context, q Query) (list []Grant, err error) {
	err = g.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		if q.Principal != "" {
			list, err = g.page(ctx, tx, q, q.Role)
			return err
		}
		roles := []string{q.Role}
		if q.Role == "" {
			if roles, err = rolesFrom(ctx, tx, q.After.Role); err != nil {
				return err
			}
		}
		for _, role := range roles { // one after the other, each by its index
			rest := q
			rest.Limit -= len(list)
			if rest.Limit <= 0 {
				return nil
			}
			part, err := g.page(ctx, tx, rest, role)
			if err != nil {
				return err
			}
			list = append(list, part...)
		}
		return nil
	})
	return list, err
}

// rolesFrom are the names of roles that were given to anybody, from one on. Each
// is one step in the index, however many have the role.
func rolesFrom(ctx context.Context, tx *store.Tx, from string) (list []string, err error) {
	rows, err := tx.Query(ctx, `WITH RECURSIVE found (role) AS (
			SELECT MIN(role) FROM principal_grant WHERE role >= $1
			UNION ALL
			SELECT (SELECT MIN(g.role) FROM principal_grant g WHERE g.role > f.role) FROM found f WHERE f.role IS NOT NULL)
		SELECT role FROM found WHERE role IS NOT NULL`, from)
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

// page is the next of one role ("" is all, of one principal).
func (g *Grants) page(ctx context.Context, tx *store.Tx, q Query, role string) ([]Grant, error) {
	text := `SELECT ` + grantColumns + ` FROM principal_grant WHERE (expires_at IS NULL OR kept_at IS NOT NULL OR expires_at > $1)`
	args := []any{g.clock().UnixMicro()}
	where := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			text += ` AND ` + condition + ` = ` + parameter(len(args))
		}
	}
	where(`principal`, q.Principal)
	where(`role`, role)
	where(`organization`, q.Organization)
	if a := q.After; a.Principal != "" {
		n := len(args)
		args = append(args, a.Role, a.Organization, a.Principal, string(a.Source), a.Rule)
		text += ` AND (role, organization, principal, source, rule) > ` + tuplesFrom(n, 5, 5)
	}
	args = append(args, q.Limit)
	text += ` ORDER BY role, organization, principal, source, rule LIMIT ` + parameter(len(args))
	return grantsIn(ctx, tx, text, args...)
}
