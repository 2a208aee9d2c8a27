// Package filter reads the filters and paths of SCIM (RFC 7644 §3.4.2.2, §3.5.2),
// and says what they mean for a type of resource.
//
// Reading takes time in proportion to the text, and length, depth and the number
// of comparisons have limits: filters come from outside.
package filter

import (
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// The limits of filters and paths.
const (
	LengthLimit = 64 << 10 // bytes of one
	DepthLimit  = 50       // of parentheses and brackets
)

// Expr is a filter as it was written: And, Or, Not, ValuePath or Compare.
type Expr interface{ expr() }

// And holds where all of its filters do; there are two at least.
type And []Expr

// Or holds where one of its filters does; there are two at least.
type Or []Expr

// Not holds where its filter does not.
type Not struct{ Of Expr }

// ValuePath holds where one value of the attribute fulfils the filter:
// emails[type eq "work"].
type ValuePath struct {
	Attr   string // as written, with URN if there was one
	Filter Expr   // with names that begin at the value
}

// Compare compares an attribute with a value.
type Compare struct {
	Attr  string       // as written: with URN and sub-attribute if there were any
	Op    directory.Op // of those that compare
	Value any          // a string, a bool, a json.Number or nil; nothing for Present
	Bare  bool         // the value was written without quotation marks
}

func (And) expr()       {}
func (Or) expr()        {}
func (Not) expr()       {}
func (ValuePath) expr() {}
func (Compare) expr()   {}

// Path is the path of a PATCH operation: members, name.givenName,
// emails[type eq "work"], emails[type eq "work"].value, or the URN of a schema.
type Path struct {
	Attr   string // as written, with sub-attribute if no filter stands before that
	Filter Expr   // nil is none
	Sub    string // behind a filter; "" is none
}

// Unescape decodes percent escapes in the texts of a filter, and reports whether
// there were any. Some clients encode a query twice; who found nothing can look
// again so (Microsoft's validator: learn.microsoft.com, scimvalidator).
func Unescape(e Expr) (Expr, bool) {
	switch e := e.(type) {
	case And:
		list, found := unescapeAll(e)
		return And(list), found
	case Or:
		list, found := unescapeAll(e)
		return Or(list), found
	case Not:
		of, found := Unescape(e.Of)
		return Not{Of: of}, found
	case ValuePath:
		inner, found := Unescape(e.Filter)
		return ValuePath{Attr: e.Attr, Filter: inner}, found
	case Compare:
		text, ok := e.Value.(string)
		if !ok {
			return e, false
		}
		plain, found := unescapeText(text)
		if found {
			e.Value = plain
		}
		return e, found
	}
	return e, false
}

func unescapeAll(in []Expr) ([]Expr, bool) {
	out, found := make([]Expr, len(in)), false
	for i := range in {
		e, here := Unescape(in[i])
		out[i], found = e, found || here
	}
	return out, found
}

// fail is what cannot be read of a text: of a filter, or of a path outside of its
// filter (RFC 7644 §3.12, table 9).
func fail(kind scimerr.Type, text, format string, args ...any) error {
	what := "filter"
	if kind == scimerr.InvalidPath {
		what = "path"
	}
	e := scimerr.New(kind, format, args...)
	e.Detail = "The " + what + " " + scimerr.Quote(text) + " cannot be read: " + strings.TrimSuffix(e.Detail, ".") + "."
	return e
}
