// Package grant keeps who has which role from which source. It alone writes
// grants, each under (principal, role, source, rule), so that taking one source
// away never takes what another gave.
package grant

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Source says where a grant came from.
type Source string

// The sources that are kept here. What a mapping gives to a client is evaluated
// with the policy and is not; what it gives to a user is kept.
const (
	File    Source = "file"               // the roles of a client block; taken away with it
	Mapping Source = policy.SourceMapping // a mapping of the user's connection
	Manual  Source = "manual"             // an operator, by hand
	API     Source = "api"                // the admin API, when the client was made
)

// Grant says that a principal has a role.
type Grant struct {
	Principal    string // such as "client:my-tenant"
	Organization string // of the principal
	Role         string
	Source       Source
	Rule         string // which rule gave it, such as `client "my-tenant"` or acme-okta/analytics; empty by hand
	Reason       string // of a mapping: the groups and attributes that fulfilled it; by hand: what was said
	GivenBy      string // by hand: who
	CreatedAt    time.Time
	EndsAt       time.Time // from then on it does not count; zero is never

	// KeptAt is since when it stands only because it is the last of a protected
	// role, and KeptFrom what would have taken it. Zero is that its source gives it.
	KeptAt   time.Time
	KeptFrom string
}

// Kept reports whether the grant stands only because it is the last of a
// protected role. Then its end does not count.
func (g Grant) Kept() bool { return !g.KeptAt.IsZero() }

// Over reports whether the grant does not count any more.
func (g Grant) Over(now time.Time) bool {
	return !g.EndsAt.IsZero() && !g.Kept() && !now.Before(g.EndsAt)
}

// Client is the principal of a client.
func Client(id string) string { return "client:" + id }

// Grants reads and writes grants.
type Grants struct {
	store     *store.Store
	feed      *change.Feed
	audit     *audit.Log
	directory Directory
	clock     func() time.Time
	policy    atomic.Pointer[policy.Policy] // whose mappings are evaluated
	woken     chan struct{}
	failing   failing
	ownFailed func(connection string, err error)
}

// Options are what Grants are made from.
type Options struct {
	Store     *store.Store
	Feed      *change.Feed
	Audit     *audit.Log
	Directory Directory
	Clock     func() time.Time

	// OwnFailed is told each time that the own Rego of a connection gave no answer.
	OwnFailed func(connection string, err error)
}

// New returns the room.
func New(o Options) *Grants {
	return &Grants{store: o.Store, feed: o.Feed, audit: o.Audit, directory: o.Directory, clock: o.Clock, ownFailed: o.OwnFailed, woken: make(chan struct{}, 1)}
}

// Of lists what a principal was granted and counts now, by role, source and rule.
func (g *Grants) Of(ctx context.Context, principal string) (list []Grant, err error) {
	now := g.clock()
	err = g.store.Select(ctx, func(rows *sql.Rows) error {
		one, err := scan(rows)
		if !one.Over(now) {
			list = append(list, one)
		}
		return err
	}, ofPrincipal, principal)
	return list, err
}

const grantColumns = `principal, organization, role, source, rule, reason, given_by, created_at, expires_at, kept_at, kept_from`

const ofPrincipal = `SELECT ` + grantColumns + ` FROM principal_grant
	WHERE principal = $1 ORDER BY role, source, rule`

func scan(rows *sql.Rows) (one Grant, err error) {
	var created int64
	var ends, kept sql.NullInt64
	err = rows.Scan(&one.Principal, &one.Organization, &one.Role, &one.Source, &one.Rule, &one.Reason, &one.GivenBy, &created, &ends, &kept, &one.KeptFrom)
	one.CreatedAt = time.UnixMicro(created)
	if ends.Valid {
		one.EndsAt = time.UnixMicro(ends.Int64)
	}
	if kept.Valid {
		one.KeptAt = time.UnixMicro(kept.Int64)
	}
	return one, err
}

// micros is a time as it is stored; the zero time is NULL.
func micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

// grantsIn reads what a statement over grantColumns answers.
func grantsIn(ctx context.Context, tx *store.Tx, query string, args ...any) (list []Grant, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// By says who makes a change, for the audit log.
type By struct {
	Actor        string
	TraceID      string
	Organization string // of the principal
	Why          string // what takes a role, in words for operators; "" is the actor
}

// because is what takes a role, for the one that is kept.
func (by By) because() string { return cmp.Or(by.Why, by.Actor) }

// Replace makes the grants that a principal has from one source and rule these
// roles, and no others, within the caller's transaction. The last grant of a
// protected role stays; what somebody asked for at run time (API) is then refused
// as a whole: a Problem (Conflict).
func (g *Grants) Replace(ctx context.Context, tx *store.Tx, by By, principal string, source Source, rule string, roles []string) error {
	have, err := grantsIn(ctx, tx, `SELECT `+grantColumns+` FROM principal_grant WHERE principal = $1 AND source = $2 AND rule = $3`, principal, string(source), rule)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, role := range roles {
		wanted[role] = true
	}
	var want []policy.Granted
	for _, role := range slices.Sorted(maps.Keys(wanted)) { // each once, however often it is named
		want = append(want, policy.Granted{Role: role, Rule: rule})
	}
	d := differences{strict: source == API}
	if d.add(principal, source, have, want) {
		d.tags = append(d.tags, change.Grants(principal))
	}
	return g.write(ctx, tx, by, d)
}

// record leaves the reason out: of a mapping it has values of attributes in it.
func (by By) record(action audit.Action, one Grant) audit.Record {
	after := map[string]string{"role": one.Role, "source": string(one.Source), "rule": one.Rule}
	if one.Source == Manual {
		after["reason"] = one.Reason
	}
	if !one.EndsAt.IsZero() {
		after["ends_at"] = one.EndsAt.UTC().Format(time.RFC3339)
	}
	if one.Kept() {
		after["kept_from"] = one.KeptFrom
	}
	return audit.Record{
		Action: action, Actor: by.Actor, TraceID: by.TraceID, Organization: by.Organization, Subject: one.Principal, After: after,
	}
}
