package filter

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Compile says what a filter asks of the directory, for a type of resource:
// names resolved, values of the attribute's type, and how they compare. What it
// does not support is an error (invalidFilter), never a filter that holds for
// more.
func Compile(e Expr, rt *schema.ResourceType, r *dialect.Reading) (directory.Filter, error) {
	c := compiler{rt: rt, reading: r}
	return c.expr(e)
}

// CompileElement is Compile for a filter over the values of one attribute, such
// as stands in the path of a PATCH. The paths of the result begin at the value;
// that of a simple value is {"value"} (RFC 7643 §2.4).
func CompileElement(e Expr, a *schema.Attribute, r *dialect.Reading) (directory.Filter, error) {
	c := compiler{element: a, reading: r}
	return c.expr(e)
}

// compiler compiles filters over resources of a type, or over the values of an
// attribute.
type compiler struct {
	rt      *schema.ResourceType
	element *schema.Attribute
	reading *dialect.Reading
}

func invalid(format string, args ...any) error {
	return scimerr.New(scimerr.InvalidFilter, format, args...)
}

func (c compiler) expr(e Expr) (directory.Filter, error) {
	switch e := e.(type) {
	case And:
		return c.list(directory.And, e)
	case Or:
		return c.list(directory.Or, e)
	case Not:
		return c.list(directory.Not, []Expr{e.Of})
	case ValuePath:
		return c.valuePath(e)
	case Compare:
		return c.compare(e)
	}
	return directory.Filter{}, invalid("There is no filter.")
}

func (c compiler) list(op directory.Op, in []Expr) (directory.Filter, error) {
	f := directory.Filter{Op: op, Filters: make([]directory.Filter, len(in))}
	for i, e := range in {
		var err error
		if f.Filters[i], err = c.expr(e); err != nil {
			return directory.Filter{}, err
		}
	}
	return f, nil
}

// target is a resolved name of a comparison.
type target struct {
	path directory.Path
	leaf *schema.Attribute
}

func (c compiler) resolve(name string) (target, error) {
	if c.element != nil {
		return c.within(name)
	}
	t, ok := c.rt.Resolve(name)
	if !ok && (schema.Same(name, "email") || schema.Same(name, "email.value")) {
		if t, ok = c.rt.Resolve("emails"); ok {
			ok = c.reading.Took(dialect.SingularEmail, name)
		}
	}
	switch {
	case !ok:
		return target{}, invalid("The resource type %s has no attribute %s to filter by.", c.rt.Name, scimerr.Quote(name))
	case t.Unqualified && !c.reading.Took(dialect.Unqualified, name):
		return target{}, invalid("The attribute %s belongs to an extension, whose URN must stand before it.", scimerr.Quote(name))
	case t.Alias != "" && !c.reading.Took(dialect.AliasedURN, name):
		return target{}, invalid("The schema %s is not one of the resource type %s.", scimerr.Quote(t.Alias), c.rt.Name)
	case t.Attribute != nil && t.Attribute.Returned == schema.Never:
		return target{}, invalid("The attribute %s is never returned, and cannot be filtered by.", scimerr.Quote(name))
	}
	return target{path: t.Path, leaf: t.Leaf()}, nil
}

// within resolves a name that begins at a value of an attribute.
func (c compiler) within(name string) (target, error) {
	if c.element.Type != schema.Complex && schema.Same(name, "value") {
		simple := *c.element
		simple.MultiValued = false
		return target{path: directory.Path{"value"}, leaf: &simple}, nil
	}
	a := c.element.Lookup(name)
	if a == nil {
		return target{}, invalid("The values of %s have no %s to filter by.", c.element.Name, scimerr.Quote(name))
	}
	return target{path: directory.Path{a.Name}, leaf: a}, nil
}

// valuePath compiles attr[filter].
func (c compiler) valuePath(v ValuePath) (directory.Filter, error) {
	if c.element != nil {
		return directory.Filter{}, invalid("A filter in brackets cannot have brackets.")
	}
	t, err := c.resolve(v.Attr)
	switch {
	case err != nil:
		return directory.Filter{}, err
	case t.leaf == nil || !t.leaf.MultiValued && t.leaf.Type != schema.Complex || known(t.path):
		return directory.Filter{}, invalid("The attribute %s has no values that a filter in brackets could choose from.", scimerr.Quote(v.Attr))
	}
	inner, err := CompileElement(v.Filter, t.leaf, c.reading)
	switch {
	case err != nil:
		return directory.Filter{}, err
	case !t.leaf.MultiValued:
		return below(t.path, inner), nil
	case membership(t.path) || t.leaf.Type != schema.Complex:
		return flat(t, v.Attr, inner)
	}
	return directory.Filter{Op: directory.Any, Path: t.path, Filters: []directory.Filter{inner}}, nil
}

// below puts the paths of a filter over the one value of an attribute behind
// the attribute's.
func below(path directory.Path, f directory.Filter) directory.Filter {
	if f.Path != nil {
		f.Path = append(slices.Clip(path), f.Path...)
	}
	for i := range f.Filters {
		f.Filters[i] = below(path, f.Filters[i])
	}
	return f
}

// flat compiles a filter over memberships or simple values without Any: what
// holds for one of several holds for one of the values. Other filters over them
// there are not.
func flat(t target, name string, f directory.Filter) (directory.Filter, error) {
	switch f.Op {
	case directory.Or:
		for i := range f.Filters {
			var err error
			if f.Filters[i], err = flat(t, name, f.Filters[i]); err != nil {
				return directory.Filter{}, err
			}
		}
		return f, nil
	case directory.And, directory.Not, directory.Any:
		return directory.Filter{}, invalid("The values of %s cannot be combined in a filter.", scimerr.Quote(name))
	default: // a comparison
	}
	if f.Path[0] != "value" {
		return directory.Filter{}, invalid("The attribute %s can be filtered by its value only.", scimerr.Quote(name))
	}
	f.Path = t.path
	if membership(t.path) {
		f.Path = directory.Path{t.path[0], "value"}
	}
	return f, nil
}

// membership reports whether a path is that of memberships, which the directory
// keeps apart from documents.
func membership(p directory.Path) bool {
	return len(p) > 0 && (p[0] == "members" || p[0] == "groups")
}
