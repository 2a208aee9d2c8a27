package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// The schemas of Bulk (RFC 7644 §3.7).
const (
	bulkRequestURN  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// operation is one of a Bulk request, and what became of it.
type operation struct {
	method  string
	bulkID  string
	path    string
	version string
	data    map[string]any
	wrong   *failure // it cannot be done, whatever is in the directory

	needs   []string // the bulkIds that it refers to
	waits   int      // for how many operations that are not done
	waiting []int    // those that wait for this one

	done     bool
	deferred bool // its references are to follow
	id       string
	status   int
	location string
	tag      string
	failed   *failure
}

// bulk does many operations, each by itself: the first that fail do not undo the
// others, unless failOnErrors ends it.
func (h *handler) bulk(ctx context.Context, req *request, o *output) error {
	object, err := body.DecodeObject(req.body, int(h.settings.BulkBytes))
	if err != nil {
		return err
	}
	if err := checkSchemas(object, bulkRequestURN, req.reading); err != nil {
		return err
	}
	b := batch{handler: h, req: req}
	if err := b.parse(object); err != nil {
		return err
	}
	b.link()
	b.run(ctx)
	b.complete(ctx)
	if b.whole != nil {
		return b.whole
	}
	b.answer(o)
	return nil
}

// batch is a Bulk request on its way.
type batch struct {
	*handler
	req          *request
	operations   []operation
	makers       map[string]int // the operations that give a bulkId an id
	ready        indexes
	failOnErrors int
	errors       int
	written      bool
	whole        error // the answer instead, while nothing has been written
}

func (b *batch) parse(object map[string]any) error {
	for name, value := range object {
		switch strings.ToLower(name) {
		case "failonerrors":
			n, _, err := numeral(name, value)
			if err != nil {
				return err
			}
			b.failOnErrors = n
		case "operations":
			list, ok := value.([]any)
			if !ok {
				return scimerr.New(scimerr.InvalidSyntax, "Operations must be a list.")
			}
			if len(list) > int(b.settings.Bulk) {
				return scimerr.Status(http.StatusRequestEntityTooLarge, "There are %d operations, %d are allowed in one request.", len(list), b.settings.Bulk)
			}
			b.operations = make([]operation, len(list))
			for i, v := range list {
				b.operations[i] = operationOf(v)
			}
		}
	}
	if b.operations == nil {
		return scimerr.New(scimerr.InvalidSyntax, "There are no Operations.")
	}
	return nil
}

func operationOf(v any) operation {
	var op operation
	object, ok := v.(map[string]any)
	if !ok {
		op.wrong = fail(http.StatusBadRequest, scimerr.InvalidSyntax, "An operation must be an object.")
		return op
	}
	for name, value := range object {
		var err error
		switch strings.ToLower(name) {
		case "method":
			op.method, err = text(name, value)
			op.method = strings.ToUpper(op.method)
		case "bulkid":
			op.bulkID, err = text(name, value)
		case "path":
			op.path, err = text(name, value)
		case "version":
			op.version, err = text(name, value)
		case "data":
			if op.data, ok = value.(map[string]any); !ok && value != nil {
				err = scimerr.New(scimerr.InvalidSyntax, "The data of an operation must be an object.")
			}
		}
		if err != nil {
			op.wrong = failureOf(err)
		}
	}
	switch op.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if op.data == nil && op.wrong == nil {
			op.wrong = fail(http.StatusBadRequest, scimerr.InvalidSyntax, "The operation has no data.")
		}
	case http.MethodDelete:
	default:
		op.method = ""
		op.wrong = fail(http.StatusBadRequest, scimerr.InvalidSyntax, "The method of an operation must be POST, PUT, PATCH or DELETE.")
	}
	return op
}

func (b *batch) answer(o *output) {
	o.buf = append(o.buf, `{"schemas":["`+bulkResponseURN+`"],"Operations":[`...)
	first := true
	for i := range b.operations {
		op := &b.operations[i]
		if !op.done {
			continue
		}
		if !first {
			o.buf = append(o.buf, ',')
		}
		first = false
		o.buf = append(o.buf, op.answer()...)
	}
	o.buf = append(o.buf, `]}`...)
}

// answer is the operation as RFC 7644 §3.7.3 writes it.
func (op *operation) answer() []byte {
	status := op.status
	var response json.RawMessage
	if op.failed != nil {
		status, response = op.failed.status, op.failed.body()
	}
	text, _ := json.Marshal(struct { // texts always encode
		Method   string          `json:"method,omitempty"`
		BulkID   string          `json:"bulkId,omitempty"`
		Version  string          `json:"version,omitempty"`
		Location string          `json:"location,omitempty"`
		Status   string          `json:"status"`
		Response json.RawMessage `json:"response,omitempty"`
	}{op.method, op.bulkID, op.tag, op.location, strconv.Itoa(status), response})
	return text
}
