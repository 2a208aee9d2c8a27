// Package schema is the vocabulary of SCIM (RFC 7643): resource types, their
// schemas, attributes and characteristics, and which attribute a name means.
//
// Nothing here changes once it is made, so that requests share it.
package schema

// Type is the data type of an attribute (RFC 7643 §2.3).
type Type string

// The data types.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says when an attribute may be written (RFC 7643 §2.2).
type Mutability string

// The mutabilities.
const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute stands in an answer (RFC 7643 §2.2).
type Returned string

// The kinds of being returned.
const (
	Always  Returned = "always"
	Never   Returned = "never"
	Default Returned = "default"
	Request Returned = "request"
)

// Uniqueness says among which resources a value is there once (RFC 7643 §2.2).
type Uniqueness string

// The kinds of uniqueness.
const (
	None   Uniqueness = "none"
	Server Uniqueness = "server"
	Global Uniqueness = "global"
)

// URNs of the schemas of RFC 7643.
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// Attribute describes one attribute (RFC 7643 §7).
type Attribute struct {
	Name            string
	Type            Type
	MultiValued     bool
	Required        bool
	CaseExact       bool
	Mutability      Mutability
	Returned        Returned
	Uniqueness      Uniqueness
	CanonicalValues []string
	ReferenceTypes  []string
	Description     string
	Sub             []Attribute // of a complex attribute
}

// Lookup finds a sub-attribute by its name, in whatever case.
func (a *Attribute) Lookup(name string) *Attribute { return lookup(a.Sub, name) }

// Value is the sub-attribute that a complex attribute stands for where a simple
// value is wanted (RFC 7643 §2.4): value, if there is one.
func (a *Attribute) Value() *Attribute { return lookup(a.Sub, "value") }

// Schema is a set of attributes under a URN (RFC 7643 §7).
type Schema struct {
	ID, Name, Description string
	Attributes            []Attribute
}

// Lookup finds an attribute by its name, in whatever case.
func (s *Schema) Lookup(name string) *Attribute { return lookup(s.Attributes, name) }

func lookup(in []Attribute, name string) *Attribute {
	for i := range in {
		if Same(in[i].Name, name) {
			return &in[i]
		}
	}
	return nil
}

// Same reports whether two names are the same but for the case of ASCII letters
// (RFC 7643 §2.1): no other letter is one of a name, whatever Unicode folds it to.
func Same(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
