package directory

import (
	"encoding/json"
	"iter"
	"reflect"
	"slices"
	"strings"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// resource is a row: a document with what is read from it into columns.
type resource struct {
	scope             Scope
	typ               sdk.Type
	id                string
	externalID        string
	name              string // folded
	display           string
	active            bool
	document          []byte
	version           int64
	created, modified int64 // microseconds since 1970

	values []value // rows of their own; set by read only
}

// value is a folded value of an attribute that is indexed.
type value struct{ attribute, folded string }

// The indexed attributes, as they stand in rows.
const (
	emailValue  = "emails.value"
	displayName = "displayName" // of users: of others it is a column
)

// valueLimit is how much of a value is indexed. The rest is compared in the
// document.
const valueLimit = 512

// namesake is what tells apart resources that may have one name.
func (r *resource) namesake() string {
	if r.typ == sdk.User {
		return ""
	}
	return r.id
}

// read checks what a provisioner gives and reads the columns from the document.
func read(s Scope, from sdk.Resource) (*resource, error) {
	if !from.Type.Check() {
		return nil, problem.New(problem.Invalid, "there is no type of resources with this name")
	}
	if !idForm.MatchString(from.ID) {
		return nil, problem.New(problem.Invalid, "the id of a resource is lower case letters, digits and dashes, at most 64 of them")
	}
	if len(from.ExternalID) > nameLimit {
		return nil, problem.New(problem.Invalid, "an externalId is over %d bytes", nameLimit)
	}
	if !cleanText(from.ExternalID) {
		return nil, problem.New(problem.Invalid, "the externalId is not valid UTF-8, or has a NUL in it")
	}
	doc, err := compact(from.Attributes)
	if err != nil {
		return nil, err
	}
	r := &resource{scope: s, typ: from.Type, id: from.ID, externalID: from.ExternalID, active: true, document: doc}
	if from.Type == sdk.User {
		err = r.readUser()
	} else {
		err = r.readOther()
	}
	return r, err
}

func (r *resource) readUser() error {
	var shown string
	for name, raw := range fields(r.document) {
		switch name {
		case "userName":
			userName, ok := textOf(raw)
			if !ok || userName == "" {
				return problem.New(problem.Invalid, "a user's userName is not a text, or empty")
			}
			r.name, r.display = fold(userName), userName
		case "displayName":
			shown, _ = textOf(raw)
		case "active":
			switch string(raw) {
			case "true", "null":
			case "false":
				r.active = false
			default:
				return problem.New(problem.Invalid, "a user's active is neither true nor false")
			}
		}
	}
	if r.name == "" {
		return problem.New(problem.Invalid, "a user has no userName")
	}
	if len(r.name) > nameLimit {
		return problem.New(problem.Invalid, "a userName is over %d bytes", nameLimit)
	}
	if shown != "" {
		r.display = cut(shown, nameLimit)
	}
	return r.readValues()
}

// readValues reads what has rows of its own.
func (r *resource) readValues() error {
	for found := range at(r.document, []string{"emails", "value"}) {
		if text, ok := textOf(found); ok {
			r.values = append(r.values, value{emailValue, cut(fold(text), valueLimit)})
		}
		if len(r.values) > emailsLimit {
			return problem.New(problem.Invalid, "a user has more than %d e-mail addresses", emailsLimit)
		}
	}
	for found := range at(r.document, []string{"displayName"}) {
		if text, ok := textOf(found); ok {
			r.values = append(r.values, value{displayName, cut(fold(text), valueLimit)})
		}
	}
	slices.SortFunc(r.values, func(a, b value) int {
		return strings.Compare(a.attribute+a.folded, b.attribute+b.folded)
	})
	r.values = slices.Compact(r.values)
	return nil
}

func (r *resource) readOther() error {
	raw := field(r.document, "displayName")
	shown, ok := textOf(raw)
	if r.typ == sdk.Group && (!ok || shown == "") {
		return problem.New(problem.Invalid, "a group's displayName is not a text, or empty")
	}
	r.name, r.display = fold(shown), shown
	if len(r.name) > nameLimit {
		return problem.New(problem.Invalid, "a displayName is over %d bytes", nameLimit)
	}
	return nil
}

// same reports whether two versions of a resource say the same.
func (r *resource) same(o *resource) bool {
	return r.externalID == o.externalID && (string(r.document) == string(o.document) || len(differences(r.document, o.document)) == 0)
}

// differences names the attributes that differ between two documents, those of
// an extension by its URN and name.
func differences(a, b []byte) []string {
	var was, is map[string]any
	if decode(a, &was) != nil || decode(b, &is) != nil {
		return []string{"*"} // a document that cannot be read is another one
	}
	var names []string
	for name := range either(was, is) {
		if reflect.DeepEqual(was[name], is[name]) {
			continue
		}
		before, ok := was[name].(map[string]any)
		after, both := is[name].(map[string]any)
		if !strings.HasPrefix(name, "urn:") || !ok || !both {
			names = append(names, name)
			continue
		}
		for sub := range either(before, after) {
			if !reflect.DeepEqual(before[sub], after[sub]) {
				names = append(names, name+":"+sub)
			}
		}
	}
	slices.Sort(names)
	return names
}

func decode(raw []byte, into *map[string]any) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	return d.Decode(into)
}

// either are the names in either of two objects.
func either(a, b map[string]any) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range a {
			if !yield(name) {
				return
			}
		}
		for name := range b {
			if _, seen := a[name]; !seen && !yield(name) {
				return
			}
		}
	}
}
