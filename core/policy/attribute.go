package policy

import (
	"maps"
	"slices"
)

// kind is the type of a value in a condition.
type kind string

const (
	text   kind = "text"
	number kind = "a number"
	truth  kind = "true or false"
	list   kind = "a list of texts"
)

// attributes are the names that a condition may use where it stands, each with
// its type. A name is also its place in the input of the evaluation.
type attributes map[string]kind

// clientAttributes are known in mappings of clients. A list is always there, if
// empty; a text may be absent, such as the owner of an organization's client.
func clientAttributes() attributes {
	return attributes{
		"client.id":           text,
		"client.kind":         text, // always "client"
		"client.organization": text,
		"client.owner":        text,
		"client.scopes":       list,
	}
}

// userAttributes are known in the mappings of a connection, as those of its
// users. docs/reference/user-attributes.md says where each comes from. A list is
// always there, if empty; a text may be absent, such as a title.
func userAttributes() attributes {
	return attributes{
		"user.id":              text,
		"user.organization":    text, // the label
		"user.external_id":     text,
		"user.user_name":       text,
		"user.email":           text,
		"user.emails":          list,
		"user.display_name":    text,
		"user.given_name":      text,
		"user.family_name":     text,
		"user.title":           text,
		"user.user_type":       text,
		"user.locale":          text,
		"user.employee_number": text,
		"user.company":         text,
		"user.division":        text,
		"user.department":      text,
		"user.cost_center":     text,
		"user.manager":         text,
		"user.groups":          list,
		"user.group_ids":       list,
	}
}

// UserAttributes are the names that a connection's mappings may use, sorted.
func UserAttributes() []string { return userAttributes().names() }

func (a attributes) names() []string { return slices.Sorted(maps.Keys(a)) }
