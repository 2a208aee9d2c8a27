package grant

import (
	"context"
	"database/sql"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// Vacancy is a protected role that nobody of an organization can use, who has it.
type Vacancy struct{ Role, Organization string }

// Vacant lists the protected roles of organizations that users have, and no
// active one: by role and organization.
func (g *Grants) Vacant(ctx context.Context) (list []Vacancy, err error) {
	err = g.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		protected, err := protectedRoles(ctx, tx)
		if err != nil {
			return err
		}
		for _, role := range protected {
			organizations, err := organizationsWith(ctx, tx, role)
			if err != nil {
				return err
			}
			for _, organization := range organizations {
				vacant, err := g.vacant(ctx, tx, role, organization)
				if err != nil {
					return err
				}
				if vacant {
					list = append(list, Vacancy{role, organization})
				}
			}
		}
		return nil
	})
	return list, err
}

// organizationsWith are those that somebody has the role in.
func organizationsWith(ctx context.Context, tx *store.Tx, role string) (list []string, err error) {
	rows, err := tx.Query(ctx, `WITH RECURSIVE found (organization) AS (
			SELECT MIN(organization) FROM principal_grant WHERE role = $1
			UNION ALL
			SELECT (SELECT MIN(g.organization) FROM principal_grant g WHERE g.role = $1 AND g.organization > f.organization) FROM found f WHERE f.organization IS NOT NULL)
		SELECT organization FROM found WHERE organization IS NOT NULL`, role)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// vacant reports whether users have the role, and none of them can use it.
func (g *Grants) vacant(ctx context.Context, tx *store.Tx, role, organization string) (bool, error) {
	some := false
	for after := "user:"; ; {
		page, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE role = $1 AND organization = $2 AND principal > $3 AND principal < $4
			AND (expires_at IS NULL OR kept_at IS NOT NULL OR expires_at > $5) ORDER BY principal LIMIT $6`,
			role, organization, after, beyondUsers, g.clock().UnixMicro(), holdersAtOnce)
		if err != nil || len(page) == 0 {
			return some && err == nil, err
		}
		after = page[len(page)-1].Principal
		some = true
		active, err := g.active(ctx, tx, page)
		if err != nil || len(active) > 0 {
			return false, err
		}
	}
}

// KeptBack lists the grants that stand only because they are the last of a
// protected role, at most limit.
func (g *Grants) KeptBack(ctx context.Context, limit int) (list []Grant, err error) {
	err = g.store.Select(ctx, func(rows *sql.Rows) error {
		one, err := scan(rows)
		list = append(list, one)
		return err
	}, `SELECT `+grantColumns+` FROM principal_grant WHERE kept_at IS NOT NULL ORDER BY role, organization LIMIT $1`, limit)
	return list, err
}
