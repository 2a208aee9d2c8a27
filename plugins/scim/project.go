package scim

import (
	"slices"
	"strings"
)

// project is what an answer shows to who names attributes, or attributes to
// leave out (RFC 7644 §3.9). Names that the type has not select nothing.
func (k *kind) project(attributes, excluded []string) *plan {
	if len(attributes) == 0 && len(excluded) == 0 {
		return k.whole
	}
	return k.newPlan(len(attributes) > 0, k.selection(attributes), k.selection(excluded))
}

func (k *kind) selection(names []string) *selection {
	var s selection
	for _, name := range names {
		// A filter behind the name, which Microsoft's collection has, selects nothing
		// here: the attribute is shown.
		name, _, _ = strings.Cut(name, "[")
		if t, ok := k.Resolve(name); ok {
			s.add(t.Path)
		}
	}
	return &s
}

// view is how the resource of a request is shown.
func (r *request) view() view {
	return view{kind: r.kind, plan: r.kind.project(names(r.query["attributes"]), names(r.query["excludedAttributes"])), base: r.base}
}

// apart are the attributes that the directory has beside a resource's own.
var apart = []string{"schemas", "id", "externalId", "meta", "members", "groups"}

// needsAttributes is whether a resource's own attributes are shown.
func (v view) needsAttributes() bool {
	for name := range v.plan.sub {
		if !slices.Contains(apart, name) {
			return true
		}
	}
	return false
}
