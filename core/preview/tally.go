package preview

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Bounds of what a shadow keeps.
const (
	maxPrincipals = 1000 // who differed lately
	maxNames      = 1000 // roles, and permissions
)

// tally sums up differences.
type tally struct {
	mu          sync.Mutex
	found       wire.Shadow // without the lists
	roles       map[string]*wire.ShadowDifference
	permissions map[string]*wire.ShadowDifference
	principals  map[string]*wire.ShadowPrincipal
}

func newTally(now time.Time) *tally {
	t := &tally{}
	t.begin(0, now)
	return t
}

// begin forgets all.
func (t *tally) begin(revision int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = wire.Shadow{Revision: revision, StartedAt: now.UTC()}
	t.roles, t.permissions, t.principals = map[string]*wire.ShadowDifference{}, map[string]*wire.ShadowDifference{}, map[string]*wire.ShadowPrincipal{}
}

// add counts one evaluation.
func (t *tally) add(d difference, err error, now time.Time) {
	now = now.UTC()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.found.Skipped++
		t.found.Failure = problem.As(err).Detail
		return
	}
	t.found.Evaluated++
	if !d.any() {
		delete(t.principals, d.principal) // by now both say the same
		return
	}
	t.found.Different++
	count(t.roles, d.roles, now)
	count(t.permissions, d.permissions, now)
	one := t.principals[d.principal]
	if one == nil {
		t.makeRoom()
		one = &wire.ShadowPrincipal{Principal: d.principal, Organization: d.organization, FirstSeen: now}
		t.principals[d.principal] = one
	}
	one.Roles, one.Permissions, one.Access = whole(d.roles), whole(d.permissions), d.access
	one.LastSeen = now
	one.Times++
}

// makeRoom forgets who was seen longest ago, where there are too many.
func (t *tally) makeRoom() {
	if len(t.principals) < maxPrincipals {
		return
	}
	var oldest *wire.ShadowPrincipal
	for _, p := range t.principals {
		if oldest == nil || p.LastSeen.Before(oldest.LastSeen) {
			oldest = p
		}
	}
	delete(t.principals, oldest.Principal)
	t.found.Forgotten++
}

func count(into map[string]*wire.ShadowDifference, c wire.ShadowChange, now time.Time) {
	for i, names := range [][]string{c.Gains, c.Loses} {
		for _, name := range names {
			one := into[name]
			if one == nil {
				if len(into) >= maxNames {
					continue
				}
				one = &wire.ShadowDifference{Name: name, FirstSeen: now}
				into[name] = one
			}
			if one.LastSeen = now; i == 0 {
				one.Gains++
			} else {
				one.Loses++
			}
		}
	}
}

// whole has a list in every place.
func whole(c wire.ShadowChange) wire.ShadowChange {
	return wire.ShadowChange{Gains: append([]string{}, c.Gains...), Loses: append([]string{}, c.Loses...)}
}

func (t *tally) status() wire.Shadow {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.found
	found.Roles, found.Permissions, found.Principals = sortedDifferences(t.roles), sortedDifferences(t.permissions), []wire.ShadowPrincipal{}
	for _, p := range t.principals {
		found.Principals = append(found.Principals, *p)
	}
	slices.SortFunc(found.Principals, func(a, b wire.ShadowPrincipal) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Principal, b.Principal))
	})
	return found
}

func sortedDifferences(all map[string]*wire.ShadowDifference) []wire.ShadowDifference {
	list := []wire.ShadowDifference{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list
}
