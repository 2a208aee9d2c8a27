package directory

import (
	"context"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// matching streams all that fulfil the condition, in the order in which they
// were made. SQL leaves out what it can, and answers what is asked about
// memberships; the documents are looked at here.
func (f *finder) matching(ctx context.Context, do func(*resource) error) error {
	evaluate := f.grip != exact
	var st statement
	f.selected(&st, evaluate || f.Attributes || len(f.Sort) > 0)
	var asked []*condition
	if evaluate {
		asked = f.condition.related(nil)
	}
	for _, c := range asked {
		st.text(", CASE WHEN " + f.narrower.sql(&st, c) + " THEN 1 ELSE 0 END")
	}
	f.where(&st)
	st.text(" ORDER BY r.created, r.id")
	answers := make(map[*condition]*bool, len(asked))
	more := make([]any, len(asked))
	for i, c := range asked {
		answer := new(bool)
		answers[c], more[i] = answer, answer
	}
	related := func(c *condition) bool { return *answers[c] }
	return f.each(ctx, &st, func(r *resource) error {
		if evaluate && !(subject{r, related}).holds(f.condition) {
			return nil
		}
		return do(r)
	}, more...)
}

// related are the parts of a condition that are about memberships.
func (c *condition) related(into []*condition) []*condition {
	if c.relation != "" {
		return append(into, c)
	}
	if c.op == sdk.Any { // within elements of documents there are none
		return into
	}
	for _, part := range c.parts {
		into = part.related(into)
	}
	return into
}

// filtered keeps the page of all that match, and counts the others.
func (f *finder) filtered(ctx context.Context) (*found, error) {
	all := &found{}
	backward := f.from != nil && f.from.before
	err := f.matching(ctx, func(r *resource) error {
		all.total++
		at := r.mark()
		switch {
		case f.Limit == 0:
		case f.from == nil && all.total <= f.Start, f.from != nil && !backward && !f.from.less(at):
			all.earlier = true
		case backward && !at.less(*f.from):
			all.later = true
		case len(all.resources) < f.Limit:
			all.resources, all.marks = append(all.resources, r), append(all.marks, at)
		case backward: // the page is the last before the mark
			all.resources, all.marks, all.earlier = append(all.resources[1:], r), append(all.marks[1:], at), true
		default:
			all.later = true
		}
		return nil
	})
	return all, err
}

// less compares places without a sort key.
func (m mark) less(o mark) bool {
	if m.created != o.created {
		return m.created < o.created
	}
	return m.id < o.id
}
