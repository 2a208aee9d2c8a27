package preview

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// queued is how many principals may wait to be evaluated. Further ones are skipped,
// and counted: nobody's request waits for a shadow.
const queued = 1000

// Shadow evaluates another configuration beside the one in force, of whoever is
// evaluated anew, and sums up in memory how the two differ. While none is given to
// it, it costs a look.
type Shadow struct {
	preview *Preview
	inForce InForce
	now     atomic.Pointer[shadowing]
	changes sync.Mutex // one after the other
	stop    func()
}

// InForce is the configuration that a shadow stands beside.
type InForce interface {
	Revision() int64
	Side() Side
}

// NewShadow returns one that does nothing yet.
func NewShadow(p *Preview, inForce InForce) *Shadow {
	return &Shadow{preview: p, inForce: inForce, stop: func() {}}
}

// shadowing is one that goes on.
type shadowing struct {
	*Shadow
	candidate Side
	files     string
	queue     chan policy.Principal
	skipped   atomic.Int64

	revision      int64
	before, after *programs
	tally         *tally
}

// Start begins to evaluate a configuration, of which files is the digest, in place
// of that before it.
func (s *Shadow) Start(candidate Side, files string) {
	s.changes.Lock()
	defer s.changes.Unlock()
	s.stop()
	ctx, cancel := context.WithCancel(context.Background())
	one := &shadowing{Shadow: s, candidate: candidate, files: files, queue: make(chan policy.Principal, queued), tally: newTally(s.preview.Clock())}
	one.begin()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		one.run(ctx)
	}()
	s.stop = func() { cancel(); <-ended }
	s.now.Store(one)
}

// Stop ends it, and returns what was found. Where none goes on it is a Problem
// (NotFound).
func (s *Shadow) Stop() (wire.Shadow, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	one := s.now.Swap(nil)
	if one == nil {
		return wire.Shadow{}, problem.New(problem.NotFound, "no configuration is evaluated beside the one in force").WithHint("gatehouse shadow start begins it")
	}
	s.stop()
	s.stop = func() {}
	found := one.status()
	found.Running = false
	return found, nil
}

// Status says what was found so far.
func (s *Shadow) Status() wire.Shadow {
	if one := s.now.Load(); one != nil {
		return one.status()
	}
	return newTally(s.preview.Clock()).status()
}

// Saw notes that a principal was evaluated anew. It waits for nothing.
func (s *Shadow) Saw(who policy.Principal) {
	one := s.now.Load()
	if one == nil {
		return
	}
	select {
	case one.queue <- who:
	default:
		one.skipped.Add(1)
	}
}

func (s *shadowing) status() wire.Shadow {
	found := s.tally.status()
	found.Running, found.Files, found.Skipped = true, s.files, found.Skipped+s.skipped.Load()
	return found
}

func (s *shadowing) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case who := <-s.queue:
			if s.inForce.Revision() != s.revision {
				s.begin()
			}
			d, err := s.compare(ctx, who)
			if ctx.Err() == nil {
				s.tally.add(d, err, s.preview.Clock())
			}
		}
	}
}

// begin compares with what is in force now: what was found of another counts no
// more.
func (s *shadowing) begin() {
	revision, side := s.inForce.Revision(), s.inForce.Side()
	s.revision = revision
	s.before, s.after = newPrograms(&side), newPrograms(&s.candidate)
	s.tally.begin(revision, s.preview.Clock())
}

// difference is how two configurations differ on somebody.
type difference struct {
	principal, organization, access string
	roles, permissions              wire.ShadowChange
}

func (d difference) any() bool {
	return d.access != "" || len(d.roles.Gains)+len(d.roles.Loses)+len(d.permissions.Gains)+len(d.permissions.Loses) > 0
}

// compare evaluates a principal by both.
func (s *shadowing) compare(ctx context.Context, who policy.Principal) (d difference, err error) {
	d = difference{principal: grant.Client(who.ID), organization: who.Organization}
	if who.Kind == policy.KindUser {
		d.principal = grant.User(who.ID)
	}
	was, err := s.before.judge(ctx, s.preview, who)
	if err != nil {
		return d, err
	}
	will, err := s.after.judge(ctx, s.preview, who)
	if err != nil {
		return d, err
	}
	switch {
	case was.in && !will.in:
		d.access = wire.AccessLost
	case !was.in && will.in:
		d.access = wire.AccessGained
	}
	before, after := was.set.Names(), will.set.Names()
	d.roles = wire.ShadowChange{Gains: missing(after, before), Loses: missing(before, after)}
	if slices.Equal(was.set.Permissions, will.set.Permissions) && slices.Equal(was.set.Bounds, will.set.Bounds) {
		return d, nil
	}
	for _, name := range asksBoth(s.before.side, s.after.side) {
		rule := policy.Rule{Permission: name}
		first, err := s.before.side.Policy.Decide(ctx, was.set, who.Scopes, rule)
		if err != nil {
			return d, err
		}
		second, err := s.after.side.Policy.Decide(ctx, will.set, who.Scopes, rule)
		if err != nil {
			return d, err
		}
		switch {
		case first.Allow && !second.Allow:
			d.permissions.Loses = append(d.permissions.Loses, name)
		case !first.Allow && second.Allow:
			d.permissions.Gains = append(d.permissions.Gains, name)
		}
	}
	return d, nil
}

// asksBoth are the permissions that routes of both configurations ask for.
func asksBoth(before, after *Side) (list []string) {
	asked := map[string]bool{}
	for _, r := range before.Routes {
		asked[r.Permission] = true
	}
	for _, r := range after.Routes {
		if r.Permission != "" && asked[r.Permission] {
			list = append(list, r.Permission)
			asked[r.Permission] = false // once
		}
	}
	return list
}
