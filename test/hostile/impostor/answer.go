//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
)

// request is one of an IdP's, with the way to answer it.
type request struct {
	handle string
	send   func(*provisionv1.HandleResponse) bool // false: the stream is over
}

// answer begins an answer, or is all of it.
func (r request) answer(status int, body string, last bool, headers ...*provisionv1.Header) bool {
	headers = append(headers, &provisionv1.Header{Name: "Content-Type", Values: []string{"application/scim+json"}})
	return r.send(&provisionv1.HandleResponse{Handle: r.handle, Part: &provisionv1.HandleResponse_Answer{Answer: &provisionv1.HandleAnswer{
		Status: uint32(status), Headers: headers, Body: &provisionv1.Piece{Data: []byte(body), Last: last},
	}}})
}

func (r request) body(data []byte, last bool) bool {
	return r.send(&provisionv1.HandleResponse{Handle: r.handle, Part: &provisionv1.HandleResponse_Body{Body: &provisionv1.Piece{Data: data, Last: last}}})
}

// say answers truly: with what the host said.
func (r request) say(err error) {
	text := "it worked"
	if err != nil {
		text = err.Error()
	}
	r.answer(200, strconv.Quote(text), true)
}

// lie answers as no plugin may; false is that there is no such lie.
func (r request) lie(what string, with url.Values) bool {
	other := request{handle: with.Get("handle"), send: r.send}
	switch what {
	case "status":
		status, _ := strconv.Atoi(with.Get("is"))
		r.answer(status, "{}", true)
	case "header":
		r.answer(200, "{}", true, &provisionv1.Header{Name: with.Get("name"), Values: []string{with.Get("value")}})
	case "headers":
		var many []*provisionv1.Header
		for n := range 10000 {
			many = append(many, &provisionv1.Header{Name: fmt.Sprint("X-", n), Values: []string{strings.Repeat("x", 100)}})
		}
		r.answer(200, "{}", true, many...)
	case "note":
		r.send(&provisionv1.HandleResponse{Handle: r.handle, Part: &provisionv1.HandleResponse_Answer{Answer: &provisionv1.HandleAnswer{
			Status: 200, Body: &provisionv1.Piece{Last: true}, Notes: []*provisionv1.Note{{Rule: "a\nlevel=ERROR", Detail: "\x1b[2J"}},
		}}})
	case "twice":
		r.answer(200, "{", false)
		r.answer(200, "}", true)
	case "body-first":
		r.body([]byte("{}"), true)
	case "no-part":
		r.send(&provisionv1.HandleResponse{Handle: r.handle})
	case "after-the-end":
		r.answer(200, "{}", true)
		r.answer(200, "again", true)
		r.body([]byte("more"), true)
	case "for-another":
		other.answer(200, "evil", true)
	case "both":
		r.answer(200, "{", false)
		r.send(&provisionv1.HandleResponse{Handle: r.handle, Part: &provisionv1.HandleResponse_Problem{Problem: &basev1.Problem{Code: "not_found", Detail: "x"}}})
	case "problem":
		r.send(&provisionv1.HandleResponse{Handle: r.handle, Part: &provisionv1.HandleResponse_Problem{
			Problem: &basev1.Problem{Code: "made_up\nlevel=ERROR", Detail: strings.Repeat("\x1b[2J", 1000), RetryAfterMillis: 1 << 50},
		}})
	case "endless":
		piece := bytes.Repeat([]byte(" "), 64<<10)
		for ok := r.answer(200, "{", false); ok; {
			ok = r.body(piece, false)
		}
	case "hold": // it is under way until the other side has enough; it tells its handle
		r.answer(200, r.handle+strings.Repeat(" ", 64<<10), false)
	case "silent":
	case "panic":
		panic("with what the IdP sent")
	case "panic-in-the-middle":
		r.answer(200, strings.Repeat("{", 64<<10), false)
		panic("with what the IdP sent")
	case "exit":
		os.Exit(7)
	default:
		return false
	}
	return true
}
