package session

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Query says which sessions to list; what is empty restricts nothing.
type Query struct {
	Organization string
	User         string
	Connection   string
	After        string // id of the last one of the page before; "" begins
	Limit        int
}

// List returns sessions that have not ended, the newest first. Those that are
// over without anybody having said so are left out. The error is a Problem
// (Invalid) if no session among them has the id After.
func (s *Sessions) List(ctx context.Context, q Query) (list []Session, err error) {
	conditions, args := []string{"ends_at > $1", "seen_at > $2"}, []any{s.Clock().UnixMicro(), s.Clock().Add(-s.settings.Load().Idle).UnixMicro()}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		conditions = append(conditions, condition)
	}
	for column, value := range map[string]string{"organization": q.Organization, "person": q.User, "connection": q.Connection} {
		if value != "" {
			add(column+" = ?", value)
		}
	}
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		if q.After != "" {
			from, err := s.rows(ctx, tx, `WHERE id = $1`, q.After)
			if err != nil {
				return err
			}
			if len(from) == 0 || q.Organization != "" && from[0].Organization != q.Organization {
				return problem.New(problem.Invalid, "no page begins after %q", q.After).WithHint("the session has ended: begin with the first page")
			}
			at := from[0].StartedAt.UnixMicro()
			add("(started_at < ? OR started_at = ? AND id > ?)", at, at, q.After)
		}
		args = append(args, q.Limit)
		list, err = s.rows(ctx, tx, `WHERE `+strings.Join(conditions, " AND ")+` ORDER BY started_at DESC, id LIMIT $`+strconv.Itoa(len(args)), args...)
		return err
	})
	return list, err
}
