package grant

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// Own Rego of a connection may take its time limit for each user, and is evaluated where
// the directory changes: so few users at once, and not again at once where it ran into
// the limit.
const (
	ownAtOnce = 10
	ownPause  = 30 * time.Second
)

// OwnFailure is that the own Rego of a connection gives no answer. Its users keep what it
// gave them before.
type OwnFailure struct {
	Connection string
	Problem    string
	Since      time.Time
}

// failing remembers whose own Rego gives no answer.
type failing struct {
	mu sync.Mutex
	by map[string]failed
}

type failed struct {
	policy *policy.Policy // that failed: another is tried
	since  time.Time
	last   time.Time
	late   bool // it ran into its time limit
	err    error
}

// Failing lists the connections whose own Rego gave no answer when it was asked last.
func (g *Grants) Failing() []OwnFailure {
	g.failing.mu.Lock()
	defer g.failing.mu.Unlock()
	var list []OwnFailure
	for _, label := range slices.Sorted(maps.Keys(g.failing.by)) {
		if f := g.failing.by[label]; f.policy == g.policy.Load() {
			list = append(list, OwnFailure{Connection: label, Problem: cause(f.err), Since: f.since})
		}
	}
	return list
}

// cause is what went wrong, for the operator.
func cause(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner // of which connection it is, is known
	}
	return err.Error()
}

// owned evaluates the own Rego of the user's connection. Where it gives no answer the
// error is an *unanswered, and they keep what it gave them.
func (g *Grants) owned(ctx context.Context, p *policy.Policy, who policy.User) ([]policy.Granted, error) {
	if !p.HasOwn(who.Connection) {
		return nil, nil
	}
	if err := g.failing.pausing(p, who.Connection, g.clock()); err != nil {
		return nil, &unanswered{err, true}
	}
	granted, err := p.Owned(ctx, who)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	g.failing.note(p, who.Connection, g.clock(), err)
	if err == nil {
		return granted, nil
	}
	if g.ownFailed != nil {
		g.ownFailed(who.Connection, err)
	}
	return nil, &unanswered{err, late(err)}
}

// unanswered is that own Rego gave no answer. One that was late may give it another time.
type unanswered struct {
	error
	late bool
}

func (u *unanswered) Unwrap() error { return u.error }

func late(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// asUnanswered is nil for any other error.
func asUnanswered(err error) *unanswered {
	var u *unanswered
	errors.As(err, &u)
	return u
}

// pausing is why the policy of a connection is not asked again yet.
func (f *failing) pausing(p *policy.Policy, connection string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one, ok := f.by[connection]; ok && one.policy == p && one.late && now.Sub(one.last) < ownPause {
		return one.err
	}
	return nil
}

func (f *failing) note(p *policy.Policy, connection string, now time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.by, connection)
		return
	}
	if f.by == nil {
		f.by = map[string]failed{}
	}
	since := now
	if before, ok := f.by[connection]; ok && before.policy == p {
		since = before.since
	}
	f.by[connection] = failed{policy: p, since: since, last: now, late: late(err), err: err}
}

// ofOwn are the grants that own Rego gave.
func ofOwn(have []Grant) (kept []policy.Granted) {
	for _, one := range have {
		if one.Source == Mapping && policy.IsOwn(one.Rule) {
			kept = append(kept, policy.Granted{Role: one.Role, Source: string(Mapping), Rule: one.Rule, Reason: one.Reason})
		}
	}
	return kept
}

// few is how many users are evaluated in one transaction.
func few(p *policy.Policy, connection string, most int) int {
	if p != nil && p.HasOwn(connection) {
		return min(most, ownAtOnce)
	}
	return most
}
