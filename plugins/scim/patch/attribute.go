package patch

import (
	"maps"

	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// attribute applies an operation to an attribute of the document.
func (c *change) attribute(op Op, path filter.Path, t schema.Target) error {
	a := t.Attribute
	if op.Op == Remove {
		if a.Required && t.Sub == nil && path.Filter == nil {
			return scimerr.New(scimerr.Mutability, "The attribute %s is required, and cannot be removed.", a.Name)
		}
	}
	owner := c.owner(t)
	var err error
	switch {
	case a.MultiValued:
		err = c.multi(op, path, t, owner)
	case path.Filter != nil:
		err = scimerr.New(scimerr.InvalidPath, "The attribute %s has one value only, of which none can be chosen.", a.Name)
	case t.Sub != nil:
		err = c.sub(op, a, t.Sub, owner)
	case a.Type == schema.Complex:
		err = c.complex(op, a, owner)
	default:
		err = c.simpleAttribute(op, a, owner)
	}
	if t.Extension != nil {
		c.doc[t.Extension.ID] = owner
		if len(owner) == 0 {
			delete(c.doc, t.Extension.ID)
		}
	}
	return err
}

// simpleAttribute applies an operation to an attribute with one simple value.
// Whether a user is active is never left open: what that means is for each
// reader to guess, and a guess would let somebody in.
func (c *change) simpleAttribute(op Op, a *schema.Attribute, owner map[string]any) error {
	var v any
	if op.Op != Remove {
		var err error
		if v, err = c.value(a, op.Value, of(a)); err != nil {
			return err
		}
	}
	if v == nil && !c.writes && c.isActive(a) {
		return scimerr.New(scimerr.InvalidValue, "The attribute active is true or false.")
	}
	return c.set(owner, a, v)
}

func (c *change) isActive(a *schema.Attribute) bool {
	return c.rt.Schema.ID == schema.UserURN && a == c.rt.Schema.Lookup("active")
}

// owner is the object that the attribute stands in.
func (c *change) owner(t schema.Target) map[string]any {
	if t.Extension == nil {
		return c.doc
	}
	if object, ok := c.doc[t.Extension.ID].(map[string]any); ok {
		return object
	}
	return map[string]any{}
}

// set gives an attribute its value; nil unassigns it. What is immutable has the
// first value that it was given (RFC 7643 §2.2).
func (c *change) set(owner map[string]any, a *schema.Attribute, v any) error {
	if old, ok := owner[a.Name]; ok && a.Mutability == schema.Immutable && !equal(old, v) {
		return scimerr.New(scimerr.Mutability, "The attribute %s is immutable.", a.Name)
	}
	if v == nil {
		delete(owner, a.Name)
	} else {
		owner[a.Name] = v
	}
	return nil
}

// complex applies an operation to a complex attribute with one value. What is
// not named of it stays (RFC 7644 §3.5.2.1, §3.5.2.3).
func (c *change) complex(op Op, a *schema.Attribute, owner map[string]any) error {
	if op.Op == Remove || op.Value == nil {
		return c.set(owner, a, nil)
	}
	given, whole, err := c.object(a, op.Value, of(a))
	if err != nil {
		return err
	}
	old, _ := owner[a.Name].(map[string]any)
	if whole || old == nil {
		return c.set(owner, a, solid(given))
	}
	return c.set(owner, a, solid(merged(a, old, given)))
}

// sub applies an operation to a sub-attribute of a complex attribute.
func (c *change) sub(op Op, a, sub *schema.Attribute, owner map[string]any) error {
	var v any
	if op.Op != Remove {
		var err error
		if v, err = c.value(sub, op.Value, of(a).sub(sub)); err != nil {
			return err
		}
	}
	old, _ := owner[a.Name].(map[string]any)
	return c.set(owner, a, solid(merged(a, old, map[string]any{sub.Name: v})))
}

// merged is an object with what is given put over what was; nil takes away. A
// reference is of the value that it came with, and goes when that does.
func merged(a *schema.Attribute, old, given map[string]any) map[string]any {
	out := make(map[string]any, len(old)+len(given))
	maps.Copy(out, old)
	if v, ok := given["value"]; ok && a.Lookup("$ref") != nil && !equal(v, old["value"]) {
		delete(out, "$ref")
	}
	maps.Copy(out, given)
	return out
}

// solid is an object without what is nil in it; nil if nothing is left.
func solid(object map[string]any) any {
	for k, v := range object {
		if v == nil {
			delete(object, k)
		}
	}
	if len(object) == 0 {
		return nil
	}
	return object
}
