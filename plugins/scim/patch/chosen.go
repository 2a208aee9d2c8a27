package patch

import (
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// chosen applies an operation to the values that a filter chooses; without one,
// to a sub-attribute of all.
func (c *change) chosen(op Op, path filter.Path, t schema.Target, old []any) ([]any, error) {
	a, sub := t.Attribute, t.Sub
	if path.Filter != nil && sub != nil {
		return nil, scimerr.New(scimerr.InvalidPath, "A filter stands behind the attribute, not behind its sub-attribute %s.", sub.Name)
	}
	if path.Sub != "" {
		if sub = a.Lookup(path.Sub); sub == nil {
			return old, c.unknown(a.Name+"."+path.Sub, false)
		}
		if sub.Mutability == schema.ReadOnly {
			return nil, c.readOnly(a.Name+"."+sub.Name, false)
		}
	}
	v, err := c.chosenValue(op, a, sub)
	if err != nil {
		return nil, err
	}
	var compiled choice
	if path.Filter != nil {
		if compiled.filter, err = filter.CompileElement(path.Filter, a, c.reading); err != nil {
			return nil, err
		}
		compiled.matcher = filter.NewMatcher(compiled.filter)
	}
	list := make([]any, 0, len(old)+1)
	hits, primary := 0, -1
	for _, element := range old {
		if !compiled.match(element, &c.budget) {
			list = append(list, element)
			continue
		}
		if c.budget.Spent() {
			return nil, c.spent()
		}
		hits++
		c.budget.Left -= writeCost
		changed := c.written(op, a, sub, element, v)
		if changed == nil {
			continue
		}
		if isPrimary(changed) && !isPrimary(element) {
			primary = len(list)
		}
		list = append(list, changed)
	}
	if err := c.spent(); err != nil {
		return nil, err
	}
	if hits == 0 {
		return c.missed(op, path, a, sub, v, compiled, list)
	}
	if primary >= 0 {
		demote(list, primary)
	}
	return list, nil
}

// writeCost is what writing a value takes, beside comparing it.
const writeCost = 8

// choice is the filter of a path; the zero value chooses everything.
type choice struct {
	filter  directory.Filter
	matcher *filter.Matcher
}

func (f choice) match(element any, b *filter.Budget) bool {
	b.Left--
	return f.matcher == nil || f.matcher.Match(element, b)
}

// describes fills in what a value is like that the filter chooses, if the filter
// says it: type eq "work" and primary eq true.
func (f choice) describes(element map[string]any) bool {
	return f.matcher == nil || describe(f.filter, element)
}

func describe(f directory.Filter, element map[string]any) bool {
	switch f.Op {
	case directory.And:
		for _, inner := range f.Filters {
			if !describe(inner, element) {
				return false
			}
		}
		return true
	case directory.Equal:
		name := f.Path[0]
		if old, twice := element[name]; twice && !equal(old, f.Value) {
			return false
		}
		element[name] = f.Value
		return true
	default:
		return false
	}
}

// chosenValue is the value of an operation as the values that it chooses, or
// their sub-attribute, have it.
func (c *change) chosenValue(op Op, a, sub *schema.Attribute) (any, error) {
	switch {
	case op.Op == Remove:
		return nil, nil
	case sub != nil:
		return c.value(sub, op.Value, of(a).sub(sub))
	case a.Type == schema.Complex:
		if list, ok := op.Value.([]any); ok && len(list) == 1 {
			op.Value = list[0]
		}
		if op.Value == nil {
			return nil, nil
		}
		object, _, err := c.object(a, op.Value, of(a))
		if object == nil {
			return nil, err
		}
		return object, err
	}
	return c.single(a, op.Value, of(a))
}

// written is a chosen element after the operation; nil if it is gone.
func (c *change) written(op Op, a, sub *schema.Attribute, element, v any) any {
	object, isObject := element.(map[string]any)
	given, _ := v.(map[string]any)
	switch {
	case op.Op == Remove && sub == nil, v == nil && sub == nil:
		return nil
	case !isObject:
		return v
	case sub != nil:
		object = merged(a, object, map[string]any{sub.Name: v})
	case op.Op == Replace:
		object = merged(a, nil, given)
	default:
		object = merged(a, object, given)
	}
	left := solid(object)
	if left != nil && hollow(left) && !hollow(element) && c.reading.Allows(dialect.EmptyElements) {
		return nil
	}
	return left
}

// missed is what an operation does that chooses no value. Only add and replace
// with a filter that says what the value is like make one.
func (c *change) missed(op Op, path filter.Path, a, sub *schema.Attribute, v any, f choice, list []any) ([]any, error) {
	where := scimerr.Quote(a.Name)
	if op.Op == Remove {
		if path.Filter == nil || c.reading.Took(dialect.RemoveAbsent, where) {
			return list, nil
		}
		return nil, scimerr.New(scimerr.NoTarget, "No value of %s is one that the path chooses.", where)
	}
	if v == nil && c.reading.Allows(dialect.CreateElement) {
		return list, nil // nothing is to have no value
	}
	element := map[string]any{}
	if a.Type != schema.Complex || !f.describes(element) || !c.reading.Took(dialect.CreateElement, where) {
		return nil, scimerr.New(scimerr.NoTarget, "No value of %s is one that the path chooses.", where)
	}
	if given, ok := v.(map[string]any); ok && sub == nil {
		element = merged(a, element, given)
	} else {
		element[sub.Name] = v
	}
	made := solid(element)
	if made == nil || hollow(made) && c.reading.Allows(dialect.EmptyElements) {
		return list, nil
	}
	if list = append(list, made); isPrimary(made) {
		demote(list, len(list)-1)
	}
	return list, nil
}
