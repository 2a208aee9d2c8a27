package domain

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Query says which domains to list; what is empty restricts nothing.
type Query struct {
	Organization string
	Name         string // in any form that Normalize takes
	After        string // id of the last one of the page before; "" begins
	Limit        int
}

// List returns domains by name, and those of one name by organization. The error is a
// Problem (Invalid) if no domain among them has the id After.
func (d *Domains) List(ctx context.Context, q Query) (list []Domain, err error) {
	conditions, args := []string{"1 = 1"}, []any{}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		conditions = append(conditions, condition)
	}
	if q.Organization != "" {
		add("organization = ?", q.Organization)
	}
	if q.Name != "" {
		name, err := Normalize(q.Name)
		if err != nil {
			return nil, err
		}
		add("name = ?", name)
	}
	err = d.Store.Read(ctx, func(tx *store.Tx) error {
		if q.After != "" {
			from, err := read(ctx, tx, `WHERE id = $1`, q.After)
			if err != nil {
				return err
			}
			if len(from) == 0 || q.Organization != "" && from[0].Organization != q.Organization {
				return problem.New(problem.Invalid, "no page begins after %q", q.After).WithHint("the domain was removed: begin with the first page")
			}
			add("(name > ? OR name = ? AND organization > ?)", from[0].Name, from[0].Name, from[0].Organization)
		}
		args = append(args, q.Limit)
		list, err = read(ctx, tx, `WHERE `+strings.Join(conditions, " AND ")+` ORDER BY name, organization LIMIT $`+strconv.Itoa(len(args)), args...)
		return err
	})
	return list, err
}

const columns = `id, organization, name, challenge, added_at, proved_at, proved_by, checked_at, failure`

func read(ctx context.Context, tx *store.Tx, where string, args ...any) (list []Domain, err error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM organization_domain `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one Domain
		var added, proved, checked int64
		if err := rows.Scan(&one.ID, &one.Organization, &one.Name, &one.Challenge, &added, &proved, &one.ProvedBy, &checked, &one.Failure); err != nil {
			return nil, err
		}
		one.AddedAt, one.ProvedAt, one.CheckedAt = time.UnixMicro(added), at(proved), at(checked)
		list = append(list, one)
	}
	return list, rows.Err()
}

// at is a time of the store, where 0 is none.
func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
