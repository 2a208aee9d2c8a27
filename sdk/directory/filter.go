package directory

// Op is an operator of a filter (RFC 7644 §3.4.2.2).
type Op string

// The operators. And, Or, Not and Any hold other filters, the rest compare.
const (
	And Op = "and"
	Or  Op = "or"
	Not Op = "not"

	// Any holds where one element of a multi-valued attribute fulfils the filter
	// within, whose paths begin at the element: emails[type eq "work"].
	Any Op = "any"

	Equal          Op = "eq"
	NotEqual       Op = "ne"
	Contains       Op = "co"
	StartsWith     Op = "sw"
	EndsWith       Op = "ew"
	Greater        Op = "gt"
	GreaterOrEqual Op = "ge"
	Less           Op = "lt"
	LessOrEqual    Op = "le"
	Present        Op = "pr"
)

// Path leads to an attribute by canonical names: {"userName"},
// {"name", "givenName"}, {"emails", "value"},
// {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "department"}.
// The host also knows {"id"}, {"externalId"}, {"meta", "created"},
// {"meta", "lastModified"}, and of memberships {"members", "value"} and
// {"groups", "value"}; other parts of memberships cannot be filtered by.
type Path []string

// Filter says which resources are meant. The plugin, which knows the schema,
// has resolved the names and says how the values compare.
type Filter struct {
	Op      Op
	Filters []Filter // of And and Or; one of Not and Any
	Path    Path     // of Any and of comparisons

	// Value is what is compared with: a string, a bool, a json.Number, or nil,
	// which is equal to an attribute without a value.
	Value any

	// CaseExact says that the case of letters counts (RFC 7643 §2.2). Where it
	// does not, texts are folded (Unicode simple case folding of the NFC form).
	CaseExact bool

	// Time says that the values are times (RFC 7643 §2.3.5), compared as such.
	Time bool
}
