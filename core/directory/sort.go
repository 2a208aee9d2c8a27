package directory

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	keyLimit  = 1024     // bytes of a text that is sorted by; what is longer counts as equal
	sortLimit = 64 << 20 // bytes of all keys of one sort
)

// sorted sorts the keys of all that match, and reads the page.
func (f *finder) sorted(ctx context.Context) (*found, error) {
	var places []mark
	size := 0
	err := f.matching(ctx, func(r *resource) error {
		m := r.mark()
		m.key = subject{resource: r}.key(f.Sort, f.SortExact)
		if size += len(m.key) + 64; size > sortLimit {
			return problem.New(problem.TooLarge, "there is too much to sort").WithHint("filter, or read without an order")
		}
		places = append(places, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(places, f.compare)
	first, last := f.Start, f.Start+f.Limit
	if f.from != nil {
		first = sort.Search(len(places), func(i int) bool { return f.compare(places[i], *f.from) > 0 })
		last = first + f.Limit
		if f.from.before {
			last = sort.Search(len(places), func(i int) bool { return f.compare(places[i], *f.from) >= 0 })
			first = last - f.Limit
		}
	}
	first = min(max(first, 0), len(places))
	last = min(max(last, first), len(places))
	all := &found{total: len(places), marks: places[first:last], earlier: first > 0, later: last < len(places)}
	return all, f.pick(ctx, all)
}

// compare puts places in the query's order: those without a value are last when
// ascending (RFC 7644 §3.4.2.3); equal ones come in the order in which they were
// made.
func (f *finder) compare(a, b mark) int {
	order := strings.Compare(a.key, b.key)
	if (a.key == "") != (b.key == "") {
		order = -order
	}
	if f.Descending {
		order = -order
	}
	switch {
	case order != 0:
		return order
	case a.less(b):
		return -1
	case b.less(a):
		return 1
	}
	return 0
}

// key is a text that sorts as the value does; "" without one. Of a multi-valued
// attribute it is that of the primary value, or else of the first.
func (s subject) key(path []string, exact bool) string {
	var raw []byte
	if s.document = chosen(s.document, path); s.document != nil {
		for raw = range s.values(path) {
			break
		}
	}
	if raw == nil {
		return ""
	}
	switch raw[0] {
	case 'f', 't':
		return "b" + string(raw[:1])
	case '"':
		text, _ := textOf(raw)
		if !exact {
			text = fold(text)
		}
		return "t" + cut(text, keyLimit)
	case '{', '[':
		return ""
	}
	f, _ := json.Number(raw).Float64() // out of range is infinite, which sorts as it should
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return "n" + string(binary.BigEndian.AppendUint64(nil, bits))
}

// chosen is a document with the primary element of the attribute only, if there
// is one.
func chosen(document []byte, path []string) []byte {
	if len(path) != 2 {
		return document
	}
	for element := range elements(field(document, path[0])) {
		if element[0] == '{' && string(field(element, "primary")) == "true" {
			name, _ := json.Marshal(path[0]) // a string always encodes
			return fmt.Appendf(nil, "{%s:%s}", name, element)
		}
	}
	return document
}

// pick reads the resources of a page by their ids.
func (f *finder) pick(ctx context.Context, all *found) error {
	byID := make(map[string]*resource, len(all.marks))
	for part := range slices.Chunk(all.marks, chunk) {
		ids := make([]string, len(part))
		for i, m := range part {
			ids[i] = m.id
		}
		var st statement
		f.selected(&st, f.Attributes)
		st.text(" FROM directory_resource r WHERE r.id IN " + st.list(ids))
		if err := f.each(ctx, &st, func(r *resource) error {
			byID[r.id] = r
			return nil
		}); err != nil {
			return err
		}
	}
	for _, m := range all.marks {
		r, ok := byID[m.id]
		if !ok {
			return fmt.Errorf("%s %s was in the listing and is not there", f.Type, m.id)
		}
		all.resources = append(all.resources, r)
	}
	return nil
}
