package session

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Due is a session of which its IdP is to be asked.
type Due struct {
	Session
	RefreshedAt time.Time // when it last was, or when it signed the person on
}

// Due returns sessions of a connection of which the IdP was not asked for as long
// as the settings say, and that were used since: those that wait longest, limit at
// most. Of a session that nobody uses nobody is asked; it is due with its next use.
func (s *Sessions) Due(ctx context.Context, connection string, limit int) (list []Due, err error) {
	now, limits := s.Clock(), s.settings.Load()
	err = s.Store.Select(ctx, func(rows *sql.Rows) error {
		var at int64
		one, err := scan(rows.Scan, &at)
		list = append(list, Due{one, time.UnixMicro(at)})
		return err
	}, `SELECT `+columns+`, refreshed_at FROM session
		WHERE connection = $1 AND refreshed_at > 0 AND refreshed_at <= $2 AND seen_at > refreshed_at AND seen_at > $3 AND ends_at > $4
		ORDER BY refreshed_at LIMIT $5`,
		connection, now.Add(-limits.Refresh).UnixMicro(), now.Add(-limits.Idle).UnixMicro(), now.UnixMicro(), limit)
	return list, err
}

// Claim says that the caller asks about a session now, and reports whether nobody
// else does. A refresh token counts once at many IdPs, and two nodes that use it
// at once look like its thief (RFC 9700 §4.14.2). Whoever does not come to ask
// leaves it until it is due again.
func (s *Sessions) Claim(ctx context.Context, one Due) (mine bool, err error) {
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE session SET refreshed_at = $1 WHERE id = $2 AND refreshed_at = $3`,
			s.Clock().UnixMicro(), one.ID, one.RefreshedAt.UnixMicro())
		mine = n == 1
		return err
	})
	return mine, err
}

// Renew keeps what the IdP said of a session when it was asked again. How the
// person proved who they are stays what it was at the sign-on, and so does the end
// of the session, unless the IdP says an earlier one.
func (s *Sessions) Renew(ctx context.Context, one Session, identity authn.Identity) error {
	keep, err := s.sealed(one.ID, identity.Keep)
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		if !identity.Refreshable {
			if _, err := tx.Exec(ctx, `UPDATE session SET refreshed_at = 0 WHERE id = $1`, one.ID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE session SET keep = $1 WHERE id = $2`, keep, one.ID); err != nil {
			return err
		}
		ends := identity.SessionEnds
		if ends.IsZero() || !ends.Before(one.EndsAt) {
			return nil
		}
		all, err := s.family(ctx, tx, []Session{one})
		if err != nil {
			return err
		}
		var tags []change.Tag
		for _, each := range all {
			tags = append(tags, change.Session(each.ID))
		}
		if _, err := tx.Exec(ctx, `UPDATE session SET ends_at = $1 WHERE id = $2 OR parent = $2`, ends.UnixMicro(), one.ID); err != nil {
			return err
		}
		return s.Feed.Append(ctx, tx, tags...)
	})
}
