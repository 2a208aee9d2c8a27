package grant

import (
	"context"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Reading is a user as mappings read them.
func Reading(f directory.Facts) policy.User { return asUser(f) }

// Direct reads what many principals were given otherwise than by mappings, within
// a transaction: by principal, in the order of role, source and rule.
func (*Grants) Direct(ctx context.Context, tx *store.Tx, principals []string) (map[string][]Grant, error) {
	all := map[string][]Grant{}
	for some := range slices.Chunk(principals, parameters) {
		args := make([]any, len(some))
		for i, p := range some {
			args[i] = p
		}
		err := eachGrant(ctx, tx, func(one Grant) { all[one.Principal] = append(all[one.Principal], one) },
			`SELECT `+grantColumns+` FROM principal_grant WHERE source <> 'mapping' AND principal IN `+tuples(len(args), len(args))+` ORDER BY principal, role, source, rule`, args...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Holders lists the principals that have grants of a role, from whichever source or
// with direct otherwise than by mappings, within a transaction: those after the
// given one ("" begins), sorted, at most limit.
func (*Grants) Holders(ctx context.Context, tx *store.Tx, role string, direct bool, after string, limit int) (list []string, err error) {
	but := Source("")
	if direct {
		but = Mapping
	}
	rows, err := tx.Query(ctx, `SELECT DISTINCT principal FROM principal_grant WHERE role = $1 AND principal > $2 AND source <> $3
		ORDER BY principal LIMIT $4`, role, after, string(but), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var principal string
		if err := rows.Scan(&principal); err != nil {
			return nil, err
		}
		list = append(list, principal)
	}
	return list, rows.Err()
}

// StaleOf lists the connections whose users' grants are not up to the mappings in
// force, within a transaction.
func (*Grants) StaleOf(ctx context.Context, tx *store.Tx) (map[string]bool, error) {
	stale := map[string]bool{}
	all, err := allRules(ctx, tx)
	for label, r := range all {
		if r.stale {
			stale[label] = true
		}
	}
	return stale, err
}

func eachGrant(ctx context.Context, tx *store.Tx, f func(Grant), query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return err
		}
		f(one)
	}
	return rows.Err()
}
