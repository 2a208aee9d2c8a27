package admin

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// Change is a field of a request that changes what is there (RFC 7396). The
// zero Change leaves the field as it is and is not sent; To a value sets it; To
// the zero value takes it away, and goes over the wire as null.
type Change[T any] struct {
	asked bool
	value T
}

// To is the change to a value.
func To[T any](value T) Change[T] { return Change[T]{true, value} }

// Get returns what the field is to become, and whether it is to be changed.
func (c Change[T]) Get() (value T, asked bool) { return c.value, c.asked }

// IsZero reports whether the field stays as it is: encoding/json leaves it out.
func (c Change[T]) IsZero() bool { return !c.asked }

// MarshalJSON implements json.Marshaler.
func (c Change[T]) MarshalJSON() ([]byte, error) {
	v := reflect.ValueOf(&c.value).Elem()
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(c.value)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Change[T]) UnmarshalJSON(text []byte) error {
	c.asked = true
	if bytes.Equal(text, []byte("null")) {
		var none T
		c.value = none
		return nil
	}
	return json.Unmarshal(text, &c.value)
}
