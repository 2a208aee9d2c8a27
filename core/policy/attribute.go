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

// clientAttributes are known in every mapping. A list is always there, if
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

func (a attributes) names() []string { return slices.Sorted(maps.Keys(a)) }
