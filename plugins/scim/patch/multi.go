package patch

import (
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

// multi applies an operation to a multi-valued attribute, or to those of its
// values that a filter chooses.
func (c *change) multi(op Op, path filter.Path, t schema.Target, owner map[string]any) error {
	a := t.Attribute
	old, _ := owner[a.Name].([]any)
	var list []any
	var err error
	switch {
	case path.Filter != nil || t.Sub != nil:
		list, err = c.chosen(op, path, t, old)
	case op.Op == Remove:
		list, err = c.without(op, a, old)
	default:
		var v any
		if v, err = c.values(a, op.Value, of(a)); err != nil {
			return err
		}
		given, _ := v.([]any)
		if list = given; op.Op == Add {
			list = c.joined(a, old, given)
		}
	}
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.set(owner, a, nil)
	}
	return c.set(owner, a, list)
}

// joined adds values to others. One of a type and value that is there is that
// one; whatever else it says is put over it.
func (c *change) joined(a *schema.Attribute, old, given []any) []any {
	at := make(map[string]int, len(old))
	for i, v := range old {
		if c.budget.Spent() {
			return old
		}
		key, ok := identity(a, v)
		if c.budget.Left -= 4 + len(key); ok {
			at[key] = i
		}
	}
	list := old
	for _, v := range given {
		i := len(list)
		if key, ok := identity(a, v); ok {
			if there, found := at[key]; found {
				i = there
			}
			at[key] = i
		} else if there := c.find(list, v); there >= 0 {
			i = there
		}
		object, isObject := v.(map[string]any)
		switch {
		case i == len(list):
			list = append(list, v)
		case isObject:
			was, _ := list[i].(map[string]any)
			list[i] = merged(a, was, object)
		}
		if isPrimary(v) {
			demote(list, i)
			c.budget.Left -= len(list)
		}
	}
	return list
}

// find is the index of an equal value, or -1.
func (c *change) find(list []any, v any) int {
	for i := range list {
		if c.budget.Left--; c.budget.Spent() {
			return -1
		}
		if equal(list[i], v) {
			return i
		}
	}
	return -1
}

// without removes the values that are listed, or all.
func (c *change) without(op Op, a *schema.Attribute, old []any) ([]any, error) {
	if !op.HasValue || op.Value == nil || !c.reading.Took(dialect.RemoveValues, a.Name) {
		return nil, nil
	}
	v, err := c.values(a, op.Value, of(a))
	if err != nil {
		return nil, err
	}
	listed, _ := v.([]any)
	gone, values := map[string]bool{}, map[string]bool{}
	for _, v := range listed {
		key, ok := identity(a, v)
		if object, isObject := v.(map[string]any); ok && isObject && object["type"] == nil {
			values[afterType(key)] = true // whatever its type
		} else if ok {
			gone[key] = true
		}
	}
	list := make([]any, 0, len(old))
	for _, v := range old {
		if c.budget.Spent() {
			return nil, c.spent()
		}
		key, ok := identity(a, v)
		c.budget.Left -= 4 + len(key)
		switch {
		case ok && (gone[key] || values[afterType(key)]):
		case !ok && c.find(listed, v) >= 0:
		default:
			list = append(list, v)
		}
	}
	return list, nil
}

func afterType(key string) string {
	for i := range len(key) {
		if key[i] == 0 {
			return key[i+1:]
		}
	}
	return key
}
