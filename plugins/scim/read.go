package scim

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// errGone is the answer to an id that the connection has nothing under.
func (r *request) errGone() error {
	return fail(http.StatusNotFound, "", "There is no "+r.kind.Name+" with this id.")
}

// find reads the one resource that a request is about.
func (h *handler) find(ctx context.Context, req *request, q directory.Query) (*directory.Resource, error) {
	if !possible(req.id) {
		return nil, req.errGone()
	}
	q.Type, q.ID, q.Limit = req.kind.Type(), req.id, 1
	page, err := h.directory.Find(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case len(page.Resources) == 0:
		return nil, req.errGone()
	case len(page.Resources) > 1 || page.Resources[0].ID != req.id:
		return nil, problem.New(problem.Internal, "the directory answered another resource than was asked for")
	}
	return &page.Resources[0], nil
}

// possible reports whether an id can be one. What is longer than any, or no text,
// nobody has to be asked for.
func possible(id string) bool {
	return len(id) <= longestID && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// read answers one resource (RFC 7644 §3.4.1), or 304 to who has it already.
func (h *handler) read(ctx context.Context, req *request, o *output) error {
	v := req.view()
	q := directory.Query{Attributes: v.needsAttributes(), Groups: req.kind.user() && v.plan.shows("groups")}
	if req.kind.group() && v.plan.shows("members") {
		q.Members = membersPage
	}
	r, err := h.find(ctx, req, q)
	if err != nil {
		return err
	}
	if c := req.conditions; c.ifMatch != "" && !matches(c.ifMatch, r.Version) {
		return errPrecondition
	}
	o.version = r.Version
	if req.conditions.unchanged(r.Version) {
		o.status = http.StatusNotModified
		return nil
	}
	return h.resource(ctx, o, v, r)
}

// delete removes one resource (RFC 7644 §3.6).
func (h *handler) delete(ctx context.Context, req *request, o *output) error {
	if !possible(req.id) {
		return req.errGone()
	}
	err := h.retried(ctx, req, func() error {
		d := directory.Delete{Type: req.kind.Type(), ID: req.id}
		if req.conditions != (conditions{}) {
			r, err := h.find(ctx, req, directory.Query{})
			if err != nil {
				return err
			}
			if err := req.conditions.write(r.Version); err != nil {
				return err
			}
			d.Version = r.Version
		}
		_, err := h.directory.Apply(ctx, []directory.Change{d})
		return err
	})
	if problem.Is(err, problem.NotFound) {
		return req.errGone()
	}
	o.status = http.StatusNoContent
	return err
}

// tries is how often a write is tried while others write the same resource.
const tries = 3

// retried does a write, which reads first, and again if somebody else came
// between. Who named a version is told of that instead.
func (h *handler) retried(ctx context.Context, req *request, write func() error) error {
	for try := 1; ; try++ {
		err := write()
		switch {
		case !problem.Is(err, problem.Changed):
			return err
		case req.conditions != (conditions{}):
			return errPrecondition
		case try == tries || ctx.Err() != nil:
			return &failure{status: http.StatusServiceUnavailable, detail: "Others write the same resource. Send the request again.", retryAfter: retryLater}
		}
	}
}
