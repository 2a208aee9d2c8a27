package scim

import (
	"container/heap"
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// link finds which operation refers to what another one makes.
func (b *batch) link() {
	b.makers = map[string]int{}
	for i := range b.operations {
		op := &b.operations[i]
		if op.method != http.MethodPost || op.bulkID == "" {
			continue
		}
		if _, twice := b.makers[op.bulkID]; twice {
			op.wrong = fail(http.StatusBadRequest, scimerr.InvalidValue, "Another operation has this bulkId.")
			continue
		}
		b.makers[op.bulkID] = i
	}
	for i := range b.operations {
		op := &b.operations[i]
		op.needs = references(op.path[strings.LastIndexByte(op.path, '/')+1:], op.data)
		for _, name := range op.needs {
			if maker, ok := b.makers[name]; ok {
				op.waits++
				b.operations[maker].waiting = append(b.operations[maker].waiting, i)
			}
		}
		if op.waits == 0 {
			b.ready = append(b.ready, i)
		}
	}
}

// run does the operations in their order, but each behind those that it refers
// to. Where they refer to one another in a circle, the first is made without
// its references, which follow at the end.
func (b *batch) run(ctx context.Context) {
	for next := 0; !b.stopped(); {
		if len(b.ready) > 0 {
			b.do(ctx, heap.Pop(&b.ready).(int), false)
			continue
		}
		for next < len(b.operations) && (b.operations[next].done || b.operations[next].method != http.MethodPost) {
			next++
		}
		if next == len(b.operations) {
			return
		}
		b.do(ctx, next, true)
	}
}

func (b *batch) stopped() bool {
	return b.whole != nil || (b.failOnErrors > 0 && b.errors >= b.failOnErrors)
}

func (b *batch) do(ctx context.Context, i int, circular bool) {
	op := &b.operations[i]
	op.done = true
	data, err := b.resolve(op, circular)
	if err == nil {
		op.deferred = circular
		err = b.one(ctx, op, op.method, data)
	}
	b.settle(op, err)
	if b.makers[op.bulkID] != i || op.method != http.MethodPost {
		return
	}
	for _, w := range op.waiting {
		waiter := &b.operations[w]
		if waiter.waits--; waiter.waits == 0 && !waiter.done {
			heap.Push(&b.ready, w)
		}
	}
}

// settle keeps what became of an operation. As long as nothing was written, a
// directory that is not there is the answer to all: the client sends it again.
func (b *batch) settle(op *operation, err error) {
	if err == nil {
		b.written = true
		return
	}
	op.failed = failureOf(err)
	b.errors++
	if !b.written && (op.failed.status >= http.StatusInternalServerError || op.failed.status == http.StatusTooManyRequests) {
		b.whole = op.failed
	}
}

// one does one operation with its data.
func (b *batch) one(ctx context.Context, op *operation, method string, data map[string]any) error {
	if op.wrong != nil {
		return op.wrong
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	req := &request{target: b.route(b.resolvePath(op)), base: b.req.base, object: data, reading: b.req.reading, conditions: conditions{ifMatch: op.version}}
	if method != op.method { // a second step
		req.target.place, req.id, req.conditions = single, op.id, conditions{}
	}
	out := &output{status: http.StatusOK}
	var err error
	switch {
	case method == http.MethodPost && req.place == collection:
		err = b.create(ctx, req, out)
		op.id = out.id
	case method != http.MethodPost && req.place == single:
		out.location = req.kind.location(req.base, req.id)
		err = b.single(ctx, method, req, out)
	default:
		err = fail(http.StatusBadRequest, scimerr.InvalidPath, "The path of an operation must be that of a resource type, or for PUT, PATCH and DELETE that of a resource.")
	}
	if op.location = out.location; err != nil {
		return err
	}
	if method == op.method {
		op.status = out.status
	}
	if out.version > 0 {
		op.tag = etag(out.version)
	}
	return nil
}

// complete gives those their references that were made without. Who cannot have
// them is taken back: the operation is done whole or not at all.
func (b *batch) complete(ctx context.Context) {
	for i := range b.operations {
		op := &b.operations[i]
		if !op.deferred || op.failed != nil {
			continue
		}
		data, err := b.resolve(op, false)
		if err == nil {
			err = b.one(ctx, op, http.MethodPut, data)
		}
		if err == nil {
			continue
		}
		if undo := b.one(context.WithoutCancel(ctx), op, http.MethodDelete, nil); undo != nil && failureOf(undo).status != http.StatusNotFound {
			err = undo
		}
		op.location, op.tag = "", ""
		op.failed = failureOf(err)
		b.errors++
	}
}

// indexes is a heap of operations, the first on top.
type indexes []int

func (x indexes) Len() int           { return len(x) }
func (x indexes) Less(i, j int) bool { return x[i] < x[j] }
func (x indexes) Swap(i, j int)      { x[i], x[j] = x[j], x[i] }

// Push implements heap.Interface.
func (x *indexes) Push(v any) { *x = append(*x, v.(int)) }

// Pop implements heap.Interface.
func (x *indexes) Pop() any {
	last := (*x)[len(*x)-1]
	*x = (*x)[:len(*x)-1]
	return last
}
