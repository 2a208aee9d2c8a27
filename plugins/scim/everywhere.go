package scim

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// nothing is a filter that holds for nobody.
var nothing = filter.Not{Of: filter.Compare{Attr: "id", Op: directory.Present}}

// within is a filter over all types as it is meant for one of them: what names an
// attribute that only others have does not hold (RFC 7644 §3.4.2.1). What no
// type has stays, so that it is refused.
func (h *handler) within(k *kind, e filter.Expr) filter.Expr {
	list := func(in []filter.Expr) []filter.Expr {
		out := make([]filter.Expr, len(in))
		for i := range in {
			out[i] = h.within(k, in[i])
		}
		return out
	}
	switch e := e.(type) {
	case filter.And:
		return filter.And(list(e))
	case filter.Or:
		return filter.Or(list(e))
	case filter.Not:
		return filter.Not{Of: h.within(k, e.Of)}
	case filter.ValuePath:
		if h.elsewhere(k, e.Attr) {
			return nothing
		}
	case filter.Compare:
		if h.elsewhere(k, e.Attr) {
			return nothing
		}
	}
	return e
}

func (h *handler) elsewhere(k *kind, name string) bool {
	if _, here := k.Resolve(name); here {
		return false
	}
	return slices.ContainsFunc(h.kinds, func(other *kind) bool {
		_, there := other.Resolve(name)
		return there
	})
}
