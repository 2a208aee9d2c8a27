package grant

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// rules is what the kept grants of a connection's users are up to.
type rules struct {
	connection   string
	organization string
	digest       string // of the mappings in force; "" are none
	stale        bool   // the grants are not up to them yet
	pass         int64  // counts what made them so
	away         bool   // the configuration in force has no such connection
}

// scan reads a row of grant_rules.
func (r *rules) scan(row interface{ Scan(...any) error }) error {
	var configured bool
	err := row.Scan(&r.connection, &r.organization, &r.digest, &r.stale, &r.pass, &configured)
	r.away = !configured
	return err
}

const rulesColumns = `connection, organization, digest, stale, pass, configured`

// rulesOf reads the row of a connection; without one there were never any rules.
func rulesOf(ctx context.Context, tx *store.Tx, connection string) (r rules, err error) {
	err = r.scan(tx.QueryRow(ctx, `SELECT `+rulesColumns+` FROM grant_rules WHERE connection = $1`, connection))
	if errors.Is(err, store.ErrNotFound) {
		return rules{connection: connection}, nil
	}
	return r, err
}

// Connection is a connection as the configuration has it.
type Connection struct{ Label, Organization string }

// Declare makes the mappings of a policy those in force, within the transaction
// that takes the configuration. Where those of a connection say something else
// than before, the grants of its users are stale from then on. A connection stays
// with its organization: another is a Problem (Conflict). With the commit they are
// what this process evaluates.
func (g *Grants) Declare(ctx context.Context, tx *store.Tx, connections []Connection, p *policy.Policy) error {
	stored, err := allRules(ctx, tx)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { g.Use(p) }) // before anybody is told to look again
	if err := g.declareProtected(ctx, tx, p.Protected()); err != nil {
		return err
	}
	var outdated []rules
	for _, c := range connections {
		r, known := stored[c.Label]
		delete(stored, c.Label)
		if known && r.organization != c.Organization {
			return problem.New(problem.Conflict, "connection %q belongs to organization %q, not %q", c.Label, r.organization, c.Organization).
				WithHint("a connection never changes its organization: declare a new one")
		}
		if known && r.digest == p.Digest(c.Label) && !r.away {
			continue
		}
		r.connection, r.organization, r.digest, r.away = c.Label, c.Organization, p.Digest(c.Label), false
		outdated = append(outdated, r)
	}
	for _, label := range slices.Sorted(maps.Keys(stored)) { // their blocks were taken away, and their mappings with them
		r := stored[label]
		if r.digest == "" && r.away {
			continue
		}
		r.digest, r.away = "", true
		outdated = append(outdated, r)
	}
	for _, r := range outdated {
		if err := g.outdate(ctx, tx, r); err != nil {
			return err
		}
	}
	for _, r := range outdated { // all of them are known to be there or away by now
		by := By{Actor: workerActor, Organization: r.organization, Why: "the configuration"}
		if err := g.keepHolders(ctx, tx, by, p, r.connection); err != nil {
			return err
		}
	}
	return nil
}

func allRules(ctx context.Context, tx *store.Tx) (map[string]rules, error) {
	rows, err := tx.Query(ctx, `SELECT `+rulesColumns+` FROM grant_rules`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]rules{}
	for rows.Next() {
		var r rules
		if err := r.scan(rows); err != nil {
			return nil, err
		}
		all[r.connection] = r
	}
	return all, rows.Err()
}

// outdate makes all grants of a connection's users stale: whoever asks for them
// has them evaluated, until they have been written anew.
func (g *Grants) outdate(ctx context.Context, tx *store.Tx, r rules) error {
	if _, err := tx.Exec(ctx, `INSERT INTO grant_rules (`+rulesColumns+`) VALUES ($1, $2, $3, 1, $4, $5)
		ON CONFLICT (connection) DO UPDATE SET digest = excluded.digest, stale = 1, pass = excluded.pass, configured = excluded.configured`,
		r.connection, r.organization, r.digest, r.pass+1, number(!r.away)); err != nil {
		return err
	}
	tx.OnCommit(g.wake)
	return g.feed.Append(ctx, tx, change.Connection(r.connection))
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Use has the mappings of a policy evaluated from now on. Declare does it; a
// process that finds other mappings declared does it by itself.
func (g *Grants) Use(p *policy.Policy) {
	g.policy.Store(p)
	g.wake()
}

// Stale counts the connections whose users' grants have not been brought up to
// their mappings yet.
func (g *Grants) Stale(ctx context.Context) (n int, err error) {
	err = g.store.Select(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, `SELECT COUNT(*) FROM grant_rules WHERE stale = 1`)
	return n, err
}
