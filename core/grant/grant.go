// Package grant keeps who has which role from which source. It alone writes
// grants, each under (principal, role, source, rule), so that taking one source
// away never takes what another gave.
package grant

import (
	"context"
	"database/sql"
	"sort"
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
	Principal string // such as "client:my-tenant"
	Role      string
	Source    Source
	Rule      string // which rule gave it, such as `client "my-tenant"` or acme-okta/analytics; empty by hand
	Reason    string // of a mapping: the groups and attributes that fulfilled it
	CreatedAt time.Time
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

// Of lists what a principal was granted, by role, source and rule.
func (g *Grants) Of(ctx context.Context, principal string) (list []Grant, err error) {
	err = g.store.Select(ctx, func(rows *sql.Rows) error {
		one, err := scan(rows)
		list = append(list, one)
		return err
	}, ofPrincipal, principal)
	return list, err
}

const grantColumns = `principal, role, source, rule, reason, created_at`

const ofPrincipal = `SELECT ` + grantColumns + ` FROM principal_grant
	WHERE principal = $1 ORDER BY role, source, rule`

func scan(rows *sql.Rows) (one Grant, err error) {
	var created int64
	err = rows.Scan(&one.Principal, &one.Role, &one.Source, &one.Rule, &one.Reason, &created)
	one.CreatedAt = time.UnixMicro(created)
	return one, err
}

func of(ctx context.Context, tx *store.Tx, principal string) (list []Grant, err error) {
	rows, err := tx.Query(ctx, ofPrincipal, principal)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
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
}

// Replace makes the grants that a principal has from one source and rule these
// roles, and no others, within the caller's transaction.
func (g *Grants) Replace(ctx context.Context, tx *store.Tx, by By, principal string, source Source, rule string, roles []string) error {
	have, err := of(ctx, tx, principal)
	if err != nil {
		return err
	}
	old := map[string]bool{}
	for _, one := range have {
		if one.Source == source && one.Rule == rule {
			old[one.Role] = true
		}
	}
	want := map[string]bool{}
	for _, role := range roles {
		want[role] = true
		if _, known := old[role]; known {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO principal_grant (principal, role, source, rule, reason, created_at)
			VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT DO NOTHING`, principal, role, source, rule, g.clock().UnixMicro()); err != nil {
			return err
		}
		old[role] = true // written once, however often it is named
		if err := g.record(ctx, tx, by, audit.GrantGiven, Grant{Principal: principal, Role: role, Source: source, Rule: rule}); err != nil {
			return err
		}
	}
	for _, role := range sorted(old) {
		if want[role] {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM principal_grant WHERE principal = $1 AND role = $2 AND source = $3 AND rule = $4`,
			principal, role, source, rule); err != nil {
			return err
		}
		if err := g.record(ctx, tx, by, audit.GrantTaken, Grant{Principal: principal, Role: role, Source: source, Rule: rule}); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grants) record(ctx context.Context, tx *store.Tx, by By, action audit.Action, one Grant) error {
	if err := g.feed.Append(ctx, tx, change.Grants(one.Principal)); err != nil {
		return err
	}
	return g.audit.Append(ctx, tx, by.record(action, one))
}

// record leaves the reason out: it has values of attributes in it.
func (by By) record(action audit.Action, one Grant) audit.Record {
	return audit.Record{
		Action: action, Actor: by.Actor, TraceID: by.TraceID, Organization: by.Organization, Subject: one.Principal,
		After: map[string]string{"role": one.Role, "source": string(one.Source), "rule": one.Rule},
	}
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for s := range set {
		list = append(list, s)
	}
	sort.Strings(list)
	return list
}
