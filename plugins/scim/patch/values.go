package patch

import (
	"fmt"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// values brings what was sent to the form that a multi-valued attribute has: a
// list with an element for each value, at most one of them primary (RFC 7643
// §2.4); nil if there is none.
func (c *change) values(a *schema.Attribute, v any, where place) (any, error) {
	list, ok := v.([]any)
	if !ok {
		if v == "" && c.reading.Took(dialect.EmptyStrings, where.String()) {
			return nil, nil
		}
		if !c.reading.Took(dialect.SingleForMany, where.String()) {
			return nil, wrong(where, "multi-valued: a list")
		}
		list = []any{v}
	}
	out := make([]any, 0, len(list))
	var seen map[string]bool
	if len(list) > 1 {
		seen = make(map[string]bool, len(list))
	}
	for _, v := range list {
		element, err := c.element(a, v, where)
		if err != nil {
			return nil, err
		}
		if element == nil {
			continue
		}
		if seen == nil {
			out = append(out, element)
			continue
		}
		if key, ok := identity(a, element); ok {
			if seen[key] {
				if !c.reading.Took(dialect.RepeatedElements, where.String()) {
					return nil, scimerr.New(scimerr.InvalidValue, "The attribute %s has an element of one type and value twice.", where)
				}
				continue
			}
			seen[key] = true
		}
		out = append(out, element)
	}
	if err := c.onePrimary(out, where); err != nil || len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// element brings one value of a multi-valued attribute to its form.
func (c *change) element(a *schema.Attribute, v any, where place) (any, error) {
	if v == nil {
		return nil, nil
	}
	one, err := c.single(a, v, where)
	if err != nil || one == nil {
		return nil, err
	}
	if hollow(one) && c.reading.Took(dialect.EmptyElements, where.String()) {
		return nil, nil
	}
	return one, nil
}

// hollow reports whether an element says of what type it is, and nothing more.
func hollow(element any) bool {
	object, ok := element.(map[string]any)
	if !ok {
		return false
	}
	for name := range object {
		if name != "type" && name != "primary" {
			return false
		}
	}
	return true
}

// identity is what an element is known by among others: its type and value. One
// without a value is known by all that it is.
func identity(a *schema.Attribute, element any) (string, bool) {
	object, ok := element.(map[string]any)
	if !ok {
		if text, ok := element.(string); ok && !a.CaseExact {
			return filter.Fold(text), true
		}
		return fmt.Sprint(element), true
	}
	text, ok := object["value"].(string)
	if !ok {
		return "", false
	}
	if value := a.Value(); value == nil || !value.CaseExact {
		text = filter.Fold(text)
	}
	kind, _ := object["type"].(string)
	return filter.Fold(kind) + "\x00" + text, true
}

// onePrimary sees to it that at most one element is primary (RFC 7643 §2.4).
func (c *change) onePrimary(list []any, where place) error {
	found := false
	for _, v := range list {
		object, ok := v.(map[string]any)
		if !ok || object["primary"] != true {
			continue
		}
		if found {
			if !c.reading.Took(dialect.ManyPrimaries, where.String()) {
				return scimerr.New(scimerr.InvalidValue, "The attribute %s has more than one element that is primary.", where)
			}
			object["primary"] = false
		}
		found = true
	}
	return nil
}

// demote leaves only the element at index keep primary, which has just become so
// (RFC 7644 §3.5.2).
func demote(list []any, keep int) {
	for i, v := range list {
		if object, ok := v.(map[string]any); ok && i != keep && object["primary"] == true {
			object["primary"] = false
		}
	}
}

func isPrimary(element any) bool {
	object, ok := element.(map[string]any)
	return ok && object["primary"] == true
}
