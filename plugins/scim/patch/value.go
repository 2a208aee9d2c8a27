package patch

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// value brings what was sent to the form that an attribute's value has. nil is
// unassigned (RFC 7643 §2.5). where is its name in errors and notes.
func (c *change) value(a *schema.Attribute, v any, where place) (any, error) {
	switch {
	case v == nil:
		return nil, nil
	case a.MultiValued:
		return c.values(a, v, where)
	}
	return c.single(a, v, where)
}

func (c *change) single(a *schema.Attribute, v any, where place) (any, error) {
	if a.Type == schema.Complex {
		object, _, err := c.object(a, v, where)
		if err != nil || object == nil {
			return nil, err
		}
		return solid(object), nil
	}
	switch wrapped := v.(type) {
	case []any:
		if len(wrapped) > 1 || !c.reading.Took(dialect.WrappedScalars, where.String()) {
			return nil, wrong(where, "one value")
		}
		if len(wrapped) == 0 || wrapped[0] == nil {
			return nil, nil
		}
		if _, again := wrapped[0].([]any); again {
			return nil, wrong(where, "one value")
		}
		return c.single(a, wrapped[0], where)
	case map[string]any:
		inner, ok := wrapped["value"]
		if _, again := inner.(map[string]any); again || !ok || !c.reading.Took(dialect.WrappedScalars, where.String()) {
			return nil, wrong(where, "a simple value")
		}
		if inner == nil {
			return nil, nil
		}
		if _, again := inner.([]any); again {
			return nil, wrong(where, "a simple value")
		}
		return c.single(a, inner, where)
	}
	if v == "" && c.reading.Took(dialect.EmptyStrings, where.String()) {
		return nil, nil
	}
	return c.simple(a, v, where)
}

// place is where in a resource something stands, for errors and notes: its name
// is put together only if it is said.
type place struct{ attribute, subAttribute string }

func of(a *schema.Attribute) place { return place{attribute: a.Name} }

func (p place) sub(a *schema.Attribute) place {
	return place{attribute: p.String(), subAttribute: a.Name}
}

func (p place) String() string {
	if p.subAttribute == "" {
		return p.attribute
	}
	return p.attribute + "." + p.subAttribute
}

func wrong(where place, want string) error {
	return scimerr.New(scimerr.InvalidValue, "The attribute %s is %s.", where, want)
}

// simple checks a value of a simple type (RFC 7643 §2.3).
func (c *change) simple(a *schema.Attribute, v any, where place) (any, error) {
	text, isText := v.(string)
	number, isNumber := v.(json.Number)
	switch a.Type {
	case schema.Boolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		if b, ok := dialect.Boolean(v); ok && c.reading.Took(dialect.TextBooleans, where.String()) {
			return b, nil
		}
		return nil, wrong(where, "true or false")
	case schema.Integer, schema.Decimal:
		if isText && body.IsNumber(text) && c.reading.Took(dialect.TextNumbers, where.String()) {
			number, isNumber = json.Number(text), true
		}
		if a.Type == schema.Decimal && isNumber {
			return number, nil
		}
		if _, err := strconv.ParseInt(number.String(), 10, 64); err == nil && isNumber {
			return number, nil
		}
		return nil, wrong(where, "a number of the type "+string(a.Type))
	case schema.DateTime:
		if _, ok := schema.ParseTime(text); ok {
			return text, nil
		}
		return nil, wrong(where, "a time such as 2026-01-31T12:00:00Z")
	case schema.Binary:
		if _, err := base64.StdEncoding.DecodeString(text); isText && (err == nil || c.reading.Took(dialect.LooseValues, where.String())) {
			return text, nil
		}
		return nil, wrong(where, "base64")
	case schema.Reference:
		if _, err := url.Parse(text); isText && (err == nil || c.reading.Took(dialect.LooseValues, where.String())) {
			return text, nil
		}
		return nil, wrong(where, "a URI")
	default: // a text; complex values do not come here
	}
	if isText {
		return text, nil
	}
	return nil, wrong(where, "a text")
}

// object brings what was sent to the form that a value of a complex attribute
// has; what was unassigned is nil in it. whole says that it stands for all of the
// value, which it does where no object was sent.
func (c *change) object(a *schema.Attribute, v any, where place) (object map[string]any, whole bool, err error) {
	switch v := v.(type) {
	case map[string]any:
		object, err = c.subs(a, v, where)
		return object, false, err
	case []any:
		if a.MultiValued || len(v) > 1 || !c.reading.Took(dialect.BareManager, where.String()) {
			break
		}
		if len(v) == 0 || v[0] == nil {
			return nil, true, nil
		}
		if _, again := v[0].([]any); again {
			break
		}
		object, _, err = c.object(a, v[0], where)
		return object, true, err
	default:
		quirk := dialect.BareManager
		if a.MultiValued {
			quirk = dialect.BareElements
		}
		value := a.Value()
		if value == nil || !c.reading.Took(quirk, where.String()) {
			break
		}
		inner, err := c.single(value, v, where.sub(value))
		if err != nil || inner == nil {
			return nil, true, err
		}
		return map[string]any{value.Name: inner}, true, nil
	}
	return nil, false, wrong(where, "complex: an object with sub-attributes")
}

// subs reads the sub-attributes of an object.
func (c *change) subs(a *schema.Attribute, in map[string]any, where place) (map[string]any, error) {
	if err := bounded(in); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(in))
	read := 0
	for i := range a.Sub {
		sub := &a.Sub[i]
		v, ok := in[sub.Name]
		if !ok {
			continue
		}
		read++
		if err := c.readSub(out, sub, v, where); err != nil {
			return nil, err
		}
	}
	if read == len(in) {
		return out, nil
	}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		sub := a.Lookup(key)
		switch {
		case sub == nil:
			if !c.reading.Took(dialect.UnknownAttributes, scimerr.Quote(where.String()+"."+key)) {
				return nil, scimerr.New(scimerr.InvalidSyntax, "The attribute %s has no sub-attribute %s.", where, scimerr.Quote(key))
			}
			continue
		case sub.Name == key:
			continue
		}
		if _, twice := out[sub.Name]; twice {
			return nil, scimerr.New(scimerr.InvalidSyntax, "The attribute %s has %s twice.", where, sub.Name)
		}
		if err := c.readSub(out, sub, in[key], where); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *change) readSub(out map[string]any, sub *schema.Attribute, v any, where place) error {
	if sub.Mutability == schema.ReadOnly {
		return nil
	}
	inner, err := c.value(sub, v, where.sub(sub))
	if err == nil {
		out[sub.Name] = inner
	}
	return err
}
