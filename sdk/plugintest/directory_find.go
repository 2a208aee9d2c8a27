package plugintest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Find answers as hostsvc.Host.Find.
func (d *Directory) Find(ctx context.Context, q directory.Query) (directory.Page, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failure(ctx, "Find"); err != nil {
		return directory.Page{}, err
	}
	if err := checkQuery(q); err != nil {
		return directory.Page{}, err
	}
	found, err := d.found(q)
	if err != nil {
		return directory.Page{}, err
	}
	from, to, err := d.section(q, found)
	if err != nil {
		return directory.Page{}, err
	}
	page := directory.Page{Total: len(found)}
	for _, r := range found[from:to] {
		page.Resources = append(page.Resources, d.asked(q, r.entry))
	}
	if from < to && to < len(found) {
		page.Next = d.remember(q, cursor{place: found[to-1].place})
	}
	if from < to && from > 0 {
		page.Previous = d.remember(q, cursor{place: found[from].place, before: true})
	}
	return page, nil
}

// Members answers as hostsvc.Host.Members.
func (d *Directory) Members(ctx context.Context, group, after string, limit int) ([]directory.Member, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failure(ctx, "Members"); err != nil {
		return nil, false, err
	}
	e, ok := d.entry(directory.Group, group)
	switch {
	case limit < 1 || limit > directory.PageLimit:
		return nil, false, problem.New(problem.TooLarge, "%d members were asked for, 1 to %d can be", limit, directory.PageLimit)
	case !ok:
		return nil, false, errNotThere(directory.Group, group)
	}
	members, more := d.membersOf(e, after, limit)
	return members, more, nil
}

func checkQuery(q directory.Query) error {
	switch {
	case !q.Type.Check():
		return problem.New(problem.Invalid, "%q is no type", string(q.Type))
	case q.Limit < 0 || q.Limit > directory.PageLimit || q.Members < 0 || q.Members > directory.PageLimit:
		return problem.New(problem.TooLarge, "a page has at most %d resources, and members of each", directory.PageLimit)
	case q.Start < 0 || q.Start > 0 && q.Cursor != "":
		return problem.New(problem.Invalid, "a page begins at a start that is not negative, or at a cursor")
	}
	comparisons := 0
	return checkFilter(q.Filter, &comparisons)
}

// place is where an entry stands in an order. It does not move when the entry
// is changed, so that a cursor keeps its meaning.
type place struct {
	key  any // what it is sorted by; nil is nothing
	made int
}

type placed struct {
	*entry
	place
}

// found are all that a query finds, in its order.
func (d *Directory) found(q directory.Query) ([]placed, error) {
	candidates := d.order
	if q.ID != "" {
		candidates = nil
		if e, ok := d.entry(q.Type, q.ID); ok {
			candidates = []*entry{e}
		}
	}
	var out []placed
	for _, e := range candidates {
		if e.resource.Type != q.Type || e.unowned {
			continue
		}
		holds, err := d.holds(e, q.Filter)
		if err != nil {
			return nil, err
		}
		if holds {
			out = append(out, placed{e, place{made: e.made}})
		}
	}
	if q.Sort != nil {
		for i := range out {
			out[i].key = d.sortKey(out[i].entry, q)
		}
	}
	slices.SortFunc(out, func(a, b placed) int { return orderOf(q)(a.place, b.place) })
	return out, nil
}

// orderOf is the order that a query asks for.
func orderOf(q directory.Query) func(a, b place) int {
	return func(a, b place) int {
		c := compareKeys(a.key, b.key)
		if q.Descending {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.made, b.made))
	}
}

// cursor is where a page ended, or before which one is to end.
type cursor struct {
	place  place
	before bool
	query  string // that it belongs to
}

func (d *Directory) remember(q directory.Query, c cursor) string {
	c.query = signature(q)
	name := rand.Text()
	d.cursors[name] = c
	return name
}

// signature is what has to be the same on all pages.
func signature(q directory.Query) string {
	text, _ := json.Marshal([]any{q.Type, q.ID, q.Filter, q.Sort, q.SortExact, q.Descending}) // texts always encode
	return string(text)
}

// section is which of the found make the page.
func (d *Directory) section(q directory.Query, found []placed) (from, to int, err error) {
	from = min(q.Start, len(found))
	if q.Cursor != "" {
		c, ok := d.cursors[q.Cursor]
		if !ok || c.query != signature(q) {
			return 0, 0, problem.New(problem.Invalid, "the cursor is not one of this query")
		}
		at, is := slices.BinarySearchFunc(found, c.place, func(p placed, c place) int { return orderOf(q)(p.place, c) })
		if c.before {
			return max(0, at-q.Limit), at, nil
		}
		if from = at; is {
			from++
		}
	}
	return from, min(from+q.Limit, len(found)), nil
}

// asked is of an entry what a query asks for.
func (d *Directory) asked(q directory.Query, e *entry) directory.Resource {
	r := e.resource
	r.Attributes = nil
	if q.Attributes {
		r.Attributes = slices.Clone(e.resource.Attributes)
	}
	if q.Members > 0 {
		r.Members, r.More = d.membersOf(e, "", q.Members)
	}
	if q.Groups {
		r.Groups = d.groupsOf(e)
	}
	return r
}
