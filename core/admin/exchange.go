package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// bodyLimit bounds a request's body, in bytes.
const bodyLimit = 1 << 20

type callKey struct{}

func withCall(r *http.Request, c *call) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callKey{}, c))
}

// mergePatch is the media type of a change (RFC 7396).
const mergePatch = "application/merge-patch+json"

// withStatus is a Problem with an HTTP status that no code of one has.
type withStatus struct {
	status int
	*problem.Problem
}

func (s withStatus) Unwrap() error { return s.Problem }

// checkContentType takes bodies of the wanted kind of JSON only. So no form of a
// web page reaches a route, whatever credential might ever come with it.
func checkContentType(r *http.Request, wanted string) error {
	if r.ContentLength == 0 {
		return nil
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, given := parameters["charset"]
	if err == nil && kind == wanted && (!given || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	return withStatus{http.StatusUnsupportedMediaType, problem.New(problem.Invalid, "the body is not declared as JSON of the kind that is read here").
		WithHint("send Content-Type: %s", wanted)}
}

// read decodes the body, which may be missing where nothing in it is needed.
func read(c *call, into any) error {
	text, err := io.ReadAll(c.Body)
	if err != nil {
		return explain(err)
	}
	if len(text) == 0 {
		return nil
	}
	if err := checkMembers(text, into); err != nil {
		return err
	}
	return explain(json.Unmarshal(text, into))
}

// checkMembers refuses what encoding/json passes over: a member that is not
// known, stands twice, or is known in another case only, and null where it takes
// nothing away. A body must not mean one thing to us and another to whoever
// checked it before.
func checkMembers(text []byte, into any) error {
	if !utf8.Valid(text) {
		return problem.New(problem.Invalid, "the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err == nil && first == nil {
		return problem.New(problem.Invalid, "the body is null").WithHint("send an object, or no body where nothing in it is needed")
	} else if err != nil || first != json.Delim('{') {
		return explain(json.Unmarshal(text, into)) // says what is there instead
	}
	known, takes := members(reflect.TypeOf(into).Elem())
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return explain(err)
		}
		member, _ := name.(string)
		var value json.RawMessage
		switch err := d.Decode(&value); {
		case err != nil:
			return explain(err)
		case !known[member]:
			return problem.New(problem.Invalid, "the body has a field %s that this route does not know", quoted(member))
		case seen[member]:
			return problem.New(problem.Invalid, "the field %q stands twice in the body", member)
		case string(value) == "null" && !takes[member]:
			return problem.New(problem.Invalid, "the field %q is null", member).WithHint("leave it out")
		}
		seen[member] = true
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return explain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.New(problem.Invalid, "there is something after the end of the body's JSON")
	}
	return nil
}

// members are the names that a struct's fields have in JSON, and those among
// them that null takes something away from.
func members(t reflect.Type) (names, takes map[string]bool) {
	names, takes = map[string]bool{}, map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names[name] = true
			_, takes[name] = changed(f.Type)
		}
	}
	return names, takes
}

func explain(err error) error {
	var large *http.MaxBytesError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return problem.New(problem.TooLarge, "the body is over %d bytes", large.Limit)
	case errors.As(err, &syntax):
		return problem.New(problem.Invalid, "the body is no JSON: byte %d is not what stands there", syntax.Offset)
	case errors.As(err, &kind):
		return problem.New(problem.Invalid, "the field %q cannot be a %s", kind.Field, kind.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.New(problem.Invalid, "the body's JSON is cut short")
	}
	return problem.Wrap(err, problem.Invalid, "the body cannot be read").WithHint("times are RFC 3339, durations such as \"24h\"")
}

func (a *API) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // the status is sent: a caller who is gone cannot be told
}

// refuse answers with a problem, and logs what is not the caller's doing.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var other withStatus
	if errors.As(err, &other) {
		a.refuseAs(w, r, other.status, other.Problem)
		return
	}
	var made alreadyMade
	if errors.As(err, &made) {
		doc := made.Document(a.trace(r))
		a.writeProblem(w, doc.Status, wire.Repeated{Document: doc, Made: &made.made})
		return
	}
	p := problem.As(err)
	trace := a.trace(r)
	if wrong := (*RefusedConfig)(nil); errors.As(err, &wrong) {
		a.writeProblem(w, http.StatusBadRequest, refusedConfig{wrong.Document(trace), wrong.Diagnostics, wrong.Report})
		return
	}
	if wrong := (*mistaken)(nil); errors.As(err, &wrong) {
		a.writeProblem(w, http.StatusBadRequest, refusedImport{wrong.Document(trace), wrong.mistakes})
		return
	}
	if p.Code.Status() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse admin"`)
	}
	if p.Code.Status() >= http.StatusInternalServerError {
		a.Logger.ErrorContext(r.Context(), "an admin request failed", "trace_id", trace, "method", r.Method, "path", r.URL.Path, "error", err, "hint", p.Hint)
	}
	problem.Write(w, err, trace)
}

// refuseAs answers with a status that no code of a Problem has.
func (a *API) refuseAs(w http.ResponseWriter, r *http.Request, status int, p *problem.Problem) {
	doc := p.Document(a.trace(r))
	doc.Status, doc.Title = status, http.StatusText(status)
	a.writeProblem(w, status, doc)
}

func (a *API) writeProblem(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", problem.MediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // as in write
}

// trace is the trace id of the call, or a new one before there is a call.
func (a *API) trace(r *http.Request) string {
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		return c.trace
	}
	return a.TraceID(r.Header)
}
