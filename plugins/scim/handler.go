package scim

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// Directory is where users and groups are kept: hostsvc.Host.
type Directory interface {
	Find(ctx context.Context, q directory.Query) (directory.Page, error)
	Members(ctx context.Context, group, after string, limit int) ([]directory.Member, bool, error)
	Apply(ctx context.Context, changes []directory.Change) ([]directory.Outcome, error)
}

// bodyLimit bounds the body of a request that is not Bulk. The host has its own,
// for each connection, which is lower unless it is configured otherwise.
const bodyLimit = 64 << 20

// handler is one instance.
type handler struct {
	directory Directory
	settings  settings
	quirks    dialect.Set
	kinds     []*kind
	endpoints map[string]*kind // by lower-case name
	byType    map[directory.Type]*kind
	documents documents
}

var _ provision.Pusher = (*handler)(nil)

func newHandler(d Directory, s settings, quirks dialect.Set, kinds []*kind) *handler {
	h := &handler{directory: d, settings: s, quirks: quirks, kinds: kinds, endpoints: map[string]*kind{}, byType: map[directory.Type]*kind{}}
	for _, k := range kinds {
		h.endpoints[strings.ToLower(k.Endpoint[1:])] = k
		h.byType[k.Type()] = k
	}
	h.documents = newDocuments(s, kinds)
	return h
}

// request is one operation: an HTTP request, or a part of a Bulk one.
type request struct {
	target
	base       string // where the mount is seen from outside
	body       []byte
	object     map[string]any // the body, where it was read before
	query      url.Values
	conditions conditions
	reading    *dialect.Reading
}

// ServeHTTP implements provision.Pusher.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := &output{w: w, head: r.Method == http.MethodHead, json: prefersJSON(r.Header), status: http.StatusOK}
	reading := h.quirks.Read()
	o.begins = func() { // notes go along with the head of the answer
		for _, n := range reading.Notes() {
			provision.Record(r.Context(), provision.Note{Rule: n.Rule, Detail: legible(n.Detail)})
		}
	}
	o.end(h.serve(r, o, reading))
}

// legibleLength is how many bytes of a note's detail are kept. The host takes 512.
const legibleLength = 256

// legible is the detail of a note as the host takes it, which is also UTF-8. Names in it come from
// outside, and a note that the host does not take costs the whole answer.
func legible(detail string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, detail[:min(len(detail), legibleLength)])
}

func (h *handler) serve(r *http.Request, o *output, reading *dialect.Reading) error {
	req := &request{
		target: h.route(r.URL.Path), base: provision.BaseURL(r.Context()),
		conditions: conditionsOf(r.Header), reading: reading,
	}
	switch {
	case req.place == nowhere:
		return errNowhere
	case !allowed(req.place, r.Method):
		o.w.Header().Set("Allow", methods[req.place])
		return fail(http.StatusMethodNotAllowed, "", "This method does nothing here. "+methods[req.place]+" are allowed.")
	case req.place == me:
		return errMe
	}
	var err error
	if req.query, err = query(r.URL.RawQuery); err != nil {
		return err
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		if err := checkContent(r.Header); err != nil {
			return err
		}
		limit := int64(bodyLimit)
		if req.place == bulk {
			limit = int64(h.settings.BulkBytes)
		}
		if req.body, err = readBody(r.Body, limit); err != nil {
			return unread(err)
		}
	}
	switch req.place {
	case root, rootSearch, collectionSearch:
		return h.search(r.Context(), req, o)
	case collection:
		if r.Method == http.MethodPost {
			return h.create(r.Context(), req, o)
		}
		return h.search(r.Context(), req, o)
	case single:
		return h.single(r.Context(), r.Method, req, o)
	case bulk:
		return h.bulk(r.Context(), req, o)
	default:
		return h.discover(req, o)
	}
}

// single does one of the methods of a resource.
func (h *handler) single(ctx context.Context, method string, req *request, o *output) error {
	switch method {
	case http.MethodPut:
		return h.replace(ctx, req, o)
	case http.MethodPatch:
		return h.patch(ctx, req, o)
	case http.MethodDelete:
		return h.delete(ctx, req, o)
	default:
		return h.read(ctx, req, o)
	}
}

// errMe is the answer to /Me. The token is a connection's and nobody's own, for
// which RFC 7644 §3.11 has 501.
var errMe = fail(http.StatusNotImplemented, "", "The token belongs to a connection and to no user, so there is no /Me.")

// query reads the query of a URL. Keys that nobody knows are left alone (rule N1).
// What is malformed is refused, and not left out: a list without its filter would
// be of everybody, and the IdP would take the first one for whom it looked for. A
// semicolon is a character as another, as in forms of the WHATWG.
func query(raw string) (url.Values, error) {
	values := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, text, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fail(http.StatusBadRequest, scimerr.InvalidValue, "A name in the query has a % that is not followed by two hexadecimal digits.")
		}
		value, err := url.QueryUnescape(text)
		if err != nil {
			scimType := scimerr.InvalidValue
			if key == "filter" {
				scimType = scimerr.InvalidFilter
			}
			return nil, fail(http.StatusBadRequest, scimType, "A value in the query has a % that is not followed by two hexadecimal digits: a % itself is written %25.")
		}
		if key != "" {
			values.Add(key, value)
		}
	}
	return values, nil
}

// unread is the answer to a body that did not come whole.
func unread(err error) error {
	f := failureOf(err)
	if f.status == http.StatusInternalServerError {
		return fail(http.StatusBadRequest, "", "The body did not come whole.")
	}
	return f
}
