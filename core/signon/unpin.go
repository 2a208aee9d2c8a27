package signon

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Unpin forgets by which names the identity providers know a user: their next
// sign-on is matched as their first was. It is for a person who has another name
// at their IdP than before; their sessions go on. The error is a Problem (NotFound)
// where there is none, or they are another organization's than by is confined to.
func (s *SignOn) Unpin(ctx context.Context, by session.By, user string) error {
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		var organization string
		rows, err := tx.Query(ctx, `SELECT organization FROM sign_on_pin WHERE person = $1 AND ($2 = '' OR organization = $2)`, user, by.Within)
		if err != nil {
			return err
		}
		n := 0
		for ; rows.Next(); n++ {
			if err := rows.Scan(&organization); err != nil {
				_ = rows.Close()
				return err
			}
		}
		if err := rows.Close(); err != nil {
			return err
		}
		if n == 0 {
			return problem.New(problem.NotFound, "no identity provider knows a user %q by a name of its own", user).
				WithHint("users are listed with gatehouse users list; one who has not signed on is not pinned")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sign_on_pin WHERE person = $1`, user); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Record{
			Actor: by.Actor, Action: audit.UserUnpinned, Organization: organization, Subject: user, TraceID: by.TraceID, Before: map[string]any{"names": n},
		})
	})
}
