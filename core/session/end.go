package session

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// End ends one session with the next request. The error is a Problem (NotFound)
// where there is none, or it is another organization's than by is confined to.
func (s *Sessions) End(ctx context.Context, by By, reason Reason, id string) (ended Session, err error) {
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		list, err := s.rows(ctx, tx, `WHERE id = $1 AND ($2 = '' OR organization = $2)`, id, by.Within)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return problem.New(problem.NotFound, "there is no session %q", id).WithHint("gatehouse sessions list shows those that there are")
		}
		ended = list[0]
		return s.end(ctx, tx, by, reason, list)
	})
	return ended, err
}

// EndOf ends all sessions of users, within the transaction that ends their
// access.
func (s *Sessions) EndOf(ctx context.Context, tx *store.Tx, by By, reason Reason, users []string) (n int, err error) {
	const together = 150 // parameters of one statement
	for len(users) > 0 {
		some := users[:min(together, len(users))]
		users = users[len(some):]
		args, places := []any{by.Within}, make([]string, len(some))
		for i, id := range some {
			args, places[i] = append(args, id), "$"+strconv.Itoa(i+2)
		}
		list, err := s.rows(ctx, tx, `WHERE ($1 = '' OR organization = $1) AND person IN (`+strings.Join(places, ", ")+`)`, args...)
		if err != nil {
			return n, err
		}
		if err := s.end(ctx, tx, by, reason, list); err != nil {
			return n, err
		}
		n += len(list)
	}
	return n, nil
}

// EndNamed ends the sessions of a connection that an IdP names, within a
// transaction, and returns whose they were. Sessions of another connection are
// out of its reach, whatever it names. E-mail addresses are for the caller, who
// knows users; one that is set here ends nothing.
func (s *Sessions) EndNamed(ctx context.Context, tx *store.Tx, by By, connection string, e authn.Ended) (users []string, err error) {
	if e.Email != "" || e.Subject == "" && len(e.SessionIndexes) == 0 {
		return nil, nil
	}
	conditions, args := []string{`connection = $1`}, []any{connection}
	add := func(column, value string) {
		args = append(args, value)
		conditions = append(conditions, column+" = $"+strconv.Itoa(len(args)))
	}
	if e.Issuer != "" {
		add("issuer", e.Issuer)
	}
	if e.Subject != "" {
		add("subject", e.Subject)
	}
	if len(e.SessionIndexes) > 0 {
		var places []string
		for _, index := range e.SessionIndexes {
			args = append(args, index)
			places = append(places, "$"+strconv.Itoa(len(args)))
		}
		conditions = append(conditions, `session_index <> '' AND session_index IN (`+strings.Join(places, ", ")+`)`)
	}
	list, err := s.rows(ctx, tx, `WHERE `+strings.Join(conditions, " AND "), args...)
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		users = append(users, one.User)
	}
	return users, s.end(ctx, tx, by, EndedByIDP, list)
}

// end ends sessions with those of the same sign-on at other hosts, and says so to the
// log and to whoever remembers them.
func (s *Sessions) end(ctx context.Context, tx *store.Tx, by By, reason Reason, list []Session) error {
	if len(list) == 0 {
		return nil
	}
	list, err := s.family(ctx, tx, list)
	if err != nil {
		return err
	}
	var records []audit.Record
	var tags []change.Tag
	for _, one := range list {
		if _, err := tx.Exec(ctx, `DELETE FROM session WHERE id = $1`, one.ID); err != nil {
			return err
		}
		records = append(records, audit.Record{
			Actor: by.Actor, Action: audit.SessionEnded, Organization: one.Organization, Subject: one.User, TraceID: by.TraceID,
			Before: map[string]any{"session": one.ID, "connection": one.Connection}, After: map[string]any{"reason": string(reason)},
		})
		tags = append(tags, change.Session(one.ID))
	}
	if err := s.Audit.Append(ctx, tx, records...); err != nil {
		return err
	}
	return s.Feed.Append(ctx, tx, tags...)
}
