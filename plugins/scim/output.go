package scim

import (
	"net/http"
	"strconv"
	"time"
)

// spillAt is how many bytes of an answer are held back. Until then an error is
// still answered with its own status; an answer that is longer goes out in
// pieces, so that no memory grows with a group.
const spillAt = 256 << 10

// output is an answer on its way: what renders appends to buf and then asks for
// room.
type output struct {
	w    http.ResponseWriter // nil: nobody reads the body (of an operation in Bulk)
	head bool                // the request is HEAD
	json bool                // application/json alone is accepted
	buf  []byte

	begins   func() // called before the head of the answer goes out
	id       string // of a resource that was made
	status   int
	location string
	version  int64 // of the resource; 0 is none
	started  bool
}

// shown is whether anybody reads the body.
func (o *output) shown() bool { return o.w != nil && o.status != http.StatusNoContent }

// room sends what has come together if it is much.
func (o *output) room() error {
	if len(o.buf) < spillAt {
		return nil
	}
	return o.send()
}

func (o *output) send() error {
	o.begin()
	if o.head || len(o.buf) == 0 {
		o.buf = o.buf[:0]
		return nil
	}
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

func (o *output) begin() {
	if o.started {
		return
	}
	o.started = true
	o.begins()
	h := o.w.Header()
	if len(o.buf) > 0 {
		h.Set("Content-Type", o.mediaType())
	}
	if o.location != "" {
		h.Set("Location", o.location)
	}
	if o.version > 0 {
		h.Set("ETag", etag(o.version))
	}
	h.Set("Cache-Control", "no-store")
	o.w.WriteHeader(o.status)
}

func (o *output) mediaType() string {
	if o.json {
		return "application/json; charset=utf-8"
	}
	return "application/scim+json; charset=utf-8"
}

// end sends the rest.
func (o *output) end(err error) {
	if err == nil {
		err = o.send()
	}
	switch {
	case err == nil:
	case o.started:
		// The status has gone out. A torn answer is an error to every client; one
		// that looks whole is what an IdP would act on.
		panic(http.ErrAbortHandler)
	default:
		o.refuse(failureOf(err))
	}
}

func (o *output) refuse(f *failure) {
	o.status, o.location, o.version, o.buf = f.status, "", 0, f.body()
	if f.retryAfter > 0 {
		o.w.Header().Set("Retry-After", retryAfter(f.retryAfter))
	}
	_ = o.send() // there is nobody else to tell
}

// retryAfter is in whole seconds: a date is not understood by Okta (OK-18).
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// etag is the weak entity tag of a version (RFC 7644 §3.14).
func etag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }
