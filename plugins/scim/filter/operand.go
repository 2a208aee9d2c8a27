package filter

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

var (
	equality = []directory.Op{directory.Equal, directory.NotEqual}
	order    = []directory.Op{directory.Equal, directory.NotEqual, directory.Greater, directory.GreaterOrEqual, directory.Less, directory.LessOrEqual}
)

// operand brings a value to the attribute's type. Booleans and binaries have no
// order (RFC 7644 §3.4.2.2), and only texts have parts.
func (c compiler) operand(a *schema.Attribute, e Compare) (any, error) {
	refuse := func(what string) error {
		return invalid("The attribute %s is %s.", scimerr.Quote(e.Attr), what)
	}
	allowed := func(ops []directory.Op) error {
		if slices.Contains(ops, e.Op) {
			return nil
		}
		return invalid("The attribute %s is of the type %s, which %q does not compare.", scimerr.Quote(e.Attr), a.Type, e.Op)
	}
	text, isText := e.Value.(string)
	switch a.Type {
	case schema.Boolean:
		if err := allowed(equality); err != nil {
			return nil, err
		}
		if b, ok := e.Value.(bool); ok {
			return b, nil
		}
		if b, ok := dialect.Boolean(e.Value); ok && c.reading.Took(dialect.TextBooleans, e.Attr) {
			return b, nil
		}
		return nil, refuse("compared with true or false")
	case schema.Integer, schema.Decimal:
		if err := allowed(order); err != nil {
			return nil, err
		}
		if n, ok := e.Value.(json.Number); ok {
			return n, nil
		}
		if isText && body.IsNumber(text) && c.reading.Took(dialect.TextNumbers, e.Attr) {
			return json.Number(text), nil
		}
		return nil, refuse("compared with a number")
	case schema.DateTime:
		if err := allowed(order); err != nil {
			return nil, err
		}
		if t, ok := schema.ParseTime(text); ok {
			return t.Format(time.RFC3339Nano), nil
		}
		return nil, refuse("compared with a time such as 2026-01-31T12:00:00Z")
	case schema.Binary:
		if err := allowed(equality); err != nil {
			return nil, err
		}
		if _, err := base64.StdEncoding.DecodeString(text); isText && err == nil {
			return text, nil
		}
		return nil, refuse("compared with base64")
	case schema.Complex:
		return nil, refuse("complex, and its values are compared by their sub-attributes")
	default: // a text, also where it refers to something
	}
	if isText {
		return text, nil
	}
	// What looks like a number may be a text that lost its quotation marks.
	if n, ok := e.Value.(json.Number); ok && c.reading.Took(dialect.UnquotedOperand, e.Attr) {
		return n.String(), nil
	}
	return nil, refuse("compared with a text")
}
