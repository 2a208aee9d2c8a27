package patch

import (
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// extension applies an operation to a whole extension: exactly what is given
// with replace and a path, else what is not named stays.
func (c *change) extension(op Op, s *schema.Schema, path filter.Path, merge bool) error {
	if path.Filter != nil || path.Sub != "" {
		return scimerr.New(scimerr.InvalidPath, "The extension %s has no values to choose from.", s.ID)
	}
	old, _ := c.doc[s.ID].(map[string]any)
	if op.Op == Remove || op.Value == nil || op.Op == Replace && !merge {
		delete(c.doc, s.ID)
	}
	if op.Op != Remove && op.Value != nil {
		object, ok := op.Value.(map[string]any)
		if !ok {
			return scimerr.New(scimerr.InvalidValue, "The value of the extension %s is an object.", s.ID)
		}
		if err := c.extended(op.Op, s, object); err != nil {
			return err
		}
	}
	now, _ := c.doc[s.ID].(map[string]any)
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if v, had := old[a.Name]; had && a.Mutability == schema.Immutable && !equal(v, now[a.Name]) {
			return scimerr.New(scimerr.Mutability, "The attribute %s is immutable.", a.Name)
		}
	}
	return nil
}

// extended applies the members of an object to the attributes of an extension.
func (c *change) extended(verb Verb, s *schema.Schema, object map[string]any) error {
	keys, err := names(object)
	if err != nil {
		return err
	}
	for _, key := range keys {
		name := key
		if !strings.Contains(key, ":") {
			name = s.ID + ":" + key
		}
		t, ok := c.rt.Resolve(name)
		if !ok || t.Extension != s {
			if err := c.unknown(name, true); err != nil {
				return err
			}
			continue
		}
		if t.Sub != nil && !c.reading.Took(dialect.FlatKeys, scimerr.Quote(key)) {
			return c.notAName(key)
		}
		if err := c.resolved(Op{Op: verb, Value: object[key], HasValue: true}, filter.Path{Attr: name}, true); err != nil {
			return err
		}
	}
	return nil
}
