package schema

import (
	vocabulary "github.com/elimity-com/scim/schema"
)

// User is the schema of users (RFC 7643 §4.1).
func User() *Schema {
	s := convert(vocabulary.CoreUserSchema())
	// A group is what users are members of; the schema of RFC 7643 §8.7.1 says
	// "User" too, which its text (§4.1.2) does not.
	groups := s.Lookup("groups")
	groups.Lookup("$ref").ReferenceTypes = []string{"Group"}
	groups.Value().CaseExact = true
	return s
}

// Group is the schema of groups (RFC 7643 §4.2).
func Group() *Schema {
	s := convert(vocabulary.CoreGroupSchema())
	s.Lookup("members").Value().CaseExact = true
	return s
}

// EnterpriseUser is the extension for users of enterprises (RFC 7643 §4.3).
func EnterpriseUser() *Schema {
	s := convert(vocabulary.ExtensionEnterpriseUser())
	s.Lookup("manager").Value().CaseExact = true
	return s
}

// Common are the attributes that every resource has (RFC 7643 §3.1). They are
// part of no schema.
func Common() []Attribute {
	return attributes(vocabulary.CommonAttributes())
}

// convert takes a schema over from the library. Where that says less than the
// text of the RFC, its callers say it: an id is compared exactly (§3.1), and so
// is what refers to one.
func convert(s vocabulary.Schema) *Schema {
	return &Schema{ID: s.ID, Name: s.Name.Value(), Description: s.Description.Value(), Attributes: attributes(s.Attributes)}
}

func attributes(in []vocabulary.CoreAttribute) []Attribute {
	out := make([]Attribute, len(in))
	for i, a := range in {
		out[i] = Attribute{
			Name: a.Name(), Type: Type(a.AttributeType()), MultiValued: a.MultiValued(), Required: a.Required(),
			CaseExact: a.CaseExact(), Mutability: Mutability(a.Mutability()), Returned: Returned(a.Returned()),
			Uniqueness: Uniqueness(a.Uniqueness()), CanonicalValues: a.CanonicalValues(), Description: a.Description(),
		}
		for _, r := range a.ReferenceTypes() {
			out[i].ReferenceTypes = append(out[i].ReferenceTypes, string(r))
		}
		if a.HasSubAttributes() {
			out[i].Sub = attributes(a.SubAttributes())
		}
	}
	return out
}
