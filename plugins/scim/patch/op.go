package patch

import (
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// PatchOpURN is the schema of the message (RFC 7644 §3.5.2).
const PatchOpURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// Verb is what an operation does.
type Verb string

// The verbs.
const (
	Add     Verb = "add"
	Replace Verb = "replace"
	Remove  Verb = "remove"
)

// OpsLimit is how many operations one PATCH may have.
const OpsLimit = 20_000

// Op is one operation of a PATCH.
type Op struct {
	Op       Verb
	Path     string
	HasPath  bool
	Value    any
	HasValue bool // a value that is null is there
}

// ParseOps reads the body of a PATCH.
func ParseOps(body map[string]any, r *dialect.Reading) ([]Op, error) {
	var found [2]any
	var there [2]bool
	if err := message(body, found[:], there[:], "schemas", "Operations"); err != nil {
		return nil, err
	}
	if !patchOp(found[0]) && !r.Took(dialect.MissingSchemas, "PATCH") {
		return nil, scimerr.New(scimerr.InvalidSyntax, "The schemas of a PATCH are [%q].", PatchOpURN)
	}
	list, ok := found[1].([]any)
	if !ok || len(list) == 0 {
		return nil, scimerr.New(scimerr.InvalidSyntax, "A PATCH has Operations, a list of one or more.")
	}
	if len(list) > OpsLimit {
		return nil, scimerr.Status(http.StatusRequestEntityTooLarge, "A PATCH has at most %d Operations. Send it in parts.", OpsLimit)
	}
	ops := make([]Op, len(list))
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, scimerr.New(scimerr.InvalidSyntax, "Operation %d is not an object.", i+1)
		}
		var err error
		if ops[i], err = parseOp(object, r); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

func patchOp(v any) bool {
	list, ok := v.([]any)
	if !ok || len(list) != 1 {
		return false
	}
	urn, ok := list[0].(string)
	return ok && schema.Same(urn, PatchOpURN)
}

func parseOp(object map[string]any, r *dialect.Reading) (Op, error) {
	var found [3]any
	var there [3]bool
	if err := message(object, found[:], there[:], "op", "path", "value"); err != nil {
		return Op{}, err
	}
	written, _ := found[0].(string)
	op := Op{Op: Verb(strings.ToLower(written)), Value: found[2], HasValue: there[2]}
	switch op.Op {
	case Add, Replace, Remove:
		if string(op.Op) != written && !r.Took(dialect.CapitalOps, string(op.Op)) {
			return Op{}, scimerr.New(scimerr.InvalidSyntax, "The op %s is written in small letters.", scimerr.Quote(written))
		}
	default:
		return Op{}, scimerr.New(scimerr.InvalidSyntax, "The op of an operation is add, replace or remove, not %s.", scimerr.Quote(written))
	}
	switch path := found[1].(type) {
	case nil:
	case string:
		op.Path, op.HasPath = path, path != ""
	default:
		return Op{}, scimerr.New(scimerr.InvalidPath, "The path of an operation is a text.")
	}
	return op, nil
}

// message finds the members of a message by their names, which may have either
// case (RFC 7643 §2.1). Others it has are none of its reader's.
func message(object map[string]any, found []any, there []bool, names ...string) error {
	exact := 0
	for i, name := range names {
		if found[i], there[i] = object[name]; there[i] {
			exact++
		}
	}
	if exact == len(object) {
		return nil
	}
	for key, v := range object {
		for i, name := range names {
			if key == name || !schema.Same(key, name) {
				continue
			}
			if there[i] {
				return scimerr.New(scimerr.InvalidSyntax, "The message has %s twice.", name)
			}
			found[i], there[i] = v, true
		}
	}
	return nil
}
