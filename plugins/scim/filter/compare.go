package filter

import (
	"slices"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

func (c compiler) compare(e Compare) (directory.Filter, error) {
	t, err := c.resolve(e.Attr)
	if err != nil {
		return directory.Filter{}, err
	}
	if c.element == nil {
		if known(t.path) {
			return c.constant(t, e)
		}
		if membership(t.path) {
			if len(t.path) == 2 && t.path[1] != "value" {
				return directory.Filter{}, invalid("The attribute %s can be filtered by its value only.", scimerr.Quote(t.path[0]))
			}
			t = target{path: directory.Path{t.path[0], "value"}, leaf: memberValue(c.rt, t.path[0])}
		}
	}
	switch {
	case e.Op == directory.Present:
		return directory.Filter{Op: e.Op, Path: t.path}, nil
	case t.leaf == nil:
		return directory.Filter{}, invalid("The extension %s can be compared with nothing: name one of its attributes.", scimerr.Quote(e.Attr))
	case e.Value == nil:
		return null(t, e)
	}
	if t, err = c.value(t, e); err != nil {
		return directory.Filter{}, err
	}
	v, err := c.operand(t.leaf, e)
	if err != nil {
		return directory.Filter{}, err
	}
	return directory.Filter{Op: e.Op, Path: t.path, Value: v, CaseExact: t.leaf.CaseExact, Time: t.leaf.Type == schema.DateTime}, nil
}

func memberValue(rt *schema.ResourceType, name string) *schema.Attribute {
	t, _ := rt.Resolve(name)
	return t.Attribute.Value()
}

// value goes from a complex attribute to its value, which is what a filter
// without a sub-attribute means (RFC 7644 §3.4.2.2: emails co "example.com").
func (c compiler) value(t target, e Compare) (target, error) {
	if t.leaf.Type != schema.Complex {
		return t, nil
	}
	v := t.leaf.Value()
	if v == nil {
		return target{}, invalid("The attribute %s is complex: name the sub-attribute to compare.", scimerr.Quote(e.Attr))
	}
	if !t.leaf.MultiValued && !c.reading.Took(dialect.ComplexOperand, e.Attr) {
		return target{}, invalid("The attribute %s is complex: compare %s.", scimerr.Quote(e.Attr), scimerr.Quote(e.Attr+".value"))
	}
	return target{path: append(slices.Clip(t.path), v.Name), leaf: v}, nil
}

// null compiles comparisons with null: an attribute without a value equals it
// (RFC 7643 §2.5), and it has no order.
func null(t target, e Compare) (directory.Filter, error) {
	switch {
	case e.Op != directory.Equal && e.Op != directory.NotEqual:
		return directory.Filter{}, invalid("Nothing is %q than null.", e.Op)
	case membership(t.path):
		f := directory.Filter{Op: directory.Present, Path: t.path}
		if e.Op == directory.Equal {
			f = directory.Filter{Op: directory.Not, Filters: []directory.Filter{f}}
		}
		return f, nil
	}
	return directory.Filter{Op: e.Op, Path: t.path}, nil
}

// known reports whether an attribute is the same for every resource of the
// type, or not the directory's to know.
func known(p directory.Path) bool {
	return p[0] == "schemas" || p[0] == "meta" && (len(p) == 1 || p[1] != "created" && p[1] != "lastModified")
}

// constant compiles comparisons with attributes that the type decides.
func (c compiler) constant(t target, e Compare) (directory.Filter, error) {
	always := directory.Filter{Op: directory.Present, Path: directory.Path{"id"}}
	text, isText := e.Value.(string)
	switch {
	case e.Op == directory.Present:
		return always, nil
	case t.path[0] == "schemas" && e.Op == directory.Equal && isText:
		if schema.Same(text, c.rt.Schema.ID) {
			return always, nil
		}
		if x := c.rt.Extension(text); x != nil {
			return directory.Filter{Op: directory.Present, Path: directory.Path{x.ID}}, nil
		}
		return negated(always), nil
	case slices.Equal(t.path, directory.Path{"meta", "resourceType"}) && isText && (e.Op == directory.Equal || e.Op == directory.NotEqual):
		if (text == c.rt.Name) == (e.Op == directory.Equal) {
			return always, nil
		}
		return negated(always), nil
	}
	return directory.Filter{}, invalid("The attribute %s cannot be filtered by with %q.", scimerr.Quote(e.Attr), e.Op)
}

func negated(f directory.Filter) directory.Filter {
	return directory.Filter{Op: directory.Not, Filters: []directory.Filter{f}}
}
