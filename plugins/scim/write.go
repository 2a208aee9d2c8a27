package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// create makes a resource (RFC 7644 §3.3).
func (h *handler) create(ctx context.Context, req *request, o *output) error {
	object, err := req.content()
	if err != nil {
		return err
	}
	made, err := patch.Normalize(req.kind.ResourceType, object, nil, req.reading)
	if err != nil {
		return err
	}
	r := &directory.Resource{Type: req.kind.Type(), ID: directory.NewID()}
	if made.ExternalID != nil {
		r.ExternalID = *made.ExternalID
	}
	if r.Attributes, err = encode(made.Doc); err != nil {
		return err
	}
	changes := []directory.Change{directory.Create{Resource: *r, Adopt: h.settings.Adopt && req.kind.user()}}
	if len(made.Members.Add) > 0 {
		changes = append(changes, directory.Members{Group: r.ID, All: true, Add: made.Members.Add, SkipUnknown: made.Members.SkipUnknown})
	}
	if err := h.apply(ctx, req, r, changes); err != nil {
		return err
	}
	o.status, o.id, o.location = http.StatusCreated, r.ID, req.kind.location(req.base, r.ID)
	return h.written(ctx, req, o, r, len(made.Members.Add) > 0)
}

// replace gives a resource its attributes anew (RFC 7644 §3.5.1).
func (h *handler) replace(ctx context.Context, req *request, o *output) error {
	object, err := req.content()
	if err != nil {
		return err
	}
	return h.rewrite(ctx, req, o, func(before map[string]any) (patch.Result, error) {
		return patch.Normalize(req.kind.ResourceType, object, before, req.reading)
	})
}

// patch changes some attributes of a resource (RFC 7644 §3.5.2). For a group the
// answer is 204, as Entra asks for, unless attributes are named.
func (h *handler) patch(ctx context.Context, req *request, o *output) error {
	object, err := req.content()
	if err != nil {
		return err
	}
	ops, err := patch.ParseOps(object, req.reading)
	if err != nil {
		return err
	}
	if req.kind.group() && !req.query.Has("attributes") {
		o.status = http.StatusNoContent
	}
	return h.rewrite(ctx, req, o, func(before map[string]any) (patch.Result, error) {
		return patch.Apply(req.kind.ResourceType, before, ops, req.reading)
	})
}

// rewrite reads a resource, has it changed, and writes it.
func (h *handler) rewrite(ctx context.Context, req *request, o *output, change func(before map[string]any) (patch.Result, error)) error {
	q := directory.Query{Attributes: true, Groups: o.shown() && req.kind.user() && req.view().plan.shows("groups")}
	var r *directory.Resource
	err := h.retried(ctx, req, func() error {
		var err error
		if r, err = h.find(ctx, req, q); err != nil {
			return err
		}
		if err := req.conditions.write(r.Version); err != nil {
			return err
		}
		before, err := body.DecodeObject(r.Attributes, directory.AttributesLimit)
		if err != nil {
			return problem.Wrap(err, problem.Internal, "the directory has attributes that cannot be read")
		}
		result, err := change(before)
		if err != nil {
			return err
		}
		changes, err := h.changes(ctx, req, r, result)
		if err != nil || len(changes) == 0 {
			return err
		}
		return h.apply(ctx, req, r, changes)
	})
	switch {
	case problem.Is(err, problem.NotFound):
		return req.errGone()
	case err != nil:
		return err
	}
	return h.written(ctx, req, o, r, true)
}

// changes says what must be written so that a resource becomes what a request
// made of it, and sets that in r. Nothing is to be written if it is so already,
// so that its version stays (RFC 7644 §3.5.2.1).
func (h *handler) changes(ctx context.Context, req *request, r *directory.Resource, result patch.Result) ([]directory.Change, error) {
	var changes []directory.Change
	version := r.Version
	attributes, err := encode(result.Doc)
	if err != nil {
		return nil, err
	}
	externalID := r.ExternalID
	if result.ExternalID != nil {
		externalID = *result.ExternalID
	}
	if externalID != r.ExternalID || (result.Changed && !bytes.Equal(attributes, r.Attributes)) {
		r.ExternalID, r.Attributes = externalID, attributes
		changes = append(changes, directory.Replace{Resource: directory.Resource{
			Type: r.Type, ID: r.ID, ExternalID: externalID, Version: version, Attributes: attributes,
		}})
	}
	if result.Members.Empty() {
		return changes, nil
	}
	m := directory.Members{
		Group: r.ID, All: result.Members.All, Add: result.Members.Add, Remove: result.Members.Remove, SkipUnknown: result.Members.SkipUnknown,
	}
	chosen, err := h.choose(ctx, r.ID, result.Members)
	if err != nil {
		return nil, err
	}
	m.Remove = append(m.Remove, chosen...)
	if req.conditions != (conditions{}) || len(result.Members.Select) > 0 {
		m.Version = version
	}
	return append(changes, m), nil
}

// apply does the changes of one operation, and sets in r what became of it.
func (h *handler) apply(ctx context.Context, req *request, r *directory.Resource, changes []directory.Change) error {
	outcomes, err := h.directory.Apply(ctx, changes)
	if err != nil {
		return err
	}
	if len(outcomes) != len(changes) {
		return problem.New(problem.Internal, "the directory answered %d changes of %d", len(outcomes), len(changes))
	}
	unknown := 0
	for _, outcome := range outcomes {
		r.ID, r.Version, r.Created, r.Modified = outcome.ID, outcome.Version, outcome.Created, outcome.Modified
		unknown += len(outcome.Unknown)
	}
	if unknown > 0 {
		req.reading.Took(dialect.UnknownMembers, "members that are not there: "+strconv.Itoa(unknown))
	}
	return nil
}

// writeMembers is how many members a group can have to be shown with them in
// the answer to a write. A larger one is shown without, which no IdP minds
// (OK-24).
const writeMembers = directory.PageLimit

// written answers a write that was done. The members of a group are read for it:
// if they cannot be, the answer is without them, for the write stands, and an IdP
// that sent it again would make a second group.
func (h *handler) written(ctx context.Context, req *request, o *output, r *directory.Resource, members bool) error {
	o.version = r.Version
	if !o.shown() {
		return nil
	}
	v := req.view()
	v.most = writeMembers
	if members && req.kind.group() && v.plan.shows("members") {
		now, err := h.find(ctx, req.of(r.ID), directory.Query{Members: writeMembers})
		if err == nil && now.Version == r.Version {
			r.Members, r.More = now.Members, now.More
		} else {
			req.reading.Note("answered-without-members", "the group was written, and its members could not be read for the answer")
		}
	}
	return h.resource(ctx, o, v, r)
}

// of is the request as one about a resource that it made.
func (r *request) of(id string) *request {
	about := *r
	about.id = id
	return &about
}

// encode writes a document as the directory keeps it: names in order, so that
// what is equal has one form.
func encode(document map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil {
		return nil, problem.Wrap(err, problem.Internal, "a resource cannot be written as JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
