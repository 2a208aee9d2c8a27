// Package patch says what the bodies of SCIM mean for a resource: those that
// create and replace it (RFC 7644 §3.3, §3.5.1), and the operations that change
// it (§3.5.2). It reads and writes nothing: what it is given stays as it is, and
// what it returns is the caller's to store.
//
// A document is the attributes of a resource by their canonical names, those of
// an extension in an object under its URN. id, externalId, meta, schemas,
// password and groups are no part of it, nor are the members of a group.
package patch

import (
	"fmt"
	"net/http"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// Result is what a request makes of a resource.
type Result struct {
	Doc        map[string]any // the document as it is to be
	ExternalID *string        // as it is to be; "" is none, nil as it is
	Members    Members        // what happens to the members of a group

	// Changed is false if all is to be as it is, as far as can be seen here: the
	// members of a group, and which external id it has, the caller knows.
	Changed bool
}

// workLimit bounds what one request compares: values held against a filter, or
// against others. The largest requests that IdPs send stay far below.
const workLimit = 1 << 19

// Apply says what becomes of a document by the operations of a PATCH, in their
// order. All of them count or none. The document must be of the resource type.
// The error is a *scimerr.Error.
func Apply(rt *schema.ResourceType, doc map[string]any, ops []Op, r *dialect.Reading) (Result, error) {
	c := newChange(rt, clone(doc), r)
	for i, op := range ops {
		if err := c.apply(op); err != nil {
			return Result{}, scimerr.Within(fmt.Sprintf("Operation %d", i+1), err)
		}
	}
	if err := c.complete(); err != nil {
		return Result{}, err
	}
	members := c.members.delta(r)
	return Result{
		Doc: c.doc, ExternalID: c.externalID, Members: members,
		Changed: c.externalID != nil || !members.Empty() || !equal(doc, c.doc),
	}, nil
}

// change is a document that is being changed, and is nobody else's.
type change struct {
	rt         *schema.ResourceType
	doc        map[string]any
	reading    *dialect.Reading
	externalID *string
	members    memberChange
	budget     filter.Budget
	writes     bool // whole resources are written, in which what is readOnly is left out (RFC 7644 §3.5.1)
}

func newChange(rt *schema.ResourceType, doc map[string]any, r *dialect.Reading) *change {
	return &change{rt: rt, doc: doc, reading: r, budget: filter.Budget{Left: workLimit}}
}

func (c *change) apply(op Op) error {
	switch {
	case !op.HasPath && op.Op == Remove:
		return scimerr.New(scimerr.NoTarget, "A remove needs a path.")
	case !op.HasValue && op.Op != Remove:
		return scimerr.New(scimerr.InvalidValue, "The operation %s needs a value.", op.Op)
	case op.HasValue && op.Value == nil && op.Op != Remove && !c.reading.Took(dialect.NullInPatch, noted(op.Path)):
		return scimerr.New(scimerr.InvalidValue, "The operation %s has the value null.", op.Op)
	case op.HasPath:
		path, err := filter.ParsePath(op.Path, c.reading)
		if err != nil {
			return err
		}
		return c.at(op, path)
	}
	object, ok := op.Value.(map[string]any)
	if !ok {
		return scimerr.New(scimerr.InvalidValue, "Without a path the value of %s is an object with attributes.", op.Op)
	}
	keys, err := names(object)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.key(op.Op, key, object[key]); err != nil {
			return err
		}
	}
	return c.spent()
}

func (c *change) spent() error {
	if c.budget.Spent() {
		return scimerr.Status(http.StatusRequestEntityTooLarge, "The request compares more values than a single one may. Send it in parts.")
	}
	return nil
}

// complete checks what must be there in the end (RFC 7643 §2.2, required).
func (c *change) complete() error {
	if err := required(c.rt.Schema, c.doc); err != nil {
		return err
	}
	for _, e := range c.rt.Extensions {
		object, ok := c.doc[e.ID].(map[string]any)
		if !ok {
			continue
		}
		if err := required(e, object); err != nil {
			return err
		}
	}
	return nil
}

func required(s *schema.Schema, object map[string]any) error {
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if !a.Required {
			continue
		}
		if v, ok := object[a.Name]; !ok || v == "" {
			return scimerr.New(scimerr.InvalidValue, "The attribute %s is required.", a.Name)
		}
	}
	return nil
}
