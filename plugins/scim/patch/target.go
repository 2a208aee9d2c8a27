package patch

import (
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// key applies one member of a value without a path. Its name is an attribute's,
// or the URN of an extension; in some dialects it is a path, and so one reading
// serves for all of them.
func (c *change) key(verb Verb, key string, v any) error {
	if strings.ContainsAny(key, ".[:") && !c.isExtension(key) && !c.reading.Took(dialect.FlatKeys, noted(key)) {
		return c.notAName(key)
	}
	path, err := filter.ParsePath(key, c.reading)
	if err != nil {
		return c.unknown(key, true)
	}
	return c.resolved(Op{Op: verb, Path: key, Value: v, HasValue: true}, path, true)
}

// notAName answers to a path where a name belongs: in a whole resource it is the
// message that is wrong, in a PATCH the path (RFC 7644 §3.12, table 9).
func (c *change) notAName(key string) error {
	kind := scimerr.InvalidPath
	if c.writes {
		kind = scimerr.InvalidSyntax
	}
	return scimerr.New(kind, "%s is a path, not the name of an attribute.", scimerr.Quote(key))
}

// noted is a path as a note shows it: what is compared with in a filter is a
// value, and stays out.
func noted(path string) string {
	name, _, filtered := strings.Cut(path, "[")
	if filtered {
		name += "[...]"
	}
	return scimerr.Quote(name)
}

func (c *change) isExtension(key string) bool {
	return c.rt.Extension(key) != nil || c.rt.Alias(key) != nil
}

// at applies an operation with a path.
func (c *change) at(op Op, path filter.Path) error {
	if err := c.resolved(op, path, false); err != nil {
		return err
	}
	return c.spent()
}

// resolved applies an operation to what its path means. merge says that the
// value came without a path, where what is not named is left as it is.
func (c *change) resolved(op Op, path filter.Path, merge bool) error {
	t, ok := c.rt.Resolve(path.Attr)
	switch {
	case !ok:
		return c.unknown(path.Attr, merge)
	case t.Alias != "" && !c.reading.Took(dialect.AliasedURN, scimerr.Quote(t.Alias)):
		return c.unknown(path.Attr, merge)
	case t.Unqualified && !c.reading.Took(dialect.Unqualified, scimerr.Quote(path.Attr)):
		return c.refused(merge, "The attribute %s belongs to an extension, whose URN must stand before it.", scimerr.Quote(path.Attr))
	case t.Attribute == nil:
		return c.extension(op, t.Extension, path, merge)
	}
	a := t.Attribute
	switch {
	case t.Extension == nil && a.Name == "externalId":
		return c.setExternalID(op, path)
	case a.Mutability == schema.ReadOnly, t.Sub != nil && t.Sub.Mutability == schema.ReadOnly, t.Extension == nil && a.Name == "schemas":
		return c.readOnly(path.Attr, merge)
	case c.rt.HasMembers() && t.Extension == nil && a.Name == "members":
		return c.changeMembers(op, path, t)
	case a.Mutability == schema.WriteOnly:
		c.reading.Note("write-only", a.Name+" is not kept")
		_, err := c.value(a, op.Value, of(a))
		return err
	}
	return c.attribute(op, path, t)
}

func (c *change) unknown(name string, merge bool) error {
	if c.reading.Took(dialect.UnknownAttributes, noted(name)) {
		return nil
	}
	return c.refused(merge, "The resource type %s has no attribute %s.", c.rt.Name, scimerr.Quote(name))
}

// refused answers to a name that means nothing: in a path it is the path that is
// wrong, else the message (RFC 7644 §3.12, table 9).
func (c *change) refused(merge bool, format string, args ...any) error {
	if merge {
		return scimerr.New(scimerr.InvalidSyntax, format, args...)
	}
	return scimerr.New(scimerr.InvalidPath, format, args...)
}

// readOnly answers to writing what cannot be written: ignored in whole resources
// (RFC 7644 §3.3, §3.5.1), an error in an operation with a path (§3.5.2).
func (c *change) readOnly(name string, merge bool) error {
	if c.writes || merge && c.reading.Took(dialect.ReadOnlyInPatch, scimerr.Quote(name)) {
		return nil
	}
	return scimerr.New(scimerr.Mutability, "The attribute %s is readOnly.", scimerr.Quote(name))
}

func (c *change) setExternalID(op Op, path filter.Path) error {
	if path.Filter != nil {
		return scimerr.New(scimerr.InvalidPath, "The attribute externalId has one value only.")
	}
	id := ""
	if op.Op != Remove && op.Value != nil {
		t, _ := c.rt.Resolve("externalId")
		v, err := c.value(t.Attribute, op.Value, of(t.Attribute))
		if err != nil {
			return err
		}
		id, _ = v.(string)
	}
	c.externalID = &id
	return nil
}
