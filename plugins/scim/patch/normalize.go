package patch

import (
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// Normalize says what a body means that creates a resource (RFC 7644 §3.3), or
// replaces the one whose document is before (§3.5.1); nil is none. Neither is
// changed. The error is a *scimerr.Error.
//
// Where a PUT does not name active, externalId or members, a tolerant reading
// leaves them: clients that never had them mapped would log people out, and
// empty groups, with each change of a name. What else it does not name is
// cleared.
func Normalize(rt *schema.ResourceType, body, before map[string]any, r *dialect.Reading) (Result, error) {
	c := newChange(rt, map[string]any{}, r)
	c.writes = true
	named, err := c.named(body)
	if err != nil {
		return Result{}, err
	}
	if err := c.schemas(named["schemas"]); err != nil {
		return Result{}, err
	}
	keys, err := names(named)
	if err != nil {
		return Result{}, err
	}
	for _, key := range keys {
		if key == "schemas" || named[key] == nil {
			continue
		}
		if err := c.key(Replace, key, named[key]); err != nil {
			return Result{}, err
		}
	}
	if err := c.spent(); err != nil {
		return Result{}, err
	}
	if err := c.kept(named, before); err != nil {
		return Result{}, err
	}
	if err := c.complete(); err != nil {
		return Result{}, err
	}
	members := c.members.delta(r)
	return Result{
		Doc: c.doc, ExternalID: c.externalID, Members: members,
		Changed: before == nil || c.externalID != nil || !members.Empty() || !equal(before, c.doc),
	}, nil
}

// named is the body with names that may have either case in their own (RFC 7643
// §2.1).
func (c *change) named(body map[string]any) (map[string]any, error) {
	if err := bounded(body); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(body))
	for key, v := range body {
		name := key
		if t, ok := c.rt.Resolve(key); ok && len(t.Path) == 1 && t.Alias == "" {
			name = t.Path[0]
		}
		if _, twice := out[name]; twice {
			return nil, scimerr.New(scimerr.InvalidSyntax, "The resource has %s twice.", scimerr.Quote(name))
		}
		out[name] = v
	}
	return out, nil
}

// schemas checks the list of schemas, which must name that of the type.
func (c *change) schemas(v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		if c.reading.Took(dialect.MissingSchemas, c.rt.Name) {
			return nil
		}
		return scimerr.New(scimerr.InvalidSyntax, "The resource needs schemas, with %q in it.", c.rt.Schema.ID)
	}
	core := false
	for _, v := range list {
		urn, _ := v.(string)
		switch {
		case schema.Same(urn, c.rt.Schema.ID):
			core = true
		case c.rt.Extension(urn) != nil:
		case c.rt.Alias(urn) != nil && c.reading.Took(dialect.AliasedURN, scimerr.Quote(urn)):
			core = core || c.rt.Alias(urn) == c.rt.Schema
		case c.reading.Took(dialect.UnknownSchemas, scimerr.Quote(urn)):
		default:
			return scimerr.New(scimerr.InvalidSyntax, "The schema %s is not one of the resource type %s.", scimerr.Quote(urn), c.rt.Name)
		}
	}
	if !core && !c.reading.Took(dialect.MissingSchemas, c.rt.Name) {
		return scimerr.New(scimerr.InvalidSyntax, "The schemas of a resource of the type %s have %q among them.", c.rt.Name, c.rt.Schema.ID)
	}
	return nil
}

// kept sees to what the body does not name, and to what may not change.
func (c *change) kept(named, before map[string]any) error {
	replaces := before != nil
	keep := func(name string) bool { return replaces && c.reading.Took(dialect.PutKeeps, name) }
	if c.rt.Schema.ID == schema.UserURN {
		if _, ok := c.doc["active"]; !ok {
			was, had := before["active"]
			if had && keep("active") {
				c.doc["active"] = was
			} else {
				c.doc["active"] = true
			}
		}
	}
	if v, ok := named["externalId"]; replaces && v == nil && (ok || !keep("externalId")) {
		none := ""
		c.externalID = &none
	}
	if v, ok := named["members"]; c.rt.HasMembers() && replaces && (!ok || v == nil) && !(!ok && keep("members")) {
		c.members.replace()
	}
	if !replaces {
		return nil
	}
	if err := immutable(c.rt.Schema, before, c.doc); err != nil {
		return err
	}
	for _, e := range c.rt.Extensions {
		old, _ := before[e.ID].(map[string]any)
		now, ok := c.doc[e.ID].(map[string]any)
		if !ok {
			now = map[string]any{}
		}
		if err := immutable(e, old, now); err != nil {
			return err
		}
		if len(now) > 0 {
			c.doc[e.ID] = now
		}
	}
	return nil
}

// immutable keeps what was written once: a replacement says the same, or nothing
// (RFC 7644 §3.5.1).
func immutable(s *schema.Schema, before, now map[string]any) error {
	for i := range s.Attributes {
		a := &s.Attributes[i]
		old, had := before[a.Name]
		if !had || a.Mutability != schema.Immutable {
			continue
		}
		if v, ok := now[a.Name]; ok && !equal(v, old) {
			return scimerr.New(scimerr.Mutability, "The attribute %s is immutable.", a.Name)
		}
		now[a.Name] = clone(old)
	}
	return nil
}
