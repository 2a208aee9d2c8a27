package directory

import (
	"context"
	"errors"
	"hash/fnv"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	changesLimit = 1000    // of one Apply
	membersLimit = 200_000 // ids in all changes of members of one Apply
)

// Apply does all changes in their order, or none: in one transaction with the
// audit log, the change log, and all that the Listener does. Its errors are
// those that sdk/directory.Change names.
func (d *Directory) Apply(ctx context.Context, by By, s Scope, changes []sdk.Change) ([]sdk.Outcome, error) {
	steps, err := prepare(s, changes)
	if err != nil {
		return nil, err
	}
	var outcomes []sdk.Outcome
	var current step
	err = d.store.WriteInTurn(ctx, s.line(), func(tx *store.Tx) error {
		b := d.begin(tx, by, s)
		outcomes = make([]sdk.Outcome, 0, len(steps))
		for _, current = range steps {
			outcome, err := current.apply(ctx, b)
			if err != nil {
				return err
			}
			if _, gone := current.(remove); !gone {
				b.saw(outcome.ID)
			}
			outcomes = append(outcomes, outcome)
		}
		current = nil
		return b.finish(ctx)
	})
	if errors.Is(err, store.ErrConflict) {
		err = d.taken(ctx, current, err)
	}
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// step is one change, checked as far as it can be without the store.
type step interface {
	apply(ctx context.Context, b *batch) (sdk.Outcome, error)
}

func prepare(s Scope, changes []sdk.Change) ([]step, error) {
	if len(changes) > changesLimit {
		return nil, problem.New(problem.TooLarge, "there are more than %d changes at once", changesLimit)
	}
	steps := make([]step, len(changes))
	members := 0
	for i, c := range changes {
		switch c := c.(type) {
		case sdk.Create:
			r, err := read(s, c.Resource)
			if err != nil {
				return nil, err
			}
			steps[i] = &create{r: r, adopt: c.Adopt}
		case sdk.Replace:
			r, err := read(s, c.Resource)
			if err != nil {
				return nil, err
			}
			steps[i] = &replace{r: r, expected: c.Resource.Version}
		case sdk.Delete:
			steps[i] = remove(c)
		case sdk.Members:
			if members += len(c.Add) + len(c.Remove); members > membersLimit {
				return nil, problem.New(problem.TooLarge, "more than %d members change at once", membersLimit).
					WithHint("change them in several requests")
			}
			if c.All && len(c.Remove) > 0 {
				return nil, problem.New(problem.Invalid, "who is to be all members is given, and who is to be removed as well")
			}
			steps[i] = membership(c)
		default:
			return nil, problem.New(problem.Invalid, "the directory knows no such change")
		}
	}
	return steps, nil
}

// batch is one transaction that changes the directory: what it has done so far,
// and what is still to be told of it.
type batch struct {
	d     *Directory
	tx    *store.Tx
	by    By
	scope Scope
	now   int64

	before  map[string]int64  // versions before this transaction, by id
	instead map[string]string // ids that adopted users have, by those that were given
	counts  map[counted]tally
	shard   int
	events  []Event
	tags    []change.Tag
	records []audit.Record
	seen    []string // ids
}

type counted struct {
	scope Scope
	typ   sdk.Type
}

type tally struct{ resources, changes int }

func (d *Directory) begin(tx *store.Tx, by By, s Scope) *batch {
	return &batch{d: d, tx: tx, by: by, scope: s, now: d.now(), shard: -1, before: map[string]int64{}, instead: map[string]string{}, counts: map[counted]tally{}}
}

// id is the id of a resource that a change names.
func (b *batch) id(given string) string {
	if id, ok := b.instead[given]; ok {
		return id
	}
	return given
}

// check refuses a change to a resource that is not in the expected version. That
// is the one before the transaction: a request may change a resource twice.
func (b *batch) check(r *resource, expected int64) error {
	version, ok := b.before[r.id]
	if !ok {
		version = r.version
		b.before[r.id] = version
	}
	if expected != 0 && expected != version {
		return problem.New(problem.Changed, "the %s %s was changed since it was read", r.typ, r.id).
			WithHint("read it again and repeat the change")
	}
	return nil
}

func (b *batch) count(s Scope, t sdk.Type, id string, resources int) {
	if b.shard < 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(id)) // it never fails
		b.shard = int(h.Sum32() % shards)
	}
	sum := b.counts[counted{s, t}]
	b.counts[counted{s, t}] = tally{sum.resources + resources, sum.changes + 1}
}

func (b *batch) record(action audit.Action, subject string, before, after any) {
	b.records = append(b.records, audit.Record{
		Action: action, Actor: b.by.Actor, TraceID: b.by.TraceID, Organization: b.scope.Organization,
		Subject: subject, Before: before, After: after,
	})
}

// user notes what happened to a user.
func (b *batch) user(e Event) {
	b.events = append(b.events, e)
	b.tags = append(b.tags, change.User(e.User))
}

// finish tells everybody.
func (b *batch) finish(ctx context.Context) error {
	for of, sum := range b.counts {
		if err := writeCount(ctx, b.tx, of, b.shard, sum); err != nil {
			return err
		}
	}
	if err := b.writeSeen(ctx); err != nil {
		return err
	}
	for _, r := range b.records {
		if err := b.d.audit.Append(ctx, b.tx, r); err != nil {
			return err
		}
	}
	if len(b.tags) > 0 {
		if err := b.d.feed.Append(ctx, b.tx, b.tags...); err != nil {
			return err
		}
	}
	if len(b.events) > 0 && b.d.listener != nil {
		return b.d.listener.Changed(ctx, b.tx, b.by, b.scope, b.events)
	}
	return nil
}

// line is that of all who change one scope. The group of a roll-out, and the
// counts, are changed by each of them.
func (s Scope) line() string { return "directory/" + s.Organization + "/" + s.Connection }
