// Package preview says what another configuration would change before it does:
// who would gain or lose which role, who could not come in any more, and which
// addresses of ours would be others. It evaluates two configurations over the
// live directory and compares what comes out.
//
// It changes nothing, and remembers nobody: people are read in parts, and what
// changes for somebody is handed on at once.
package preview

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Side is a configuration, as far as it says who may do what.
type Side struct {
	Policy      *policy.Policy
	Roles       map[string]policy.Role
	Routes      []policy.Route
	Upstreams   map[string]bool // whether paths without a rule are closed to everybody
	Connections map[string]Connection
	Clients     map[string]Client // that its files declare, by id
	Instances   map[string]bool   // of authenticators of programs
	Addresses   []Address
}

// Connection is one of a configuration.
type Connection struct {
	Organization string
	SignOn       bool // people can sign on by it
	MultiFactor  bool // they have to use more than one factor
}

// Client is one that files declare, with the roles of its block.
type Client struct {
	credential.Client
	Roles []string
}

// Address is where an identity provider reaches us.
type Address struct{ Connection, Instance, What, URL string }

// Directory is who there is.
type Directory interface {
	Crowd(s directory.Scope) *directory.Crowd
	Users(ctx context.Context, tx *store.Tx, s directory.Scope) (int, error)
	Facts(ctx context.Context, tx *store.Tx, users []string) (map[string]directory.Facts, error)
}

// Grants is what principals were given otherwise than by mappings.
type Grants interface {
	Direct(ctx context.Context, tx *store.Tx, principals []string) (map[string][]grant.Grant, error)
	Holders(ctx context.Context, tx *store.Tx, role string, direct bool, after string, limit int) ([]string, error)
	StaleOf(ctx context.Context, tx *store.Tx) (map[string]bool, error)
}

// Clients are the programs.
type Clients interface {
	Clients(ctx context.Context, organization, after string, limit int) ([]credential.Client, error)
}

// Options are what a Preview is made from.
type Options struct {
	Store     *store.Store
	Directory Directory
	Grants    Grants
	Clients   Clients
	Clock     func() time.Time
}

// Preview compares configurations over the directory.
type Preview struct{ Options }

// New returns the room.
func New(o Options) *Preview { return &Preview{o} }

// Watcher is told what is found, while it is. It is called by one goroutine at a
// time, and an error of it ends the comparison. Both may be nil.
type Watcher struct {
	Change   func(wire.PlannedChange) error
	Progress func(wire.PlanProgress) error
}

// Compare evaluates both configurations. Each part of the people is read in a
// transaction of its own: what is said of somebody was so at some moment since
// the beginning. A connection that would change its organization is a Problem
// (Conflict), as it is where it is applied.
func (p *Preview) Compare(ctx context.Context, before, after Side, w Watcher) (wire.Plan, error) {
	c := &comparison{Preview: p, before: before, after: after, watcher: w, sums: newSums()}
	if err := c.check(); err != nil {
		return wire.Plan{}, err
	}
	if err := c.prepare(ctx); err != nil {
		return wire.Plan{}, err
	}
	for _, label := range c.labels {
		if err := c.users(ctx, label); err != nil {
			return wire.Plan{}, err
		}
	}
	if err := c.others(ctx); err != nil {
		return wire.Plan{}, err
	}
	if err := c.clients(ctx); err != nil {
		return wire.Plan{}, err
	}
	return c.result(ctx)
}

// comparison is one that goes on.
type comparison struct {
	*Preview
	before, after Side
	watcher       Watcher

	labels   []string // of connections whose users are evaluated, sorted
	passed   map[string]bool
	progress wire.PlanProgress
	told     time.Time // when progress was told last
	sums     *sums
}

func (c *comparison) check() error {
	for label, before := range c.before.Connections {
		if after, stays := c.after.Connections[label]; stays && after.Organization != before.Organization {
			return problem.New(problem.Conflict, "connection %q belongs to organization %q, not %q", label, before.Organization, after.Organization).
				WithHint("a connection never changes its organization: declare a new one")
		}
	}
	return nil
}

// tellEvery is how often progress is told at most.
const tellEvery = 200 * time.Millisecond

// advance notes that so many more were looked at.
func (c *comparison) advance(n int) error {
	c.progress.Done += n
	c.progress.Total = max(c.progress.Total, c.progress.Done) // some may have come meanwhile
	now := c.Clock()
	if c.watcher.Progress == nil || now.Sub(c.told) < tellEvery {
		return nil
	}
	c.told = now
	return c.watcher.Progress(c.progress)
}

// changed counts a change, and hands it on.
func (c *comparison) changed(one wire.PlannedChange, k kind, of string) error {
	if len(one.Gains)+len(one.Loses) == 0 && one.Access == "" {
		return nil
	}
	c.sums.add(one, k, of)
	if c.watcher.Change == nil {
		return nil
	}
	return c.watcher.Change(one)
}
