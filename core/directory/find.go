package directory

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Find answers one page of what a query finds in a scope, all of it from one
// snapshot. What is wrong with the query is a Problem (Invalid, or TooLarge over
// a limit); a store that fails is an error, never an empty page.
func (d *Directory) Find(ctx context.Context, s Scope, asked sdk.Query) (page sdk.Page, err error) {
	q, err := check(s, asked)
	if err != nil {
		return sdk.Page{}, err
	}
	if q.ID != "" && !idForm.MatchString(q.ID) {
		return sdk.Page{}, nil // it can be nobody's
	}
	err = d.store.Read(ctx, func(tx *store.Tx) error {
		page, err = (&finder{d: d, tx: tx, query: q}).find(ctx)
		return err
	})
	if err != nil {
		return sdk.Page{}, err
	}
	return page, nil
}

// finder answers one query within a transaction.
type finder struct {
	*query
	d  *Directory
	tx *store.Tx
}

// found is a part of a listing, in its order.
type found struct {
	resources []*resource
	marks     []mark // of the resources
	total     int
	earlier   bool // there are others before
	later     bool // there are others behind
}

func (f *finder) find(ctx context.Context) (sdk.Page, error) {
	var all *found
	var err error
	switch {
	case len(f.Sort) > 0:
		all, err = f.sorted(ctx)
	case f.grip == exact:
		all, err = f.listed(ctx)
	default:
		all, err = f.filtered(ctx)
	}
	if err != nil {
		return sdk.Page{}, err
	}
	page := sdk.Page{Total: all.total, Resources: make([]sdk.Resource, len(all.resources))}
	for i, r := range all.resources {
		page.Resources[i] = r.shown(f.Attributes)
	}
	if n := len(all.marks); n > 0 {
		if all.later {
			page.Next = all.marks[n-1].cursor(f.digest)
		}
		if first := all.marks[0]; all.earlier {
			first.before = true
			page.Previous = first.cursor(f.digest)
		}
	}
	return page, f.relate(ctx, page.Resources)
}

func (r *resource) shown(attributes bool) sdk.Resource {
	s := sdk.Resource{
		Type: r.typ, ID: r.id, ExternalID: r.externalID, Version: r.version,
		Created: time.UnixMicro(r.created), Modified: time.UnixMicro(r.modified),
	}
	if attributes {
		s.Attributes = r.document
	}
	return s
}

func (r *resource) mark() mark { return mark{created: r.created, id: r.id} }

// listed has SQL do all of it.
func (f *finder) listed(ctx context.Context) (*found, error) {
	all := &found{}
	var sum tally
	var err error
	if f.whole() {
		if sum, err = readCount(ctx, f.tx, f.scope, f.Type); err != nil {
			return nil, err
		}
		all.total = sum.resources
	}
	if f.Limit > 0 {
		if err := f.page(ctx, all, sum.changes); err != nil {
			return nil, err
		}
	}
	if f.whole() {
		return all, nil
	}
	if f.Limit > 0 && f.Start == 0 && f.from == nil && !all.later {
		all.total = len(all.resources)
		return all, nil
	}
	var st statement
	st.text("SELECT COUNT(*)")
	f.where(&st)
	return all, f.tx.QueryRow(ctx, st.String(), st.args...).Scan(&all.total)
}

// page reads one page, and one resource more, which tells whether there are
// others.
func (f *finder) page(ctx context.Context, all *found, changes int) error {
	from, skip := f.from, f.Start
	here := start{scope: f.scope, typ: f.Type, changes: changes, number: f.Start}
	if f.whole() && skip > 0 {
		if last, ok := f.d.starts.find(here); ok {
			from, skip = &last, 0
		}
	}
	backward := from != nil && from.before
	var st statement
	f.selected(&st, f.Attributes)
	f.where(&st)
	switch {
	case backward:
		st.text(" AND (r.created, r.id) < (" + st.arg(from.created) + ", " + st.arg(from.id) + ")")
		st.text(" ORDER BY r.created DESC, r.id DESC")
	case from != nil:
		st.text(" AND (r.created, r.id) > (" + st.arg(from.created) + ", " + st.arg(from.id) + ")")
		st.text(" ORDER BY r.created, r.id")
	default:
		st.text(" ORDER BY r.created, r.id")
	}
	st.text(" LIMIT " + st.arg(f.Limit+1))
	if skip > 0 {
		st.text(" OFFSET " + st.arg(skip))
	}
	err := f.each(ctx, &st, func(r *resource) error {
		all.resources = append(all.resources, r)
		return nil
	})
	if err != nil {
		return err
	}
	more := len(all.resources) > f.Limit
	all.resources = all.resources[:min(f.Limit, len(all.resources))]
	if all.earlier, all.later = from != nil || skip > 0, more; backward {
		slices.Reverse(all.resources)
		all.earlier, all.later = more, true
	}
	for _, r := range all.resources {
		all.marks = append(all.marks, r.mark())
	}
	if n := len(all.marks); f.whole() && n == f.Limit && f.from == nil {
		here.number += n
		f.d.starts.put(here, all.marks[n-1])
	}
	return nil
}

// selected writes which columns are read; of the document none where nobody
// looks at it.
func (f *finder) selected(st *statement, document bool) {
	if document {
		st.text("SELECT " + columns)
		return
	}
	st.text("SELECT " + withoutDocument)
}

const withoutDocument = `r.organization, r.connection, r.type, r.id, r.external_id, r.name, r.display, r.active, '', r.version, r.created, r.modified`

// each reads rows of columns, and what else stands behind them.
func (f *finder) each(ctx context.Context, st *statement, do func(*resource) error, more ...any) error {
	rows, err := f.tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		r := &resource{}
		if err := rows.Scan(append(r.into(), more...)...); err != nil {
			return err
		}
		if err := do(r); err != nil {
			return err
		}
	}
	return rows.Err()
}
