package scim

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The sizes of the pieces in which a list is read: no more than so many resources
// are in memory, and of each group so many members.
const (
	listChunk   = 200
	listMembers = 100
)

// search answers a list of resources of one type, or of all (RFC 7644 §3.4.2).
func (h *handler) search(ctx context.Context, req *request, o *output) error {
	var l listing
	var err error
	if req.body != nil {
		l, err = h.listingOfBody(req.body, req.reading)
	} else {
		l, err = h.listingOfQuery(req.query)
	}
	if err != nil {
		return err
	}
	var expr filter.Expr
	if l.filtered {
		if expr, err = filter.Parse(l.filter, req.reading); err != nil {
			return err
		}
	}
	kinds := h.kinds
	if req.kind != nil {
		kinds = []*kind{req.kind}
	} else if l.sortBy != "" || l.byCursor {
		return fail(http.StatusBadRequest, scimerr.InvalidValue, "A list of all resource types can be neither sorted nor paged by cursor. Search one of them.")
	}
	s := search{handler: h, req: req, listing: l, out: o, skip: l.start - 1, left: l.count}
	finds, err := s.compile(kinds, expr)
	if err != nil {
		return err
	}
	return s.run(ctx, finds)
}

// search is a list on its way.
type search struct {
	*handler
	req     *request
	listing listing
	out     *output

	skip, left     int // resources, on the types still to come
	total          int
	items          int
	next, previous string
}

// find is what is asked of one type.
type find struct {
	query directory.Query
	again *filter.Expr // a filter to look with again if nothing was found
	view  view
}

// compile says what is asked of each type.
func (s *search) compile(kinds []*kind, expr filter.Expr) ([]find, error) {
	finds := make([]find, len(kinds))
	for i, k := range kinds {
		f := find{query: directory.Query{Type: k.Type(), Descending: s.listing.descending}}
		if expr != nil {
			of := expr
			if s.req.kind == nil {
				of = s.within(k, expr)
			}
			compiled, err := filter.Compile(of, k.ResourceType, s.req.reading)
			if err != nil {
				return nil, err
			}
			f.query.Filter = &compiled
			if plain, escaped := filter.Unescape(of); escaped && s.req.reading.Allows(dialect.EncodedOperand) {
				f.again = &plain
			}
		}
		if s.listing.sortBy != "" {
			if err := s.sort(k, &f.query); err != nil {
				return nil, err
			}
		}
		f.view = view{kind: k, plan: k.project(s.listing.attributes, s.listing.excluded), base: s.req.base}
		f.query.Attributes = f.view.needsAttributes()
		f.query.Groups = k.user() && f.view.plan.shows("groups")
		if k.group() && f.view.plan.shows("members") {
			f.query.Members = listMembers
		}
		finds[i] = f
	}
	return finds, nil
}

// sort sets the order (RFC 7644 §3.4.2.3). A complex attribute is sorted by its
// value.
func (s *search) sort(k *kind, q *directory.Query) error {
	t, ok := k.Resolve(s.listing.sortBy)
	if !ok || t.Attribute == nil {
		return scimerr.New(scimerr.InvalidPath, "sortBy names no attribute of %s.", k.Name)
	}
	leaf, path := t.Leaf(), t.Path
	if leaf.Type == schema.Complex {
		if leaf = leaf.Value(); leaf == nil {
			return scimerr.New(scimerr.InvalidPath, "sortBy names a complex attribute. Name one of its sub-attributes.")
		}
		path = append(slices.Clip(path), leaf.Name)
	}
	switch path[0] {
	case "schemas", "password", "members", "groups":
		return scimerr.New(scimerr.InvalidPath, "Resources cannot be sorted by %s.", path[0])
	case "meta":
		if leaf.Name != "created" && leaf.Name != "lastModified" {
			return scimerr.New(scimerr.InvalidPath, "Resources cannot be sorted by meta.%s.", leaf.Name)
		}
	}
	q.Sort, q.SortExact = path, leaf.CaseExact
	return nil
}

// run reads and answers piece by piece. What belongs behind the resources of the
// JSON is known only then.
func (s *search) run(ctx context.Context, finds []find) error {
	o := s.out
	o.buf = append(o.buf, `{"schemas":["`+listURN+`"],"Resources":[`...)
	for i := range finds {
		if err := s.one(ctx, &finds[i]); err != nil {
			return err
		}
	}
	o.buf = append(o.buf, `],"totalResults":`...)
	o.buf = strconv.AppendInt(o.buf, int64(s.total), 10)
	o.buf = append(o.buf, `,"itemsPerPage":`...)
	o.buf = strconv.AppendInt(o.buf, int64(s.items), 10)
	if !s.listing.byCursor {
		o.buf = append(o.buf, `,"startIndex":`...)
		o.buf = strconv.AppendInt(o.buf, int64(s.listing.start), 10)
	}
	if s.next != "" {
		o.buf = appendText(appendName(o.buf, "nextCursor"), s.next)
	}
	if s.previous != "" {
		o.buf = appendText(appendName(o.buf, "previousCursor"), s.previous)
	}
	o.buf = append(o.buf, '}')
	return nil
}

// one lists the resources of one type.
func (s *search) one(ctx context.Context, f *find) error {
	f.query.Start, f.query.Cursor = s.skip, s.listing.cursor
	for first := true; ; first = false {
		f.query.Limit = min(s.left, listChunk)
		page, err := s.directory.Find(ctx, f.query)
		if err != nil {
			return cursorError(err, f.query.Cursor != "")
		}
		if first {
			if page.Total == 0 && f.again != nil {
				if page, err = s.unescaped(ctx, f); err != nil {
					return err
				}
			}
			s.total += page.Total
			s.skip = max(0, s.skip-page.Total)
			s.previous = page.Previous
		}
		if len(page.Resources) > s.left {
			return problem.New(problem.Internal, "the directory answered more resources than were asked for")
		}
		for i := range page.Resources {
			if s.items > 0 {
				s.out.buf = append(s.out.buf, ',')
			}
			if err := s.resource(ctx, s.out, f.view, &page.Resources[i]); err != nil {
				return err
			}
			s.items++
		}
		s.left -= len(page.Resources)
		s.next = page.Next
		if page.Next == "" || s.left == 0 {
			return nil
		}
		if len(page.Resources) == 0 {
			return problem.New(problem.Internal, "the directory answered an empty page that is not the last")
		}
		f.query.Start, f.query.Cursor = 0, page.Next
	}
}

// unescaped looks again for what was encoded twice (EN-18).
func (s *search) unescaped(ctx context.Context, f *find) (directory.Page, error) {
	compiled, err := filter.Compile(*f.again, f.view.kind.ResourceType, s.req.reading)
	if err != nil {
		return directory.Page{}, err
	}
	f.query.Filter = &compiled
	s.req.reading.Took(dialect.EncodedOperand, "filter")
	return s.directory.Find(ctx, f.query)
}

// cursorError says of a cursor that the directory does not know that it is the
// cursor.
func cursorError(err error, byCursor bool) error {
	if byCursor && problem.Is(err, problem.Invalid) {
		return fail(http.StatusBadRequest, invalidCursor, "The cursor is none that this list gave. Begin with an empty one, and go on with the nextCursor of each page.")
	}
	return err
}
